"""Distributions with known score, posterior and likelihood: measuring stick and drop-in model.

A mixture of Gaussians stays one under every process here, so the best possible denoiser has a
closed form. Put in the place of a trained network it removes the network's error, and what is
left is the sampler's.
"""
import math

import torch

from .checks import (check_count, check_data, check_generator, check_grid, check_number,
                     shown)
from .denoiser import Model
from .process import check_process, check_times, expand


class GaussianMixture:
    """sum_k weights[k] N(means[k], stds[k]^2 I) on data of any shape.

    weights (K,), positive, summing to one; means (K, *shape); stds a number, (K,) or (K, *shape)
    for diagonal covariances, standard deviations, 0 for point masses (a data set as a
    distribution). Computes in float64 and answers in the dtype and on the device of x.
    """

    def __init__(self, weights, means, stds):
        def table(name, values):
            try:
                values = torch.as_tensor(values, dtype=torch.float64)
            except (TypeError, ValueError, RuntimeError):
                raise TypeError(f"{name} must be a tensor or a nested sequence of numbers, "
                                f"got {shown(values)}") from None
            if not torch.isfinite(values).all():
                raise ValueError(f"{name} must be finite, got NaN or infinity")
            return values

        self.weights, self.means = table("weights", weights), table("means", means)
        stds = table("stds", stds)
        total = self.weights.sum()
        if self.weights.ndim != 1 or (self.weights <= 0).any() or abs(total - 1) > 1e-6:
            raise ValueError("weights must be positive and sum to one, "
                             f"got {self.weights.flatten()[:6].tolist()} with sum {total:.6g}")
        if self.means.ndim == 0 or len(self.means) != len(self.weights):
            raise ValueError(f"means must have one row per weight, ({len(self.weights)}, *shape), "
                             f"got {tuple(self.means.shape)}")
        if (stds < 0).any():
            raise ValueError("stds are standard deviations and must not be negative, "
                             f"got {stds.min():g}")
        if stds.ndim and stds.shape not in ((len(self.means),), self.means.shape):
            raise ValueError(f"stds must be a number, ({len(self.means)},) or "
                             f"{tuple(self.means.shape)}, got {tuple(stds.shape)}")
        self.shape = tuple(self.means.shape[1:])
        self.stds = stds.expand(len(self.means)) if stds.ndim == 0 else stds
        self.isotropic = self.stds.ndim == 1
        self.dims = math.prod(self.shape)

    def sample(self, n, generator=None, dtype=torch.float32):
        """Draw n examples, (n, *shape), on the CPU."""
        n = check_count("n", n)
        check_generator(generator)
        if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
            raise TypeError(f"dtype must be a floating-point dtype of torch, got {shown(dtype)}")
        pick = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn((n, *self.shape), generator=generator, dtype=torch.float64)
        stds = expand(self.stds[pick], noise) if self.isotropic else self.stds[pick]
        return (self.means[pick] + stds * noise).to(dtype)

    def marginal(self, process, t):
        """The law of x_t, t a number: means alpha m and variances alpha^2 s^2 + sigma^2 instead."""
        t = check_process(process).as_time(t)
        t = check_number("t", t, 0, 1, open_low=False, open_high=False)
        alpha, sigma = process.alpha(t), process.sigma(t)
        stds = ((alpha * self.stds) ** 2 + sigma**2).sqrt()
        return GaussianMixture(self.weights, alpha * self.means, stds)

    def log_prob(self, x):
        """Log density in nats, (B, *shape) -> (B,)."""
        return self._components(x, 1.0, 0.0)[0].logsumexp(1).to(x.dtype)

    def score(self, x):
        """Gradient of log_prob, (B, *shape)."""
        return self._score(x, 1.0, 0.0)

    def cdf(self, x):
        """P(X <= x) for one-dimensional data, same shape as x."""
        if self.dims != 1:
            raise ValueError(f"cdf needs one-dimensional data, got shape {self.shape}")
        check_data("x", x)
        stds = self.stds.reshape(1, -1)
        scaled = (x.double().reshape(-1, 1) - self.means.reshape(1, -1)) / stds
        return (torch.special.ndtr(scaled) @ self.weights).reshape(x.shape).to(x.dtype)

    def denoiser(self, process):
        """The exact model of this distribution under `process`: Denoiser's interface, and more."""
        return ExactDenoiser(self, process)

    def _components(self, x, alpha, sigma):
        """log w_k N(x; alpha m_k, v_k), (B, K); v_k = alpha^2 s_k^2 + sigma^2, (B or 1, K[, d])."""
        flat = check_data("x", x).double().reshape(len(x), -1)
        if flat.shape[1] != self.dims:
            raise ValueError(f"x must have shape (B, {', '.join(map(str, self.shape))}), "
                             f"got {tuple(x.shape)}")
        alpha, sigma = (torch.as_tensor(scale, dtype=torch.float64, device=x.device).reshape(-1, 1)
                        for scale in (alpha, sigma))
        means = self.means.to(x.device).reshape(len(self.means), -1)
        stds, log_weights = self.stds.to(x.device), self.weights.to(x.device).log()
        if self.isotropic:                                         # |x - alpha m|^2 by a product
            square = flat.square().sum(1, keepdim=True) - 2 * alpha * flat @ means.T
            square = (square + alpha**2 * means.square().sum(1)).clamp(min=0)
            variance = (alpha * stds) ** 2 + sigma**2
            log_normal = -0.5 * (square / variance + self.dims * (2 * math.pi * variance).log())
        else:
            variance = (alpha[:, None] * stds.reshape(1, *means.shape)) ** 2 + sigma[:, None] ** 2
            square = (flat[:, None] - alpha[:, None] * means).square()
            log_normal = -0.5 * (square / variance + (2 * math.pi * variance).log()).sum(2)
        return log_weights + log_normal, variance

    def _score(self, x, alpha, sigma):
        """sum_k r_k (alpha m_k - x) / v_k with the responsibilities r_k.

        No division by sigma, so exact near t = 0.
        """
        logits, variance = self._components(x, alpha, sigma)
        flat = x.double().reshape(len(x), -1)
        means = self.means.to(x.device).reshape(len(self.means), -1)
        alpha = torch.as_tensor(alpha, dtype=torch.float64, device=x.device).reshape(-1, 1)
        share = logits.softmax(1)
        if self.isotropic:
            share = share / variance
            score = alpha * (share @ means) - share.sum(1, keepdim=True) * flat
        else:
            pull = alpha[:, None] * means - flat[:, None]
            score = (share[:, :, None] * pull / variance).sum(1)
        return score.reshape(x.shape).to(x.dtype)


