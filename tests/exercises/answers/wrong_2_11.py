# %% the fault itself: stops at x_1
def ancestral(eps, x, chain, generator=None):
    return ancestral_with_a_fault(eps, x, chain, generator)


# %% noise in the last step
def ancestral(eps, x, chain, generator=None):
    betas, bars = chain.betas, chain.alpha_bars
    for t in range(chain.num_steps, 0, -1):
        x = (x - betas[t] / (1 - bars[t]).sqrt() * eps(x, t)) / (1 - betas[t]).sqrt()
        x = x + betas[t].sqrt() * torch.randn(x.shape, generator=generator)
    return x


# %% the first step left out
def ancestral(eps, x, chain, generator=None):
    betas, bars = chain.betas, chain.alpha_bars
    for t in range(chain.num_steps - 1, 0, -1):
        x = (x - betas[t] / (1 - bars[t]).sqrt() * eps(x, t)) / (1 - betas[t]).sqrt()
        if t > 1:
            x = x + chain.posterior_variance[t].sqrt() * torch.randn(x.shape, generator=generator)
    return x


# %% the network told the wrong step
def ancestral(eps, x, chain, generator=None):
    betas, bars = chain.betas, chain.alpha_bars
    for t in range(chain.num_steps, 0, -1):
        x = (x - betas[t] / (1 - bars[t]).sqrt() * eps(x, max(t - 1, 1))) / (1 - betas[t]).sqrt()
        if t > 1:
            x = x + chain.posterior_variance[t].sqrt() * torch.randn(x.shape, generator=generator)
    return x


# %% the other variance, beta
def ancestral(eps, x, chain, generator=None):
    betas, bars = chain.betas, chain.alpha_bars
    for t in range(chain.num_steps, 0, -1):
        x = (x - betas[t] / (1 - bars[t]).sqrt() * eps(x, t)) / (1 - betas[t]).sqrt()
        if t > 1:
            x = x + betas[t].sqrt() * torch.randn(x.shape, generator=generator)
    return x


# %% the last step taken, but without moving: the noise only left out
def ancestral(eps, x, chain, generator=None):
    betas, bars = chain.betas, chain.alpha_bars
    for t in range(chain.num_steps, 1, -1):
        x = (x - betas[t] / (1 - bars[t]).sqrt() * eps(x, t)) / (1 - betas[t]).sqrt()
        if t > 2:
            x = x + chain.posterior_variance[t].sqrt() * torch.randn(x.shape, generator=generator)
    return x


# %% no noise in the last two steps
def ancestral(eps, x, chain, generator=None):
    betas, bars = chain.betas, chain.alpha_bars
    for t in range(chain.num_steps, 0, -1):
        x = (x - betas[t] / (1 - bars[t]).sqrt() * eps(x, t)) / (1 - betas[t]).sqrt()
        if t > 2:
            x = x + chain.posterior_variance[t].sqrt() * torch.randn(x.shape, generator=generator)
    return x


# %% a variance in the place of its root
def ancestral(eps, x, chain, generator=None):
    betas, bars = chain.betas, chain.alpha_bars
    for t in range(chain.num_steps, 0, -1):
        x = (x - betas[t] / (1 - bars[t]).sqrt() * eps(x, t)) / (1 - betas[t]).sqrt()
        x = x + chain.posterior_variance[t] * torch.randn(x.shape, generator=generator)
    return x


# %% the clean mean of x_1 in the place of the walk: one jump
def ancestral(eps, x, chain, generator=None):
    t = chain.num_steps
    return (x - (1 - chain.alpha_bars[t]).sqrt() * eps(x, t)) / chain.alpha_bars[t].sqrt()


# %% the generator not used
def ancestral(eps, x, chain, generator=None):
    for t in range(chain.num_steps, 0, -1):
        x = (x - chain.betas[t] / (1 - chain.alpha_bars[t]).sqrt() * eps(x, t)) / (1 - chain.betas[t]).sqrt()
        if t > 1:
            x = x + chain.posterior_variance[t].sqrt() * torch.randn_like(x)
    return x


# %% the variance of the step before
def ancestral(eps, x, chain, generator=None):
    for t in range(chain.num_steps, 0, -1):
        x = (x - chain.betas[t] / (1 - chain.alpha_bars[t]).sqrt() * eps(x, t)) / (1 - chain.betas[t]).sqrt()
        if t > 1:
            x = x + chain.posterior_variance[t - 1].sqrt() * torch.randn(x.shape, generator=generator, dtype=x.dtype)
    return x
