# %% float32 noise
def annealed_langevin(score, x, sigmas, eps, steps_per_level, generator=None):
    for sigma in sigmas:
        a = eps * (sigma / sigmas[-1]) ** 2
        for _ in range(steps_per_level):
            x = x + a / 2 * score(x, sigma) + a**0.5 * torch.randn(x.shape, generator=generator)
    return x


# %% a step function, one flat list of levels
def annealed_langevin(score, x, sigmas, eps, steps_per_level, generator=None):
    sigmas = torch.as_tensor(sigmas, dtype=torch.float64)
    steps = eps * sigmas**2 / sigmas[-1] ** 2
    for i in torch.arange(len(sigmas)).repeat_interleave(steps_per_level).tolist():
        z = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        x = x + 0.5 * steps[i].item() * score(x, sigmas[i].item()) + steps[i].sqrt().item() * z
    return x


# %% numpy levels, float32 noise
import numpy as np


def annealed_langevin(score, x, sigmas, eps, steps_per_level, generator=None):
    sigmas = np.asarray(sigmas, dtype=np.float64)
    a = eps * (sigmas / sigmas[-1]) ** 2
    for i in range(len(sigmas)):
        for k in range(steps_per_level):
            z = torch.randn(x.shape, generator=generator)
            x = x + a[i] / 2 * score(x, sigmas[i]) + np.sqrt(a[i]) * z
    return x


# %% a float32 state
def annealed_langevin(score, x, sigmas, eps, steps_per_level, generator=None):
    x = x.float()
    sigmas = list(map(float, sigmas))
    while sigmas:
        s = sigmas[0]
        a = eps * s * s / sigmas[-1] ** 2
        k = 0
        while k < steps_per_level:
            x = x + a / 2 * score(x, s) + a ** .5 * torch.randn(x.shape, generator=generator)
            k += 1
        sigmas.pop(0)
    return x
