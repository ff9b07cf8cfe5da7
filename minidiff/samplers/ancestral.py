"""Sampling by the posterior of the forward process: DDPM's ancestral step and the DDIM family."""
import torch

from ..checks import check_choice, check_number
from ..ddpm import VARIANCES
from .walk import Step, walk


def ancestral_step(process, t, s, variance="posterior"):
    """q(x_s | x_t, x_0) with x_0 predicted (Ho et al. 2020, Eqs. 6, 7, 11), any process, any t > s.

    variance "posterior" (beta tilde) is right for point data, "beta" for unit-variance data; the
    truth is between.
    """
    keep, pull, posterior = process.posterior(t, s)
    reverse = posterior if variance == "posterior" else process.added_variance(t, s)
    return Step(keep, pull, reverse**0.5)


def ancestral(model, x, grid, *, variance="posterior", generator=None, trace=None):
    """DDPM's Algorithm 2 on any grid (survey Eq. 5), (B, *shape). No noise on a last step to 0."""
    check_choice("variance", variance, VARIANCES)
    return walk(model, x, grid, lambda *step: ancestral_step(*step, variance), generator, trace)


def ddim_step(process, t, s, eta=0.0):
    """x_s = alpha_s x0_hat + sqrt(sigma_s^2 - c^2) eps + c z (DDIM Eqs. 12, 16).

    c is eta times the posterior's std, and eps = (x - alpha_t x0_hat) / sigma_t.
    """
    noisy = isinstance(eta, torch.Tensor) or eta                # a tensor: one for each step
    noise = eta * process.posterior(t, s)[2] ** 0.5 if noisy else 0.0
    keep = (process.sigma(s) ** 2 - noise**2) ** 0.5 / process.sigma(t)
    return Step(keep, process.alpha(s) - keep * process.alpha(t), noise)


def ddim(model, x, grid, *, eta=0.0, generator=None, trace=None):
    """DDIM (Song et al. 2020; survey Eqs. 25 to 27), (B, *shape). eta 0: no noise; 1: ancestral."""
    check_number("eta", eta, 0, 1, open_low=False, open_high=False)
    return walk(model, x, grid, lambda *step: ddim_step(*step, eta), generator, trace)
