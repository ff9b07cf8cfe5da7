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


# %% log variance, float32, the last noise times 0
def ancestral(eps, x, chain, generator=None):
    x = x.float()
    betas, bars = chain.betas.float(), chain.alpha_bars.float()
    logv = chain.posterior_variance.float().log()
    t = chain.num_steps
    while t >= 1:
        x = (x - betas[t] * eps(x, t) * (1 - bars[t]).rsqrt()) * (1 - betas[t]).rsqrt()
        x = x + (0.5 * logv[t]).exp() * torch.randn(x.shape, generator=generator)
        t -= 1
    return x


# %% a batch of steps, torch.normal
def ancestral(eps, x, chain, generator=None):
    for t in range(chain.num_steps, 0, -1):
        e = eps(x, torch.full((len(x),), t))
        bar, before, b = chain.alpha_bars[t], chain.alpha_bars[t - 1], chain.betas[t]
        x0 = (x - (1 - bar).sqrt() * e) / bar.sqrt()
        m = (before.sqrt() * b * x0 + (1 - b).sqrt() * (1 - before) * x) / (1 - bar)
        x = torch.normal(m, chain.posterior_variance[t].sqrt().item(), generator=generator) if t > 1 else m
    return x
