# %% the step in proportion to sigma, not to its square
def annealed_langevin(score, x, sigmas, eps, steps_per_level, generator=None):
    for sigma in sigmas:
        step = float(eps * sigma / sigmas[-1])
        for _ in range(steps_per_level):
            x = x + step / 2 * score(x, sigma) + math.sqrt(step) * torch.randn(x.shape, generator=generator)
    return x


# %% levels the wrong way round
def annealed_langevin(score, x, sigmas, eps, steps_per_level, generator=None):
    for sigma in list(sigmas)[::-1]:
        step = float(eps * sigma**2 / sigmas[-1] ** 2)
        for _ in range(steps_per_level):
            x = x + step / 2 * score(x, sigma) + math.sqrt(step) * torch.randn(x.shape, generator=generator)
    return x


# %% relative to the first level
def annealed_langevin(score, x, sigmas, eps, steps_per_level, generator=None):
    for sigma in sigmas:
        step = float(eps * sigma**2 / sigmas[0] ** 2)
        for _ in range(steps_per_level):
            x = x + step / 2 * score(x, sigma) + math.sqrt(step) * torch.randn(x.shape, generator=generator)
    return x


# %% twice the drift
def annealed_langevin(score, x, sigmas, eps, steps_per_level, generator=None):
    for sigma in sigmas:
        step = float(eps * sigma**2 / sigmas[-1] ** 2)
        for _ in range(steps_per_level):
            x = x + step * score(x, sigma) + math.sqrt(step) * torch.randn(x.shape, generator=generator)
    return x


# %% the same noise in every step of a level
def annealed_langevin(score, x, sigmas, eps, steps_per_level, generator=None):
    for sigma in sigmas:
        step, noise = float(eps * sigma**2 / sigmas[-1] ** 2), torch.randn(x.shape, generator=generator)
        for _ in range(steps_per_level):
            x = x + step / 2 * score(x, sigma) + math.sqrt(step) * noise
    return x


# %% the last level left out
def annealed_langevin(score, x, sigmas, eps, steps_per_level, generator=None):
    for sigma in sigmas[:-1]:
        step = float(eps * sigma**2 / sigmas[-1] ** 2)
        for _ in range(steps_per_level):
            x = x + step / 2 * score(x, sigma) + math.sqrt(step) * torch.randn(x.shape, generator=generator)
    return x


# %% one step too few at every level
def annealed_langevin(score, x, sigmas, eps, steps_per_level, generator=None):
    for sigma in sigmas:
        step = float(eps * sigma**2 / sigmas[-1] ** 2)
        for _ in range(1, steps_per_level):
            x = x + step / 2 * score(x, sigma) + math.sqrt(step) * torch.randn(x.shape, generator=generator)
    return x


# %% no noise in the very last step
def annealed_langevin(score, x, sigmas, eps, steps_per_level, generator=None):
    for i, sigma in enumerate(sigmas):
        step = float(eps * sigma**2 / sigmas[-1] ** 2)
        for k in range(steps_per_level):
            x = x + step / 2 * score(x, sigma)
            if i < len(sigmas) - 1 or k < steps_per_level - 1:
                x = x + math.sqrt(step) * torch.randn(x.shape, generator=generator)
    return x


# %% a denoising step at the end that was not asked for
def annealed_langevin(score, x, sigmas, eps, steps_per_level, generator=None):
    for sigma in sigmas:
        step = float(eps * sigma**2 / sigmas[-1] ** 2)
        for _ in range(steps_per_level):
            x = x + step / 2 * score(x, sigma) + math.sqrt(step) * torch.randn(x.shape, generator=generator)
    return x + sigmas[-1] ** 2 * score(x, sigmas[-1])


# %% the generator not used
def annealed_langevin(score, x, sigmas, eps, steps_per_level, generator=None):
    for sigma in sigmas:
        step = float(eps * sigma**2 / sigmas[-1] ** 2)
        for _ in range(steps_per_level):
            x = x + step / 2 * score(x, sigma) + math.sqrt(step) * torch.randn(x.shape)
    return x


# %% one noise for all coordinates
def annealed_langevin(score, x, sigmas, eps, steps_per_level, generator=None):
    for sigma in sigmas:
        step = float(eps * sigma**2 / sigmas[-1] ** 2)
        for _ in range(steps_per_level):
            noise = torch.randn(len(x), *[1] * (x.ndim - 1), generator=generator)
            x = x + step / 2 * score(x, sigma) + math.sqrt(step) * noise
    return x


# %% every level starts afresh
def annealed_langevin(score, x, sigmas, eps, steps_per_level, generator=None):
    for sigma in sigmas:
        x = float(sigma) * torch.randn(x.shape, generator=generator).to(x)
        step = float(eps * sigma**2 / sigmas[-1] ** 2)
        for _ in range(steps_per_level):
            x = x + step / 2 * score(x, sigma) + math.sqrt(step) * torch.randn(x.shape, generator=generator)
    return x


# %% the generator set back at every level
def annealed_langevin(score, x, sigmas, eps, steps_per_level, generator=None):
    state = None if generator is None else generator.get_state()
    for s in sigmas:
        if generator is not None: generator.set_state(state)
        a = float(eps * s**2 / sigmas[-1]**2)
        for _ in range(steps_per_level):
            x = x + a / 2 * score(x, s) + a ** .5 * torch.randn(x.shape, generator=generator, dtype=x.dtype)
    return x


# %% the two loops swapped
def annealed_langevin(score, x, sigmas, eps, steps_per_level, generator=None):
    for _ in range(steps_per_level):
        for s in sigmas:
            a = float(eps * s**2 / sigmas[-1]**2)
            x = x + a / 2 * score(x, s) + a ** .5 * torch.randn(x.shape, generator=generator, dtype=x.dtype)
    return x
