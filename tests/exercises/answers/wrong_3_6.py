# %% greedy: the cheapest next step, leaving room for the rest
def cheapest_path(cost, steps):
    path = [len(cost) - 1]
    for left in range(steps - 1, 0, -1):
        here = path[-1]
        path.append(min(range(left, here), key=lambda s: cost[here, s].item()))
    return [*path, 0]


# %% even steps
def cheapest_path(cost, steps):
    return [round(t) for t in torch.linspace(len(cost) - 1, 0, steps + 1, dtype=torch.float64).tolist()]


# %% steps taken for times
def cheapest_path(cost, steps):
    top = len(cost) - 1
    prices = torch.where(torch.ones_like(cost, dtype=torch.bool).tril(-1), cost, math.inf)
    best, choices = prices[:, 0], []
    for _ in range(max(steps - 2, 0)):
        best, choice = (prices + best).min(1)
        choices.append(choice)
    path = [top]
    for choice in reversed(choices):
        path.append(choice[path[-1]].item())
    return [*path, 0]


# %% at most so many steps
def cheapest_path(cost, steps):
    top = len(cost) - 1
    prices = torch.where(torch.ones_like(cost, dtype=torch.bool).tril(-1), cost, math.inf)
    best, choices = prices[:, 0], []
    for _ in range(steps - 1):
        stay = best
        best, choice = (prices + best).min(1)
        choice = torch.where(stay <= best, torch.arange(top + 1), choice)
        best = torch.minimum(stay, best)
        choices.append(choice)
    path = [top]
    for choice in reversed(choices):
        path.append(choice[path[-1]].item())
    path = [*path, 0]
    return [t for i, t in enumerate(path) if i == 0 or t != path[i - 1]]


# %% the table read the other way round
def cheapest_path(cost, steps):
    top = len(cost) - 1
    prices = torch.where(torch.ones_like(cost, dtype=torch.bool).tril(-1), cost.T, math.inf)
    best, choices = prices[:, 0], []
    for _ in range(steps - 1):
        best, choice = (prices + best).min(1)
        choices.append(choice)
    path = [top]
    for choice in reversed(choices):
        path.append(choice[path[-1]].item())
    return [*path, 0]


# %% the diagonal and what is above it used
def cheapest_path(cost, steps):
    best, choices = cost[:, 0], []
    for _ in range(steps - 1):
        best, choice = (cost + best).min(1)
        choices.append(choice)
    path = [len(cost) - 1]
    for choice in reversed(choices):
        path.append(choice[path[-1]].item())
    return [*path, 0]


# %% the arrows followed in the wrong order
def cheapest_path(cost, steps):
    prices = torch.where(torch.ones_like(cost, dtype=torch.bool).tril(-1), cost, math.inf)
    best, choices = prices[:, 0], []
    for _ in range(steps - 1):
        best, choice = (prices + best).min(1)
        choices.append(choice)
    path = [len(cost) - 1]
    for choice in choices:
        path.append(choice[path[-1]].item())
    return [*path, 0]


# %% the dearest path
def cheapest_path(cost, steps):
    prices = torch.where(torch.ones_like(cost, dtype=torch.bool).tril(-1), cost, -math.inf)
    best, choices = prices[:, 0], []
    for _ in range(steps - 1):
        best, choice = (prices + best).max(1)
        choices.append(choice)
    path = [len(cost) - 1]
    for choice in reversed(choices):
        path.append(choice[path[-1]].item())
    return [*path, 0]


# %% infinite prices replaced by a large number that is not large enough
def cheapest_path(cost, steps):
    prices = torch.where(torch.ones_like(cost, dtype=torch.bool).tril(-1), cost, 1.0)
    best, choices = prices[:, 0], []
    for _ in range(steps - 1):
        best, choice = (prices + best).min(1)
        choices.append(choice)
    path = [len(cost) - 1]
    for choice in reversed(choices):
        path.append(choice[path[-1]].item())
    return [*path, 0]
