"""Sampling by the posterior of the forward process: DDPM's ancestral step and the DDIM family."""
import torch

from ..checks import check_choice, check_grid, check_model, check_number, check_table
from ..ddpm import VARIANCES
from ..process import randn_like
from ..variance import reverse_law, step_variances
from .walk import Step, start, steps_of, walk


def ancestral_step(process, t, s, variance="posterior"):
    """q(x_s | x_t, x_0) with x_0 predicted (Ho et al. 2020, Eqs. 6, 7, 11), any process, any t > s.

    variance "posterior" (beta tilde) is right for point data, "beta" for unit-variance data; the
    truth is between.
    """
    keep, pull, posterior = process.posterior(t, s)
    reverse = posterior if variance == "posterior" else process.added_variance(t, s)
    return Step(keep, pull, reverse**0.5)


def ancestral(model, x, grid, *, variance="posterior", generator=None, trace=None):
    """DDPM's Algorithm 2 on any grid (survey Eq. 5), (B, *shape). No noise on a last step to 0.

    variance: "posterior", "beta", a table of one variance per step, noisiest first (see
    analytic.optimal_variance), or "learned", for a LearnedVariance.
    """
    if not isinstance(variance, str):
        return ddim(model, x, grid, eta=1.0, variance=variance, generator=generator, trace=trace)
    check_choice("variance", variance, (*VARIANCES, "learned"))
    if variance == "learned":
        return ancestral_learned(model, x, grid, generator, trace)
    return walk(model, x, grid, lambda *step: ancestral_step(*step, variance), generator, trace)


@torch.no_grad()
def ancestral_learned(model, x, grid, generator, trace):
    """`ancestral` with another variance for every coordinate, which the model tells step by step."""
    times = start(model, x, grid)
    law, steps = reverse_law(model, times, "learned"), steps_of(model.process, times, ancestral_step)
    for i, (keep, pull, noise) in enumerate(steps):
        x0_hat, variance = law(i, x)
        if trace is not None:
            trace(i, times[i], x, x0_hat)
        x = keep * x + pull * x0_hat
        if noise:
            x = x + variance**0.5 * randn_like(x, generator)
    return x


def ddim_step(process, t, s, eta=0.0):
    """x_s = alpha_s x0_hat + sqrt(sigma_s^2 - c^2) eps + c z (DDIM Eqs. 12, 16).

    c is eta times the posterior's std, and eps = (x - alpha_t x0_hat) / sigma_t.
    """
    noisy = isinstance(eta, torch.Tensor) or eta                # a tensor: one for each step
    noise = eta * process.posterior(t, s)[2] ** 0.5 if noisy else 0.0
    keep = (process.sigma(s) ** 2 - noise**2) ** 0.5 / process.sigma(t)
    return Step(keep, process.alpha(s) - keep * process.alpha(t), noise)


def ddim(model, x, grid, *, eta=0.0, variance=None, generator=None, trace=None):
    """DDIM (Song et al. 2020; survey Eqs. 25 to 27), (B, *shape). eta 0: no noise; 1: ancestral.

    variance: None, or a table with one variance per step for the noise that is added; the mean is
    that of `eta` (Analytic-DDIM: Bao et al. 2022, see analytic.optimal_variance).
    """
    check_number("eta", eta, 0, 1, open_low=False, open_high=False)
    if variance is None:
        return walk(model, x, grid, lambda *step: ddim_step(*step, eta), generator, trace)
    table = check_table("variance", variance)                  # no names here: they are of eta = 1
    table = step_variances(check_model(model).process, check_grid(grid), table, zero=True)
    return walk(model, x, grid, lambda *step: ddim_step(*step, eta)._replace(noise=table**0.5),
                generator, trace)
