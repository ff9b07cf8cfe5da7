# %% the midpoint rule
def solve(model, x, grid):
    def velocity(x, t):
        return model.process.drift_rate(t) * x - 0.5 * model.process.diffusion(t) ** 2 * model.score(x, t)

    for t, s in zip(grid[:-1].tolist(), grid[1:].tolist()):
        if s == 0:
            return model(x, t)
        x = x + (s - t) * velocity(x + (s - t) / 2 * velocity(x, t), (t + s) / 2)
    return x


# %% Adams-Bashforth, one call a step, the first step by Heun
def solve(model, x, grid):
    def velocity(x, t):
        return model.process.drift_rate(t) * x - 0.5 * model.process.diffusion(t) ** 2 * model.score(x, t)

    before = None
    for t, s in zip(grid[:-1].tolist(), grid[1:].tolist()):
        if s == 0:
            return model(x, t)
        now, h = velocity(x, t), s - t
        if before is None:
            change = (now + velocity(x + h * now, s)) / 2
        else:
            change = now + h / (2 * h_before) * (now - before)
        x, before, h_before = x + h * change, now, h
    return x


# %% the library's multistep solver, in log SNR
def solve(model, x, grid):
    return samplers.dpm_solver_pp(model, x, grid, order=2)


# %% the library's Heun
def solve(model, x, grid):
    return samplers.heun(model, x, grid)


# %% Ralston's method, tensors of time
def solve(model, x, grid):
    def velocity(x, t):
        f, g = model.process.drift_rate(t), model.process.diffusion(t)
        return f * x + 0.5 * g**2 * model.eps(x, t) / model.process.sigma(t)

    for t, s in zip(grid[:-1], grid[1:]):
        if s == 0:
            return model(x, t)
        h, first = s - t, velocity(x, t)
        x = x + h / 4 * (first + 3 * velocity(x + 2 / 3 * h * first, t + 2 / 3 * h))
    return x
