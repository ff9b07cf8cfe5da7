"""Multistep exponential integrators: solve the linear part exactly, interpolate the network's past answers."""
import math
from collections import deque
from itertools import pairwise

import numpy as np
import torch

from ..checks import check_choice
from .walk import start


def exponential_weights(nodes, h):
    """Weights w_j with sum_j w_j p(nodes_j) = integral over [0, h] of e^(u - h) p(u) du for polynomials p.

    `nodes` are where the answers were taken, the newest at 0, older ones negative, in half log SNR.
    """
    powers = len(nodes)
    # Moments of u^k by Gauss-Legendre: exact to rounding, and no cancellation for small h.
    points, weights = np.polynomial.legendre.leggauss(24)
    u = (points + 1) * h / 2
    moments = [float((weights * h / 2 * np.exp(u - h) * u**k).sum()) for k in range(powers)]
    return np.linalg.solve(np.vander(nodes, powers, increasing=True).T, moments)


def damped_weights(nodes, h):
    """Exponential weights whose newest correction is shortened on long steps; the order stays the same.

    DPM-Solver++(2M) uses the midpoint value instead of the integral of the linear term: a factor of
    h (1 - e^-h) / (2 (h - 1 + e^-h)), which is 1 - h/6 + ... Extrapolating over a long step overshoots, and the factor
    tames it. Two nodes give their rule exactly; with three, the quadratic term gets the factor twice.
    """
    weights = exponential_weights(nodes, h)
    if len(nodes) > 1:
        factor = -h * math.expm1(-h) / (2 * (h + math.expm1(-h)))
        lower = np.append(exponential_weights(nodes[:-1], h), 0.0)
        weights = lower + factor ** (len(nodes) - 1) * (weights - lower)
    return weights.tolist()


@torch.no_grad()
def dpm_solver_pp(model, x, grid, *, order=3, generator=None, trace=None):
    """DPM-Solver++ multistep of order 1, 2 or 3 (Lu et al. 2022b): one model call a step, (B, *shape).

    x_s = sigma_s/sigma_t x_t + alpha_s times the integral of e^(u - h) x0_hat(u) du, u the half log SNR, with x0_hat
    replaced by the polynomial through its last `order` values. Order 1 is DDIM. Best on grids.log_snr.
    `generator` is accepted and not used.
    """
    times, process = start(model, x, grid), model.process
    check_choice("order", order, (1, 2, 3))
    alphas, sigmas = [process.alpha(t) for t in times], [process.sigma(t) for t in times]
    half = [process.half_log_snr(t) if t > 0 else np.inf for t in times]
    past = deque(maxlen=order)                                                # newest first
    for i, (t, s) in enumerate(pairwise(times)):
        x0_hat = model(x, t)
        if trace is not None:
            trace(i, t, x, x0_hat)
        if s == 0:
            return x0_hat
        past.appendleft(x0_hat)
        nodes = [half[i - j] - half[i] for j in range(len(past))]
        weights = damped_weights(nodes, half[i + 1] - half[i])
        x = sigmas[i + 1] / sigmas[i] * x
        for weight, answer in zip(weights, past):
            x = x + alphas[i + 1] * weight * answer
    return x