class Gaussian(GaussianMixture):
    """N(mean, std^2 I), std of the mean's shape or a number: linear samplers are exact on it."""

    def __init__(self, mean, std):
        try:
            mean = torch.as_tensor(mean, dtype=torch.float64)
            std = torch.as_tensor(std, dtype=torch.float64)
            std = std if std.ndim == 0 else std.expand(mean.shape)[None]
        except (TypeError, ValueError) as error:
            raise TypeError("mean and std must be numbers or sequences of numbers, "
                            f"got {shown(mean)} and {shown(std)}") from error
        except RuntimeError:
            raise ValueError(f"std must be a number or have the shape of mean, "
                             f"{tuple(mean.shape)}, got {tuple(std.shape)}") from None
        super().__init__([1.0], mean[None], std)


class ExactDenoiser(Model):
    """E[x_0 | x_t = x] of a mixture; with it the exact score, density and posterior variance."""

    def __init__(self, target, process):
        super().__init__(process)
        self.target = target

    def at(self, x, t):
        """alpha(t) and sigma(t) in float64, a number or (B,), for x (B, *shape)."""
        if isinstance(t, torch.Tensor):
            t = check_times(self.process.as_time(t).double(), x)
        return self.process.alpha(t), self.process.sigma(t)

    def score(self, x, t):
        """Gradient of log q_t at x, (B, *shape); defined at t = 0 as well."""
        return self.target._score(x, *self.at(x, t))

    def forward(self, x, t):
        """E[x_0 | x_t = x] by Tweedie's formula (x + sigma^2 score) / alpha, (B, *shape)."""
        alpha, sigma = (expand(scale, x) for scale in self.at(x, t))
        return (x + sigma**2 * self.score(x, t)) / alpha

    def eps(self, x, t):
        """E[eps | x_t = x] = -sigma score, (B, *shape)."""
        return -expand(self.at(x, t)[1], x) * self.score(x, t)

    def log_prob(self, x, t):
        """log q_t(x) in nats, (B,)."""
        return self.target._components(x, *self.at(x, t))[0].logsumexp(1).to(x.dtype)

    def posterior_variance(self, x, t):
        """Var[x_0 | x_t = x] of each coordinate, (B, *shape)."""
        target, (alpha, sigma) = self.target, self.at(x, t)
        logits, variance = target._components(x, alpha, sigma)
        if target.isotropic:
            variance = variance[:, :, None]
        alpha, sigma = (
            torch.as_tensor(scale, dtype=torch.float64, device=x.device).reshape(-1, 1, 1)
            for scale in (alpha, sigma))
        means = target.means.to(x.device).reshape(1, len(target.means), -1)
        spread = target.stds.to(x.device).reshape(1, len(target.means), -1) ** 2
        share = logits.softmax(1)[:, :, None]
        x_k = x.double().reshape(len(x), 1, -1)
        mean_k = means + alpha * spread / variance * (x_k - alpha * means)
        var_k = spread * sigma**2 / variance
        mean = (share * mean_k).sum(1, keepdim=True)
        variance = (share * (var_k + (mean_k - mean).square())).sum(1)
        return variance.reshape(x.shape).to(x.dtype)


