# %% in y = x / alpha, no factor to forget
def adams_bashforth(model, x, grid):
    p, past = model.process, []
    times = [float(t) for t in grid]
    level = [p.sigma(t) / p.alpha(t) for t in times]
    y = x / p.alpha(times[0])
    for i in range(len(times) - 1):
        past.append(model.eps(p.alpha(times[i]) * y, times[i]))
        h = level[i + 1] - level[i]
        y = y + h * past[-1]
        if i:
            y = y + h**2 / 2 * (past[-1] - past[-2]) / (level[i] - level[i - 1])
    return p.alpha(times[-1]) * y


# %% the library's, in the logarithm of the level
def adams_bashforth(model, x, grid):
    return samplers.deis(model, x, grid, order=2, variable="log_rho")


# %% the library's, in time
def adams_bashforth(model, x, grid):
    return samplers.deis(model, x, grid, order=2)


# %% a line through the denoised mean in place of the noise
def adams_bashforth(model, x, grid):
    return samplers.dpm_solver_pp(model, x, grid, order=2)


# %% classical Adams-Bashforth on the velocity in t, uneven steps
def adams_bashforth(model, x, grid):
    p, old = model.process, None
    for t, s in zip(grid.tolist(), grid[1:].tolist()):
        v = p.drift_rate(t) * x - p.diffusion(t) ** 2 / 2 * model.score(x, t)
        h = s - t
        x = x + h * v if old is None else x + h * (v + h / (2 * old[1]) * (v - old[0]))
        old = v, h
    return x


# %% the ratio of the steps turned round: the errors of neighbouring steps cancel, and the order is 2
def adams_bashforth(model, x, grid):
    process, before = model.process, None
    times = [float(t) for t in grid]
    for t, s in zip(times[:-1], times[1:]):
        eps = model.eps(x, t)
        h = process.sigma(s) / process.alpha(s) - process.sigma(t) / process.alpha(t)
        ratio = 0.0 if before is None else h_before / (2 * h)
        change = eps if before is None else (1 + ratio) * eps - ratio * before
        x = process.alpha(s) / process.alpha(t) * x + process.alpha(s) * h * change
        before, h_before = eps, h
    return x
