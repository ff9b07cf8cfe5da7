# %% Euler
def solve(model, x, grid):
    return samplers.euler(model, x, grid)


# %% Heun with both velocities taken at the old time
def solve(model, x, grid):
    def velocity(x, t):
        return model.process.drift_rate(t) * x - 0.5 * model.process.diffusion(t) ** 2 * model.score(x, t)

    times = [float(t) for t in grid]
    for t, s in zip(times[:-1], times[1:]):
        if s == 0:
            return model(x, t)
        first = velocity(x, t)
        x = x + (s - t) * (first + velocity(x + (s - t) * first, t)) / 2
    return x


# %% Heun at the new time but the old state
def solve(model, x, grid):
    def velocity(x, t):
        return model.process.drift_rate(t) * x - 0.5 * model.process.diffusion(t) ** 2 * model.score(x, t)

    times = [float(t) for t in grid]
    for t, s in zip(times[:-1], times[1:]):
        if s == 0:
            return model(x, t)
        x = x + (s - t) * (velocity(x, t) + velocity(x, s)) / 2
    return x


# %% a third call for each step
def solve(model, x, grid):
    def velocity(x, t):
        return model.process.drift_rate(t) * x - 0.5 * model.process.diffusion(t) ** 2 * model.score(x, t)

    times = [float(t) for t in grid]
    for t, s in zip(times[:-1], times[1:]):
        if s == 0:
            return model(x, t)
        h, first = s - t, velocity(x, t)
        second = velocity(x + h / 2 * first, t + h / 2)
        third = velocity(x - h * first + 2 * h * second, s)
        x = x + h * (first + 4 * second + third) / 6
    return x


# %% the flow of the wrong equation: no one half
def solve(model, x, grid):
    def velocity(x, t):
        return model.process.drift_rate(t) * x - model.process.diffusion(t) ** 2 * model.score(x, t)

    times = [float(t) for t in grid]
    for t, s in zip(times[:-1], times[1:]):
        if s == 0:
            return model(x, t)
        first = velocity(x, t)
        x = x + (s - t) * (first + velocity(x + (s - t) * first, s)) / 2
    return x


# %% no last step to 0: asks for the score there
def solve(model, x, grid):
    def velocity(x, t):
        return model.process.drift_rate(t) * x - 0.5 * model.process.diffusion(t) ** 2 * model.eps(x, t) / -model.process.sigma(t)

    times = [float(t) for t in grid]
    for t, s in zip(times[:-1], times[1:]):
        first = velocity(x, t)
        x = x + (s - t) * (first + velocity(x + (s - t) * first, s)) / 2
    return x


# %% noise
def solve(model, x, grid):
    return samplers.euler_maruyama(model, x, grid)


# %% its own equal steps in place of the grid
def solve(model, x, grid):
    times = torch.linspace(float(grid[0]), float(grid[-1]), len(grid), dtype=torch.float64)
    return samplers.heun(model, x, times)


# %% stops one step early
def solve(model, x, grid):
    return samplers.heun(model, x, grid[:-1]) if len(grid) > 2 else model(x, float(grid[0]))


# %% equal steps, but the last time kept
def solve(model, x, grid):
    times = torch.linspace(float(grid[0]), float(grid[-2]), len(grid) - 1, dtype=torch.float64)
    return samplers.heun(model, x, torch.cat([times, grid[-1:]]))


# %% Adams-Bashforth with the coefficients of even steps
def solve(model, x, grid):
    p = model.process
    old = None
    for t, s in zip(grid.tolist(), grid[1:].tolist()):
        if s == 0:
            return model(x, t)
        v = p.drift_rate(t) * x - p.diffusion(t) ** 2 / 2 * model.score(x, t)
        x = x + (s - t) * (v if old is None else 1.5 * v - 0.5 * old)
        old = v
    return x


# %% ends on the denoised mean whatever the grid
def solve(model, x, grid):
    p = model.process
    def v(x, t):
        return p.drift_rate(t) * x - 0.5 * p.diffusion(t) ** 2 * model.score(x, t)

    ts = grid.tolist()
    for t, s in zip(ts[:-2], ts[1:-1]):
        k = v(x, t)
        x = x + (s - t) * (k + v(x + (s - t) * k, s)) / 2
    return model(x, ts[-2])
