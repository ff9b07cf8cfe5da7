# %% the fault itself: a product of two normal numbers
def reverse_walk(model, x, grid, generator=None):
    return reverse_walk_with_a_fault(model, x, grid, generator)


# %% noise added twice
def reverse_walk(model, x, grid, generator=None):
    process, times = model.process, [float(t) for t in grid]
    for t, s in zip(times[:-1], times[1:]):
        g, h = process.diffusion(t), t - s
        noise = torch.randn(x.shape, generator=generator) + torch.randn(x.shape, generator=generator)
        x = x - h * (process.drift_rate(t) * x - g**2 * model.score(x, t)) + g * math.sqrt(h) * noise
    return x


# %% noise inside the drift
def reverse_walk(model, x, grid, generator=None):
    process, times = model.process, [float(t) for t in grid]
    for t, s in zip(times[:-1], times[1:]):
        g, h = process.diffusion(t), t - s
        drift = process.drift_rate(t) * x - g**2 * model.score(x, t) + g * torch.randn(x.shape, generator=generator)
        x = x - h * drift + g * math.sqrt(h) * torch.randn(x.shape, generator=generator)
    return x


# %% no noise left
def reverse_walk(model, x, grid, generator=None):
    process, times = model.process, [float(t) for t in grid]
    for t, s in zip(times[:-1], times[1:]):
        x = x - (t - s) * (process.drift_rate(t) * x - process.diffusion(t) ** 2 * model.score(x, t))
    return x


# %% the noise grows with h and not with its root
def reverse_walk(model, x, grid, generator=None):
    process, times = model.process, [float(t) for t in grid]
    for t, s in zip(times[:-1], times[1:]):
        g, h = process.diffusion(t), t - s
        noise = torch.randn(x.shape, generator=generator)
        x = x - h * (process.drift_rate(t) * x - g**2 * model.score(x, t)) + g * h * noise
    return x


# %% the one half of the ODE
def reverse_walk(model, x, grid, generator=None):
    process, times = model.process, [float(t) for t in grid]
    for t, s in zip(times[:-1], times[1:]):
        g, h = process.diffusion(t), t - s
        noise = torch.randn(x.shape, generator=generator)
        x = x - h * (process.drift_rate(t) * x - g**2 / 2 * model.score(x, t)) + g * math.sqrt(h) * noise
    return x


# %% no noise in the last step
def reverse_walk(model, x, grid, generator=None):
    process, times = model.process, [float(t) for t in grid]
    for t, s in zip(times[:-1], times[1:]):
        g, h = process.diffusion(t), t - s
        noise = torch.randn(x.shape, generator=generator) if s > times[-1] else 0
        x = x - h * (process.drift_rate(t) * x - g**2 * model.score(x, t)) + g * math.sqrt(h) * noise
    return x


# %% a sign instead of a normal number: right mean and variance
def reverse_walk(model, x, grid, generator=None):
    process, times = model.process, [float(t) for t in grid]
    for t, s in zip(times[:-1], times[1:]):
        g, h = process.diffusion(t), t - s
        noise = torch.randn(x.shape, generator=generator).sign()
        x = x - h * (process.drift_rate(t) * x - g**2 * model.score(x, t)) + g * math.sqrt(h) * noise
    return x


# %% one noise for the whole batch
def reverse_walk(model, x, grid, generator=None):
    process, times = model.process, [float(t) for t in grid]
    for t, s in zip(times[:-1], times[1:]):
        g, h = process.diffusion(t), t - s
        noise = torch.randn(x[:1].shape, generator=generator)
        x = x - h * (process.drift_rate(t) * x - g**2 * model.score(x, t)) + g * math.sqrt(h) * noise
    return x


# %% one noise for all pixels of an image
def reverse_walk(model, x, grid, generator=None):
    process, times = model.process, [float(t) for t in grid]
    for t, s in zip(times[:-1], times[1:]):
        g, h = process.diffusion(t), t - s
        noise = torch.randn(len(x), *[1] * (x.ndim - 1), generator=generator)
        x = x - h * (process.drift_rate(t) * x - g**2 * model.score(x, t)) + g * math.sqrt(h) * noise
    return x


# %% the generator not used
def reverse_walk(model, x, grid, generator=None):
    p = model.process
    for t, s in zip(grid.tolist(), grid[1:].tolist()):
        g, h = p.diffusion(t), t - s
        x = x - h * (p.drift_rate(t) * x - g**2 * model.score(x, t)) + g * h**.5 * torch.randn_like(x)
    return x


# %% even steps in place of the grid
def reverse_walk(model, x, grid, generator=None):
    p = model.process
    h = float(grid[0] - grid[-1]) / (len(grid) - 1)
    for t in grid[:-1].tolist():
        g = p.diffusion(t)
        x = x - h * (p.drift_rate(t) * x - g**2 * model.score(x, t)) + g * h**.5 * torch.randn(x.shape, generator=generator, dtype=x.dtype)
    return x


# %% uniform noise
def reverse_walk(model, x, grid, generator=None):
    p = model.process
    for t, s in zip(grid.tolist(), grid[1:].tolist()):
        g, h = p.diffusion(t), t - s
        z = (torch.rand(x.shape, generator=generator, dtype=x.dtype) - .5) * 12**.5
        x = x - h * (p.drift_rate(t) * x - g**2 * model.score(x, t)) + g * h**.5 * z
    return x
