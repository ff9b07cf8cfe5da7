# %% the fault itself
def adams_bashforth(model, x, grid):
    return adams_bashforth_with_a_fault(model, x, grid)


# %% repaired by leaving the last term out: DDIM
def adams_bashforth(model, x, grid):
    return samplers.ddim(model, x, grid)


# %% the wrong end in both coefficients
def adams_bashforth(model, x, grid):
    process, before = model.process, None
    times = [float(t) for t in grid]
    for t, s in zip(times[:-1], times[1:]):
        eps = model.eps(x, t)
        h = process.sigma(s) / process.alpha(s) - process.sigma(t) / process.alpha(t)
        ratio = 0.0 if before is None else h / (2 * h_before)
        keep = process.alpha(s) / process.alpha(t)
        now, old = process.alpha(t) * h * (1 + ratio), -process.alpha(t) * h * ratio
        x = keep * x + now * eps + (0 if before is None else old * before)
        before, h_before = eps, h
    return x


# %% the factor of the step before in the last coefficient
def adams_bashforth(model, x, grid):
    process, before = model.process, None
    times = [float(t) for t in grid]
    for t, s in zip(times[:-1], times[1:]):
        eps = model.eps(x, t)
        h = process.sigma(s) / process.alpha(s) - process.sigma(t) / process.alpha(t)
        ratio = 0.0 if before is None else h / (2 * h_before)
        keep = process.alpha(s) / process.alpha(t)
        old = 0.0 if before is None else -a_before * h * ratio
        x = keep * x + process.alpha(s) * h * (1 + ratio) * eps + (0 if before is None else old * before)
        before, h_before, a_before = eps, h, process.alpha(t)
    return x


# %% the coefficients of even steps
def adams_bashforth(model, x, grid):
    process, before = model.process, None
    times = [float(t) for t in grid]
    for t, s in zip(times[:-1], times[1:]):
        eps = model.eps(x, t)
        h = process.sigma(s) / process.alpha(s) - process.sigma(t) / process.alpha(t)
        change = eps if before is None else 1.5 * eps - 0.5 * before
        x = process.alpha(s) / process.alpha(t) * x + process.alpha(s) * h * change
        before = eps
    return x


# %% the sign of the last coefficient
def adams_bashforth(model, x, grid):
    process, before = model.process, None
    times = [float(t) for t in grid]
    for t, s in zip(times[:-1], times[1:]):
        eps = model.eps(x, t)
        h = process.sigma(s) / process.alpha(s) - process.sigma(t) / process.alpha(t)
        ratio = 0.0 if before is None else h / (2 * h_before)
        change = eps if before is None else (1 - ratio) * eps + ratio * before
        x = process.alpha(s) / process.alpha(t) * x + process.alpha(s) * h * change
        before, h_before = eps, h
    return x


# %% Heun: of second order, but two calls a step
def adams_bashforth(model, x, grid):
    return samplers.heun(model, x, grid)


# %% right under VE only: alpha left out
def adams_bashforth(model, x, grid):
    process, before = model.process, None
    times = [float(t) for t in grid]
    for t, s in zip(times[:-1], times[1:]):
        eps = model.eps(x, t)
        h = process.sigma(s) - process.sigma(t)
        ratio = 0.0 if before is None else h / (2 * h_before)
        x = x + h * (eps if before is None else (1 + ratio) * eps - ratio * before)
        before, h_before = eps, h
    return x


# %% its own even steps in place of the grid
def adams_bashforth(model, x, grid):
    times = torch.linspace(float(grid[0]), float(grid[-2]), len(grid), dtype=torch.float64)
    return samplers.deis(model, x, times, order=2)
