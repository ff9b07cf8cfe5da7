"""Multistep exponential integrators: the linear part exact, past answers interpolated.

With level = sigma/alpha = e^v the flow is d(x/alpha)/d level = eps, and in the half log SNR u = -v
it is d(x/sigma)/du = e^u x0_hat. So one step is a multiple of x plus an integral of the answers:

    x_s = sigma_s/sigma_t x_t + alpha_s times the integral of e^(u - u_s) x0_hat du
    x_s = alpha_s/alpha_t x_t + sigma_s times the integral of e^(v - v_s) eps dv

the same with signal and noise exchanged. The methods differ in what stands for the answers.
"""
import functools
import math
from collections import deque

import numpy as np
import torch

from ..checks import check_choice
from ..denoiser import to_x0
from .walk import along, start


def interpolation_weights(nodes, moments, damping=1.0):
    """Weights w_j with sum_j w_j f(nodes_j) the integral of the polynomial through f at the nodes.

    moments[k] is the integral of u^k, at least one for each node. The newest term of the
    polynomial, in Newton's form, is multiplied by `damping`.
    """
    weights, basis = [0.0] * len(nodes), [1.0]                      # basis: product of (u - node)
    for k, node in enumerate(nodes):
        term = sum(a * m for a, m in zip(basis, moments))
        term *= damping if k == len(nodes) - 1 else 1.0
        for j in range(k + 1):                                      # the divided difference of f
            weights[j] += term / math.prod(nodes[j] - nodes[i] for i in range(k + 1) if i != j)
        basis = [up - node * same for up, same in zip([0.0, *basis], [*basis, 0.0])]
    return weights


def exponential_weights(nodes, h, damped=True):
    """Weights w_j with sum_j w_j f(nodes_j) close to the integral over [0, h] of e^(u - h) f(u) du.

    `nodes` are where f was asked, the newest at 0, older ones beyond it, in half log SNR for x0_hat
    and in its negative, where h < 0, for eps. Undamped, the weights integrate Newton's
    interpolating polynomial exactly. Extrapolating over a long step overshoots: DPM-Solver++(2M)
    takes the midpoint value instead of the integral of the linear term, a factor of
    h (1 - e^-h) / (2 (h - 1 + e^-h)) = 1 - h/6 + ... that tames it and keeps the order. Damped
    weights are theirs for two nodes; the newest term of a longer polynomial, of degree k, gets the
    factor k times.
    """
    moments = [-math.expm1(-h)]                                     # integrals of e^(u - h) u^k
    for k in range(1, len(nodes)):
        moments.append(h**k - k * moments[-1])
    factor = h * moments[0] / (2 * moments[1]) if damped and len(nodes) > 1 else 1.0
    return interpolation_weights(nodes, moments, factor ** (len(nodes) - 1))


def latest(places, i, count):
    """The last `count` places up to places[i], newest first, counted from it: nodes for weights."""
    return [places[j] - places[i] for j in range(i, max(i - count, -1), -1)]


@torch.no_grad()
def multistep(model, kind, x, times, keeps, weights, trace=None, past=()):
    """Walk x <- keep x + sum_j weight_j answer_j, (B, *shape), the newest answer first.

    kind     what the model is asked, "x0" or "eps"
    times    the checked grid; a last time of 0 means: return the denoised mean
    keeps    a number for each step to a time above 0; weights: a list of numbers for each
    past     answers of the steps already taken, oldest first: the walk goes on from there
    """
    past = deque(reversed(past), maxlen=max(map(len, weights), default=1))    # newest first
    for i in range(len(past), len(times) - 1):
        finish = times[i + 1] == 0
        answer = model.eps(x, times[i]) if kind == "eps" and not finish else model(x, times[i])
        if trace is not None:
            scales = model.scales(x, times[i])
            trace(i, times[i], x, answer if finish else to_x0(answer, kind, x, *scales))
        if finish:
            return answer
        past.appendleft(answer)
        x = keeps[i] * x
        for weight, old in zip(weights[i], past):
            x = torch.add(x, old, alpha=weight)
    return x


