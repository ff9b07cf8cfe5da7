"""The variational bound of a chain, term by term and in nats (survey Eqs. 6 to 8)."""
import math
from itertools import pairwise
from typing import NamedTuple

import torch

from ..checks import check_choice, check_count, check_data, check_grid, check_table
from ..ddpm import VARIANCES
from ..process import check_process, check_signal, expand, randn_like
from ..samplers.walk import start
from ..variance import reverse_law
from .decoder import check_levels, discretised_log_prob


class VLB(NamedTuple):
    """The negative variational bound of each example in nats (DDPM Eq. 5; survey Eq. 8)."""

    prior: torch.Tensor            # (B,) L_T, KL of q(x_T|x_0) from the prior
    diffusion: torch.Tensor        # (B, steps - 1) L_{t-1}, one noise draw each, noisiest first
    reconstruction: torch.Tensor   # (B,) L_0, -log p(x_0 | x_1)

    @property
    def total(self):
        """The bound on -log p(x_0), (B,)."""
        return self.prior + self.diffusion.sum(1) + self.reconstruction


def step_kl(process, t, s, square, dims, variance):
    """KL of a reverse step t -> s from q(x_s|x_t, x_0) in nats (survey Eq. 7), s above 0.

    `square` is |x_0 - x0_hat|^2 over `dims` coordinates, `variance` that of the reverse step; all
    are numbers or tensors that broadcast.
    """
    _, pull, true = process.posterior(t, s)
    ratio = torch.as_tensor(true / variance, dtype=torch.float64)
    return 0.5 * (ratio * pull**2 * square / true + dims * (ratio - 1 - ratio.log()))


def decoder_nats(square, dims, variance):
    """-log N(x_0; x0_hat, variance I) in nats, a density: the last step, t -> 0."""
    variance = torch.as_tensor(variance, dtype=torch.float64)
    return 0.5 * (square / variance + dims * (2 * math.pi * variance).log())


def sum_coordinates(x):
    """Sum over all axes but the batch, (B, *shape) -> (B,)."""
    return x.reshape(len(x), -1).sum(1)


def prior_nats(process, x0, t):
    """KL of q(x_t|x_0) from the prior in nats, (B,): L_T of survey Eq. (8) at the first time t."""
    prior = process.prior_std**2
    square = sum_coordinates((expand(process.alpha(t), check_data("x0", x0)) * x0) ** 2)
    ratio = torch.as_tensor(process.sigma(t) ** 2 / prior, dtype=torch.float64)
    return 0.5 * (square / prior + x0[0].numel() * (ratio - 1 - ratio.log()))


@torch.no_grad()
def vlb_terms(model, x0, grid, *, variance="beta", levels=None, generator=None):
    """One unbiased draw of every term of the negative VLB in nats (survey Eqs. 6 to 8).

    x0 is (B, *shape). The grid ends at 0; for a DDPM chain `chain.grid()` gives the paper's bound.
    `variance` is the reverse steps': "posterior", "beta", a table with one number per step, noisiest
    first (see analytic.optimal_variance), or "learned" (see variance.LearnedVariance).

    The last step decodes: a normal law around the denoised mean, by name with the variance of
    q(x_t|x_0). levels=None takes its density at x0; levels=256 its probability of the value, for
    8-bit data in [-1, 1] (see discretised_log_prob). The two differ by the width of a bin.
    """
    times, process = start(model, x0, grid), model.process
    check_signal(process, times[0])
    law = reverse_law(model, times, variance)
    if times[-1] != 0:
        raise ValueError(f"grid must end at 0, where the data are, got {times[-1]:g}")
    if levels is not None:
        check_levels(x0, levels)
    diffusion = []
    for i, (t, s) in enumerate(pairwise(times)):
        xt = process.perturb(x0, t, randn_like(x0, generator))
        x0_hat, step_variance = law(i, xt)
        square = (x0 - x0_hat) ** 2
        if s > 0:
            nats = step_kl(process, t, s, square, 1, step_variance)
        elif levels is None:
            nats = decoder_nats(square, 1, step_variance)
        else:
            nats = -discretised_log_prob(x0, x0_hat, step_variance**0.5, levels)
        diffusion.append(sum_coordinates(nats).to(x0.dtype))
    reconstruction = diffusion.pop()
    diffusion = torch.stack(diffusion, 1) if diffusion else x0.new_zeros(len(x0), 0)
    return VLB(prior_nats(process, x0, times[0]), diffusion, reconstruction)


def pair_costs(process, times, square, dims=1, *, variance="beta"):
    """Nats that a step between any two of `times` adds to the negative VLB, (N, N).

    times (N,) fall, as a grid does; square (N,) holds the mean of |x_0 - x0_hat|^2 at each of them,
    a sum over `dims` coordinates. Entry [i, j] belongs to the step times[i] -> times[j], j > i, and
    is infinite elsewhere; a step to 0 is the decoder's. Variances are those of the step, however
    long it is. Along a grid the entries add up to what vlb_terms estimates, less the prior's term,
    which is the same for all grids: grids.shortest finds the best one (Watson et al. 2021).
    """
    times = torch.tensor(check_grid(times, "times"), dtype=torch.float64)
    check_process(process)
    check_choice("variance", variance, VARIANCES)
    dims, square = check_count("dims", dims), check_table("square", square)
    if (square < 0).any():
        raise ValueError(f"square must hold means of squares, got {square.min():g}")
    if square.shape != times.shape:
        raise ValueError(f"square must hold one number for each of the {len(times)} times, "
                         f"got {len(square)}")
    t, s, square = times[:, None], times[None, :], square[:, None]
    added = process.added_variance(t, s)
    reverse = process.posterior(t, s)[2] if variance == "posterior" else added
    costs = step_kl(process, t, s, square, dims, reverse)
    if times[-1] == 0:
        costs[:, -1:] = decoder_nats(square, dims, added[:, -1:])
    return torch.where(s < t, costs, torch.inf)