# Shared test beds

def three_bumps():
    """One dimension, (B, 1): weights .3, .5, .2, means -1.2, .3, 1.6, stds .2, .3, .15."""
    return GaussianMixture([0.3, 0.5, 0.2], [[-1.2], [0.3], [1.6]], [0.2, 0.3, 0.15])


def ring(modes=8, radius=1.3, std=0.15):
    """Two dimensions, data (B, 2): equal modes on a circle."""
    modes = check_count("modes", modes)
    angle = torch.arange(modes, dtype=torch.float64) * (2 * math.pi / modes)
    check_number("radius", radius, 0)
    means = radius * torch.stack([angle.cos(), angle.sin()], 1)
    return GaussianMixture(torch.full((modes,), 1 / modes), means, std)


def variance_after(process, step, grid, data_std):
    """Variance after a first-order sampler from the true x_t: exact score, data N(0, data_std^2).

    `step(process, t, s)` is one of the sampler's own step functions (see samplers.walk). The exact
    denoiser is linear here, so every step multiplies the variance and adds to it: no network, no
    sampling noise, no error but the solver's.
    """
    times, data_std = check_grid(grid), check_number("data_std", data_std, 0, open_low=False)
    check_process(process)
    variance = (process.alpha(times[0]) * data_std) ** 2 + process.sigma(times[0]) ** 2
    for t, s in zip(times[:-1], times[1:]):
        alpha, sigma = process.alpha(t), process.sigma(t)
        gain = alpha * data_std**2 / ((alpha * data_std) ** 2 + sigma**2)   # x0_hat = gain x
        keep, pull, noise = step(process, t, s) if s > 0 else (0.0, 1.0, 0.0)
        variance = (keep + pull * gain) ** 2 * variance + noise**2
    return variance
