"""Solvers of the reverse-time SDE dx = [f x - g^2 score] dt + g dw (survey Eq. 18)."""
from .walk import Step, walk


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
