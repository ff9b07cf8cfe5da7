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


# %% Adams-Bashforth for uneven steps, begun by Euler
def solve(model, x, grid):
    p = model.process
    old = None
    for t, s in zip(grid.tolist(), grid[1:].tolist()):
        if s == 0:
            return model(x, t)
        v = p.drift_rate(t) * x - p.diffusion(t) ** 2 / 2 * model.score(x, t)
        h = s - t
        x0 = x
        x = x + h * v if old is None else x + h * (v + h / (2 * old[1]) * (v - old[0]))
        old = (v, h)
    return x


# %% Heun in the variables of EDM
def solve(model, x, grid):
    p = model.process
    ts = [float(t) for t in grid]
    for t, s in zip(ts, ts[1:]):
        if s == 0:
            return model(x, t)
        a, b = p.alpha(t), p.alpha(s)
        r, q = p.sigma(t) / a, p.sigma(s) / b
        y = x / a
        d = (y - model(x, t)) / r
        y1 = y + (q - r) * d
        d1 = (y1 - model(b * y1, s)) / q
        x = b * (y + (q - r) * (d + d1) / 2)
    return x


# %% Richardson's extrapolation of Euler
def solve(model, x, grid):
    p = model.process
    def v(x, t): return p.drift(x, t) - 0.5 * p.diffusion(t) ** 2 * model.score(x, t)
    for t, s in zip(grid[:-1], grid[1:]):
        if s == 0:
            return model(x, t)
        h = s - t
        k = v(x, t)
        big = x + h * k
        half = x + h / 2 * k
        two = half + h / 2 * v(half, t + h / 2)
        x = 2 * two - big
    return x


# %% DPM-Solver-2
def solve(model, x, grid):
    p = model.process
    def lam(t):
        return math.log(p.alpha(t) / p.sigma(t))

    ts = grid.tolist()
    for t, s in zip(ts, ts[1:]):
        if s == 0:
            return model(x, t)
        h = lam(s) - lam(t)
        m = float(p.time_at_log_snr(2 * (lam(t) + h / 2)))
        e = model.eps(x, t)
        u = p.alpha(m) / p.alpha(t) * x - p.sigma(m) * math.expm1(h / 2) * e
        x = p.alpha(s) / p.alpha(t) * x - p.sigma(s) * math.expm1(h) * model.eps(u, m)
    return x
