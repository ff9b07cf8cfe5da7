"""Langevin dynamics settling at every noise level (Song & Ermon 2019; Song et al. 2020)."""
import math
from itertools import pairwise

import torch

from ..checks import check_count, check_number
from ..process import randn_like
from .sde import reverse_diffusion_step
from .walk import Step, along, start, steps_of, walk


@torch.no_grad()
def annealed_langevin(model, x, grid, *, steps_per_level=20, step_size=0.1,
                      generator=None, trace=None):
    """Annealed Langevin dynamics (NCSN Algorithm 1; survey, below Eq. 14), (B, *shape).

    At every time of the grid but the last: `steps_per_level` times x + d/2 score + sqrt(d) z with
    d = step_size sigma^2, so step_size is NCSN's epsilon / sigma_L^2. Between levels x is rescaled
    by the ratio of the alphas (1 for NCSN and VE). A last time of 0 means: finish on the denoised
    mean; a positive one is a level like the others.
    """
    times, process = start(model, x, grid), model.process
    check_number("step_size", step_size, 0)
    steps_per_level = check_count("steps_per_level", steps_per_level)
    levels = times[:-1] if times[-1] == 0 else times
    alphas, sigmas = along(process.alpha, levels), along(process.sigma, levels)
    for i, t in enumerate(levels):
        d = step_size * sigmas[i] ** 2
        if i:
            x = x * (alphas[i] / alphas[i - 1])
        for k in range(steps_per_level):
            score = model.score(x, t)
            if trace is not None and k == 0:
                trace(i, t, x, (x + sigmas[i] ** 2 * score) / alphas[i])
            x = x + d / 2 * score + d**0.5 * randn_like(x, generator)
    return model(x, levels[-1]) if times[-1] == 0 else x


def consistent_annealed_step(process, t, s, step_size):
    """alpha_s (y + eta l_t^2 score + beta l_s z) with y = x/alpha_t, l = sigma/alpha, beta as below.

    DDIM's family with another noise: eta = 1 - l_s/l_t is DDIM's step, 1 - (l_s/l_t)^2 the
    ancestral one; 1 takes all noise away and draws new.
    """
    keep = (1 - step_size / 2) * process.alpha(s) / process.alpha(t)
    spare = process.sigma(s) ** 2 - (keep * process.sigma(t)) ** 2
    return Step(keep, step_size / 2 * process.alpha(s), (spare * (spare > 0)) ** 0.5)


def consistent_annealed(model, x, grid, *, step_size=None, generator=None, trace=None):
    """Consistent annealed sampling (Jolicoeur-Martineau et al. 2020, Algorithm 2), (B, *shape).

    One Langevin step a level, with just the noise that takes a data point's cloud from one level to
    the next: beta^2 = 1 - (1 - eta)^2 / gamma^2, gamma = l_s/l_t, the ratio of the levels
    l = sigma/alpha. `step_size` is that of annealed_langevin, twice the paper's
    eta = epsilon / sigma_L^2; beta is real if |1 - eta| is at most the smallest gamma. None means
    eta = 1 - gamma^2 with that gamma. Data that is not one point comes out too narrow, by about
    eta / 2. A last time of 0: the denoised mean, without noise.
    """
    times = start(model, x, grid)
    levels = [math.exp(-half) for half in along(model.process.half_log_snr, times)]
    gamma = min([s / t for t, s in pairwise(levels) if s > 0], default=0.0)
    least, most = 2 * (1 - gamma), 2 * (1 + gamma)
    step_size = 2 * (1 - gamma**2) if step_size is None else check_number("step_size", step_size, 0)
    if not least - 1e-9 <= step_size <= most + 1e-9:               # room for rounding
        raise ValueError(f"step_size must lie in [{least:.6g}, {most:.6g}] on this grid, whose "
                         f"noise levels fall by down to {gamma:.6g} a step, got {step_size:g}")
    return walk(model, x, times, lambda *step: consistent_annealed_step(*step, step_size),
                generator, trace)


def mean_norm(x):
    """Euclidean norm of an example, averaged over the batch, (B, *shape) -> ()."""
    return x.reshape(len(x), -1).norm(dim=1).mean()


@torch.no_grad()
def predictor_corrector(model, x, grid, *, corrector_steps=1, snr=0.16, generator=None, trace=None):
    """Reverse-diffusion steps, Langevin after each (Song et al. 2020, Algorithm 1), (B, *shape).

    The corrector x + e s + sqrt(2 e) z has e = 2 (snr |z| / |s|)^2; snr is the paper's r. The norms
    are means over the batch, as in the paper's code: a step that depended on x would leave the
    wrong law, badly so in few dimensions. On a last step to 0 there is no corrector: the walk ends
    on the denoised mean.
    """
    times = start(model, x, grid)
    check_number("snr", snr, 0)
    corrector_steps = check_count("corrector_steps", corrector_steps, least=0)
    steps = steps_of(model.process, times, reverse_diffusion_step)
    for i, ((t, s), (keep, pull, noise)) in enumerate(zip(pairwise(times), steps)):
        x0_hat = model(x, t)
        if trace is not None:
            trace(i, t, x, x0_hat)
        if s == 0:
            return x0_hat
        x = keep * x + pull * x0_hat + noise * randn_like(x, generator)
        for _ in range(corrector_steps):
            z, score = randn_like(x, generator), model.score(x, s)
            size = 2 * (snr * mean_norm(z) / mean_norm(score)) ** 2
            x = x + size * score + (2 * size).sqrt() * z
    return x