def dpm_solver_pp(model, x, grid, *, order=3, generator=None, trace=None):
    """DPM-Solver++ multistep, order 1 to 3 (Lu et al. 2022b), one model call a step, (B, *shape).

    x0_hat(u) is replaced by the polynomial in half log SNR through its last `order` values. Order 1
    is DDIM. Best on grids.log_snr and grids.softplus. The first steps have fewer values: near
    t = 1, where x0_hat hardly moves, that costs nothing, but a walk that starts in the middle has
    order 2 at most. `generator` is accepted and not used.
    """
    times, process = start(model, x, grid), model.process
    order = int(check_choice("order", order, (1, 2, 3)))
    curves = process.alpha, process.sigma, process.half_log_snr
    alphas, sigmas, half = (along(curve, times) for curve in curves)
    keeps, weights = [], []
    for i, s in enumerate(times[1:]):
        if s > 0:
            found = exponential_weights(latest(half, i, order), half[i + 1] - half[i])
            keeps.append(sigmas[i + 1] / sigmas[i])
            weights.append([alphas[i + 1] * weight for weight in found])
    return multistep(model, "x0", x, times, keeps, weights, trace)


@functools.cache
def gauss_legendre(points=32):
    """Nodes and weights on [0, 1] that integrate polynomials below degree 2 points exactly."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    return torch.as_tensor((nodes + 1) / 2), torch.as_tensor(weights / 2)


def time_moments(process, times, count):
    """Integrals of e^(v - v_s) (tau(v) - t)^k dv over each step t -> s, for k < count, as lists.

    tau(v) is the time of log level v. `times` end above 0. The first moment is known in closed
    form; the others by quadrature in v, where tau is smooth even at the data.
    """
    levels = -process.half_log_snr(torch.tensor(times, dtype=torch.float64))
    nodes, shares = gauss_legendre()
    h = levels.diff()[:, None]
    tau = process.time_at_log_snr(-2 * (levels[:-1, None] + h * nodes))
    passed = tau - torch.tensor(times, dtype=torch.float64)[:-1, None]
    density = shares * h * (h * (nodes - 1)).exp()
    moments = [(density * passed**k).sum(1) for k in range(1, count)]
    return torch.stack([-torch.expm1(-h[:, 0]), *moments], 1).tolist()


def deis(model, x, grid, *, order=3, variable="t", generator=None, trace=None):
    """DEIS (Zhang & Chen 2022, Eqs. 14, 15), order 1 to 4, one model call a step, (B, *shape).

    eps is replaced by the polynomial through its last `order` values, in `variable`: "t" is the
    paper's tAB (order k is tAB(k - 1)), "log_rho", rho = sigma/alpha, is the form that is common in
    code. Order 1 is DDIM. In "t" the method depends on how the process runs through its levels;
    in "log_rho" it does not. The first steps have fewer values: near t = 1 eps hardly moves, but
    a walk that starts in the middle has order 2 at most. `generator` is accepted and not used.
    """
    times, process = start(model, x, grid), model.process
    order = int(check_choice("order", order, (1, 2, 3, 4)))
    check_choice("variable", variable, ("t", "log_rho"))
    above = [t for t in times if t > 0]
    alphas, sigmas, half = (along(curve, above)
                            for curve in (process.alpha, process.sigma, process.half_log_snr))
    places = above if variable == "t" else [-u for u in half]
    moments = time_moments(process, above, order) if variable == "t" else None
    keeps, weights = [], []
    for i in range(len(above) - 1):
        nodes = latest(places, i, order)
        found = (interpolation_weights(nodes, moments[i]) if variable == "t"
                 else exponential_weights(nodes, places[i + 1] - places[i], damped=False))
        keeps.append(alphas[i + 1] / alphas[i])
        weights.append([sigmas[i + 1] * weight for weight in found])
    return multistep(model, "eps", x, times, keeps, weights, trace)
