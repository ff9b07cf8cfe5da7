"""Solvers of the reverse-time SDE dx = [f x - g^2 score] dt + g dw (survey Eq. 18)."""
from itertools import pairwise

import torch

from ..checks import check_number
from ..process import expand, randn_like
from .walk import Step, start, walk


def euler_maruyama_step(process, t, s):
    """x - h (f x - g^2 score) + g sqrt(h) z, h = t - s, score = (alpha x0_hat - x) / sigma^2."""
    h, f, g2 = t - s, process.drift_rate(t), process.diffusion(t) ** 2
    alpha, variance = process.alpha(t), process.sigma(t) ** 2
    return Step(1 - h * (f + g2 / variance), h * g2 * alpha / variance, (h * g2) ** 0.5)


def euler_maruyama(model, x, grid, *, generator=None, trace=None):
    """Euler-Maruyama backwards, weak order 1 (Song et al. 2020; survey Eq. 18), (B, *shape)."""
    return walk(model, x, grid, euler_maruyama_step, generator, trace)


def reverse_diffusion_step(process, t, s):
    """Reverse with the chain's own coefficients: x - f_i + G_i^2 score + G_i z (survey Eq. 23).

    x_{i+1} = r x_i + G z with r = alpha_t/alpha_s, so f_i(x) = (r - 1) x: for VP this is
    (2 - sqrt(1 - beta)) x.
    """
    ratio, added = process.alpha(t) / process.alpha(s), process.added_variance(t, s)
    alpha, variance = process.alpha(t), process.sigma(t) ** 2
    return Step(2 - ratio - added / variance, added * alpha / variance, added**0.5)


def reverse_diffusion(model, x, grid, *, generator=None, trace=None):
    """The reverse diffusion sampler (Song et al. 2020, Eq. 46; survey Eqs. 22, 23), (B, *shape)."""
    return walk(model, x, grid, reverse_diffusion_step, generator, trace)


def embedded_steps(model, x, t, h, z):
    """Two steps t -> t - h with one noise z: Euler-Maruyama x' and improved Euler x'', (B, *shape).

    x'' = (x' + x~) / 2, where x~ starts at x too, but takes drift and diffusion at (x', t - h): weak
    order 2. t and h are (B,), float64 (Jolicoeur-Martineau et al. 2021, Algorithm 1).
    """
    here, there = (euler_maruyama_step(model.process, time, time - h) for time in (t, t - h))
    low = (expand(here.keep, x) * x + expand(here.pull, x) * model(x, t)
           + expand(here.noise, x) * z)
    again = (x + expand(there.keep - 1, x) * low + expand(there.pull, x) * model(low, t - h)
             + expand(there.noise, x) * z)
    return low, (low + again) / 2


def scaled_error(low, high, previous, rtol, atol):
    """Root mean square of (low - high) / delta over the coordinates of an example, (B,), float64.

    delta = max(atol, rtol max(|low|, |previous|)), for every coordinate (survey Eq. 24).
    """
    delta = (rtol * torch.maximum(low.abs(), previous.abs())).clamp(min=atol)
    return ((low - high) / delta).double().reshape(len(low), -1).square().mean(1).sqrt()


@torch.no_grad()
def adaptive_sde(model, x, grid, *, rtol=0.05, atol=2 / 256, first_step=0.01, extrapolate=True,
                 shared=False, generator=None, trace=None):
    """Steps of adaptive size (Jolicoeur-Martineau et al. 2021, Algorithm 1), (B, *shape).

    Each example has a time and a step h of its own; `shared` gives the batch one. A step counts if
    its scaled error E is at most 1; x'' is kept (x' if not `extrapolate`), and then or not, h
    becomes 0.9 h E^-0.9. Two model calls an attempt. A refused step draws new noise: E must hardly
    depend on it, so in few dimensions the law comes out wrong, unless `shared` over many examples.
    All examples meet at every time of the grid, [1, t_min, 0] for the paper's walk; a last time of
    0 means: finish on the denoised mean. `trace` costs a call.
    """
    times, previous = start(model, x, grid), x
    check_number("rtol", rtol, 0, open_low=False)
    check_number("atol", atol, 0)
    h = torch.full((len(x),), check_number("first_step", first_step, 0), dtype=torch.float64,
                   device=x.device)
    for i, (t, s) in enumerate(pairwise(times)):
        if trace is not None:
            trace(i, t, x, model(x, t))
        if s == 0:
            return model(x, t)
        left = torch.full_like(h, t - s)
        while (left > 0).any():
            step, now = torch.minimum(h, left), (s + left).clamp(max=t)
            low, high = embedded_steps(model, x, now, step, randn_like(x, generator))
            error = scaled_error(low, high, previous, rtol, atol)
            if shared:
                error = error.square().mean().sqrt().expand_as(error)
            h = torch.where(left > 0, 0.9 * step * error**-0.9, h)
            if not (h > 1e-12).all():
                raise RuntimeError(f"the adaptive solver gave up: no step from t = {now.max():g} "
                                   f"has an error that rtol {rtol:g} and atol {atol:g} allow")
            good = (left > 0) & (error <= 1)
            left = torch.where(good, left - step, left)
            x = torch.where(expand(good, x).bool(), high if extrapolate else low, x)
            previous = torch.where(expand(good, x).bool(), low, previous)
    return x
