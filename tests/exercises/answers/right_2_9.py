# %% the library's sampler
def reverse_walk(model, x, grid, generator=None):
    return samplers.euler_maruyama(model, x, grid, generator=generator)


# %% in terms of the denoised mean, tensors of time, float32 noise
def reverse_walk(model, x, grid, generator=None):
    process = model.process
    for i in range(len(grid) - 1):
        t, h = grid[i], grid[i] - grid[i + 1]
        score = (process.alpha(t) * model(x, t) - x) / process.sigma(t) ** 2
        x = x + h * (process.diffusion(t) ** 2 * score - process.drift_rate(t) * x)
        x = x + process.diffusion(t) * h.sqrt() * torch.randn(x.shape, generator=generator)
    return x


# %% all noise drawn ahead
def reverse_walk(model, x, grid, generator=None):
    p = model.process
    z = torch.randn((len(grid) - 1, *x.shape), generator=generator, dtype=x.dtype)
    for k, (t, s) in enumerate(zip(grid, grid[1:])):
        x = x + (s - t) * (p.drift(x, t) - p.diffusion(t) ** 2 * model.score(x, t)) + p.diffusion(t) * (t - s).sqrt() * z[k]
    return x


# %% torch.normal, numpy steps
import numpy as np


def reverse_walk(model, x, grid, generator=None):
    p = model.process
    g_ = np.asarray(grid, dtype=float)
    for t, dt in zip(g_[:-1], np.diff(g_)):
        t = float(t)
        g = p.diffusion(t)
        x = x + dt * (p.drift_rate(t) * x - g**2 * model.score(x, t)) + torch.normal(0.0, float(g * np.sqrt(-dt)), x.shape, generator=generator)
    return x
