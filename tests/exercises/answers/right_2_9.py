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
