"""Section 4: VLB terms, the flow's log density, bits per dimension. Nats until the last step."""
import math
from itertools import pairwise
from typing import NamedTuple

import torch

from .checks import (check_choice, check_count, check_grid, check_model, check_number, check_table,
                     check_tensor)
from .ddpm import VARIANCES
from .grids import log_snr
from .process import check_process, randn_like
from .samplers.walk import along, start
from .score_sde import level_velocity


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

    `square` is |x_0 - x0_hat|^2; it, t and s are numbers or tensors that broadcast.
    """
    _, pull, true = process.posterior(t, s)
    ratio = true / (true if variance == "posterior" else process.added_variance(t, s))
    spread = ratio - 1 - torch.as_tensor(ratio, dtype=torch.float64).log()
    return 0.5 * (ratio * pull**2 * square / true + dims * spread)


def decoder_nats(process, t, square, dims):
    """-log p(x_0|x_t) of the last step t -> 0 in nats, for numbers or tensors that broadcast.

    A normal density around the denoised mean with the variance of q(x_t|x_0), beta_1 for a chain.
    """
    variance = torch.as_tensor(process.added_variance(t, 0 * t), dtype=torch.float64)
    return 0.5 * (square / variance + dims * (2 * math.pi * variance).log())


def sum_coordinates(x):
    """Sum over all axes but the batch, (B, *shape) -> (B,)."""
    return x.reshape(len(x), -1).sum(1)


@torch.no_grad()
def vlb_terms(model, x0, grid, *, variance="beta", generator=None):
    """One unbiased draw of every term of the negative VLB in nats (survey Eqs. 6 to 8).

    x0 is (B, *shape). The grid ends at 0; for a DDPM chain `chain.grid()` gives the paper's bound.
    `variance` is the reverse step's. The decoder p(x_0|x_1) is a normal density around the denoised
    mean with the variance of q(x_1|x_0): densities, not 8-bit probabilities.
    """
    times, process = start(model, x0, grid), model.process
    check_choice("variance", variance, VARIANCES)
    if times[-1] != 0:
        raise ValueError(f"grid must end at 0, where the data are, got {times[-1]:g}")
    dims = x0[0].numel()
    alpha, var, prior = process.alpha(times[0]), process.sigma(times[0]) ** 2, process.prior_std**2
    square, ratio = sum_coordinates((alpha * x0) ** 2), var / prior
    prior_term = 0.5 * (square / prior + dims * (ratio - 1 - math.log(ratio)))
    diffusion = []
    for t, s in pairwise(times):
        xt = process.perturb(x0, t, randn_like(x0, generator))
        square = sum_coordinates((x0 - model(xt, t)) ** 2)
        if s == 0:
            reconstruction = decoder_nats(process, t, square, dims)
            break
        diffusion.append(step_kl(process, t, s, square, dims, variance))
    diffusion = torch.stack(diffusion, 1) if diffusion else x0.new_zeros(len(x0), 0)
    return VLB(prior_term, diffusion, reconstruction)


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
    if square.shape != times.shape:
        raise ValueError(f"square must hold one number for each of the {len(times)} times, "
                         f"got {len(square)}")
    t, s, square = times[:, None], times[None, :], square[:, None]
    costs = step_kl(process, t, s, square, dims, variance)
    if times[-1] == 0:
        costs[:, -1:] = decoder_nats(process, t, square, dims)
    return torch.where(s < t, costs, torch.inf)


def divergence_of(velocity, x, probe=None):
    """Trace of d velocity/dx, (B,): exact, one backward pass a coordinate, or v'Jv, v the probe."""
    if probe is not None:
        return sum_coordinates(torch.autograd.grad((velocity * probe).sum(), x)[0] * probe)
    flat = velocity.reshape(len(x), -1)
    rows = [torch.autograd.grad(flat[:, i].sum(), x, retain_graph=True)[0]
            for i in range(flat.shape[1])]
    diagonal = [row.reshape(len(x), -1)[:, i] for i, row in enumerate(rows)]
    return torch.stack(diagonal, 1).sum(1)


def flow_log_prob(model, x, grid=None, *, divergence="exact", generator=None, steps=200, end=1e-5):
    """log p_ode(x) in nats, (B, *shape) -> (B,): instantaneous change of variables (survey Eq. 38).

    The flow (19) is solved from data to noise in y = x/alpha and u = log(sigma/alpha), see
    score_sde.level_velocity, by the classical fourth-order Runge-Kutta method on the times of
    `grid`, read backwards; by default `steps` equal steps in log SNR from t = 1 to `end`. Returned
    is the model's density of x at the grid's last time, which must be above 0.

    `divergence` is "exact" (a backward pass per coordinate) or "hutchinson" (Skilling-Hutchinson:
    one Rademacher probe per example for the whole path, unbiased and noisy).
    """
    process = check_model(model).process
    check_choice("divergence", divergence, ("exact", "hutchinson"))
    if grid is None:
        grid = log_snr(process, check_count("steps", steps), end=check_number("end", end, 0, 1))
    times = start(model, x, grid)[::-1]
    if times[0] == 0:
        raise ValueError("grid must end above 0, where a network has no density, "
                         "got a last time of 0")
    probe = randn_like(x, generator).sign() if divergence == "hutchinson" else None

    def field(y, u):
        with torch.enable_grad():
            y = y.detach().requires_grad_()
            velocity = level_velocity(model, y, u)
            return velocity.detach(), divergence_of(velocity, y, probe).detach()

    levels = [-half for half in along(process.half_log_snr, times)]
    y, change = x / process.alpha(times[0]), x.new_zeros(len(x))
    for u, after in pairwise(levels):
        h = after - u
        v1, d1 = field(y, u)
        v2, d2 = field(y + h / 2 * v1, u + h / 2)
        v3, d3 = field(y + h / 2 * v2, u + h / 2)
        v4, d4 = field(y + h * v3, after)
        y = y + h / 6 * (v1 + 2 * v2 + 2 * v3 + v4)
        change = change + h / 6 * (d1 + 2 * d2 + 2 * d3 + d4)
    scaling = x[0].numel() * math.log(process.alpha(times[-1]) / process.alpha(times[0]))
    return process.prior_log_prob(process.alpha(times[-1]) * y) + change + scaling


def bits_per_dim(log_prob, dims, bin_width=1.0):
    """Nats to bits per dimension: -(log_prob / dims + log bin_width) / log 2, shaped as log_prob.

    `bin_width` turns a density into the probability of a quantised value: 1/127.5 for 8-bit images
    scaled to [-1, 1] (adds 6.99 bits), 1/255 for [0, 1]. Leave it at 1 for a log probability of
    discrete data.
    """
    dims, bin_width = check_count("dims", dims), check_number("bin_width", bin_width, 0)
    if isinstance(log_prob, torch.Tensor):
        check_tensor("log_prob", log_prob)
    else:
        check_number("log_prob", log_prob, open_low=False)
    return -(log_prob / dims + math.log(bin_width)) / math.log(2)
