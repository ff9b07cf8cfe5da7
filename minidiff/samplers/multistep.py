"""Multistep exponential integrators: the linear part exact, past answers interpolated."""
import math
from collections import deque
from itertools import pairwise

import torch

from ..checks import check_choice
from .walk import along, start


def exponential_weights(nodes, h, damped=True):
    """Weights w_j with sum_j w_j f(nodes_j) close to the integral over [0, h] of e^(u - h) f(u) du.

    `nodes` are where f was asked, the newest at 0, older ones negative, in half log SNR. Undamped,
    the weights integrate Newton's interpolating polynomial exactly. Extrapolating over a long step
    overshoots: DPM-Solver++(2M) takes the midpoint value instead of the integral of the linear
    term, a factor of h (1 - e^-h) / (2 (h - 1 + e^-h)) = 1 - h/6 + ... that tames it and keeps the
    order. Damped weights are theirs for two nodes; the newest term of a longer polynomial, of
    degree k, gets the factor k times.
    """
    moments = [-math.expm1(-h)]                                     # integrals of e^(u - h) u^k
    for k in range(1, len(nodes)):
        moments.append(h**k - k * moments[-1])
    factor = h * moments[0] / (2 * moments[1]) if damped and len(nodes) > 1 else 1.0
    weights, basis = [0.0] * len(nodes), [1.0]                      # basis: product of (u - node)
    for k, node in enumerate(nodes):
        damping = factor**k if k == len(nodes) - 1 else 1.0
        term = sum(a * m for a, m in zip(basis, moments)) * damping
        for j in range(k + 1):                                      # the divided difference of f
            weights[j] += term / math.prod(nodes[j] - nodes[i] for i in range(k + 1) if i != j)
        basis = [up - node * same for up, same in zip([0.0, *basis], [*basis, 0.0])]
    return weights


@torch.no_grad()
def dpm_solver_pp(model, x, grid, *, order=3, generator=None, trace=None):
    """DPM-Solver++ multistep, order 1 to 3 (Lu et al. 2022b), one model call a step, (B, *shape).

    x_s = sigma_s/sigma_t x_t + alpha_s times the integral of e^(u - h) x0_hat(u) du, u the half log
    SNR, with x0_hat replaced by the polynomial through its last `order` values. Order 1 is DDIM.
    Best on grids.log_snr. The first steps have fewer values: near t = 1, where x0_hat hardly moves,
    that costs nothing, but a walk that starts in the middle has order 2 at most. `generator` is
    accepted and not used.
    """
    times, process = start(model, x, grid), model.process
    order = int(check_choice("order", order, (1, 2, 3)))
    curves = process.alpha, process.sigma, process.half_log_snr
    alphas, sigmas, half = (along(curve, times) for curve in curves)
    past = deque(maxlen=order)                                                # newest first
    for i, (t, s) in enumerate(pairwise(times)):
        x0_hat = model(x, t)
        if trace is not None:
            trace(i, t, x, x0_hat)
        if s == 0:
            return x0_hat
        past.appendleft(x0_hat)
        nodes = [half[i - j] - half[i] for j in range(len(past))]
        x = sigmas[i + 1] / sigmas[i] * x
        for weight, answer in zip(exponential_weights(nodes, half[i + 1] - half[i]), past):
            x = torch.add(x, answer, alpha=alphas[i + 1] * weight)
    return x
