# %% the faulty code with two small repairs
def ancestral(eps, x, chain, generator=None):
    betas, alpha_bars = chain.betas[1:], chain.alpha_bars[1:]
    for i in range(chain.num_steps - 1, -1, -1):
        before = alpha_bars[i - 1] if i > 0 else torch.tensor(1.0)
        mean = (x - betas[i] / (1 - alpha_bars[i]).sqrt() * eps(x, i + 1)) / (1 - betas[i]).sqrt()
        variance = betas[i] * (1 - before) / (1 - alpha_bars[i])
        x = mean + variance.sqrt() * torch.randn(x.shape, generator=generator, dtype=x.dtype)
    return x


# %% by the denoised mean and the posterior, tensors of steps
def ancestral(eps, x, chain, generator=None):
    for t in range(chain.num_steps, 0, -1):
        steps = torch.full((len(x),), t)
        alpha, sigma = chain.alpha_bars[t].sqrt().item(), (1 - chain.alpha_bars[t]).sqrt().item()
        x0 = (x - sigma * eps(x, steps)) / alpha
        z = torch.randn(x.shape, generator=generator)
        x = chain.posterior_mean(x0, x, t) + chain.posterior_variance[t].item() ** 0.5 * z
    return x
