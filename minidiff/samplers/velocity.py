"""Samplers of critically-damped Langevin diffusion: x (B, 2, *shape) is data and velocity."""
from collections import deque

import torch

from ..checks import check_choice, check_count
from ..cld import CLD, FACTORS, check_state, inverse, lift, lower, mix, quadrature
from ..process import expand, randn_like
from .walk import start


def begin(model, x, grid):
    """Check what these samplers are given; the times as floats, and t, s of all steps, float64."""
    times = start(model, x, grid, CLD)
    check_state("x", x)
    table = torch.tensor(times, dtype=torch.float64)
    return times, table[:-1], table[1:]


def score_step(process, t, h):
    """h times G G^T score = keep z + pull x0_hat: keep (N, 2, 2), pull (N, 2) for t and h (N,).

    G G^T has one entry, in v, so only the score of the velocity enters.
    """
    signal, covariance = process.marginal(t)
    row = -process.noise_rate * h[:, None] * inverse(covariance)[:, 1]
    keep = torch.stack([torch.zeros_like(row), row], 1)
    return keep, -(keep @ signal[:, :, None])[:, :, 0]


@torch.no_grad()
def euler_maruyama_cld(model, x, grid, *, generator=None, trace=None):
    """Euler-Maruyama on CLD's reverse SDE (Dockhorn et al. 2022), weak order 1, (B, 2, *shape).

    z - h (F z - G G^T score) + G sqrt(h) noise: noise in the velocity only. One model call a step;
    a last time of 0 means: finish on the mean of the data and their velocity.
    """
    (times, t, s), process = begin(model, x, grid), model.process
    h, (keep, pull) = t - s, score_step(process, t, t - s)
    keep = (torch.eye(2) - expand(h, keep) * process.drift_matrix + keep).to(x)
    pull, noise = pull.to(x), (process.noise_rate * h).sqrt().tolist()
    for i, t in enumerate(times[:-1]):
        x0_hat = model(x, t)
        if trace is not None:
            trace(i, t, x, x0_hat)
        if times[i + 1] == 0:
            return model.data(x, t, x0_hat)
        x = mix(keep[i], x) + lift(pull[i], x0_hat)
        x[:, 1] += noise[i] * randn_like(x[:, 1], generator)
    return x


@torch.no_grad()
def sscs(model, x, grid, *, generator=None, trace=None):
    """Symmetric splitting CLD sampler (Dockhorn et al. 2022, Algorithm 1), (B, 2, *shape).

    Half a step of the reverse SDE as if the score were that of the law at rest, exactly: it is the
    forward process with the velocity turned round. Then what the score has more, for a whole step:
    v + h G G^T (score + v/M), asked at the step's first time t. Then the other half. One model call
    a step (and one for each `trace`), weak order 1, since the middle part is an Euler step. A last
    time of 0 means: finish on the mean of the data and their velocity.
    """
    (times, t, s), process = begin(model, x, grid), model.process
    turn = torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64))
    half, spread = (turn @ part @ turn for part in process.transition((t - s) / 2))
    half, noise = half.to(x), lower(spread).to(x)
    keep, pull = score_step(process, t, t - s)
    keep[:, 1, 1] += 1 + process.noise_rate * (t - s) / process.mass
    keep[:, 0, 0] += 1
    keep, pull = keep.to(x), pull.to(x)
    for i, t in enumerate(times[:-1]):
        last = times[i + 1] == 0
        if trace is not None or last:
            x0_hat = model(x, t)
        if trace is not None:
            trace(i, t, x, x0_hat)
        if last:
            return model.data(x, t, x0_hat)
        x = mix(half[i], x) + mix(noise[i], randn_like(x, generator))
        x = mix(keep[i], x) + lift(pull[i], model(x, t))
        x = mix(half[i], x) + mix(noise[i], randn_like(x, generator))
    return x


def gddim_weights(process, times, order, factor):
    """The matrices W_j of every step: z_s = move z_t + sum_j W_j eps_j, newest first.

    W_j is the integral from t to s of 1/2 move(s, u) G G^T K(u)^-T times Lagrange's polynomial of
    node j in u. For R alone and one node it is R(s) - move R(t): then the step is DDIM's.
    """
    steps = []
    for i, (t, s) in enumerate(zip(times[:-1], times[1:])):
        if s == 0:
            break
        nodes = times[max(0, i - order + 1):i + 1][::-1]
        at, weights = quadrature(*torch.tensor([[s], [t]], dtype=torch.float64))
        move = process.transition(s - at)[0][..., :, 1:]
        rows = inverse(process.factor(at, factor))[..., :, 1]
        curve = -process.noise_rate / 2 * weights[..., None, None] * move * rows[..., None, :]
        basis = [torch.stack([(at - b) / (a - b) for b in nodes if b != a] or [at**0]).prod(0)
                 for a in nodes]
        steps.append([(curve * part[..., None, None]).sum((0, 1)) for part in basis])
    return steps


@torch.no_grad()
def gddim(model, x, grid, *, order=1, factor="R", generator=None, trace=None):
    """Generalised DDIM on CLD, order 1 to 3 (Zhang et al. 2022, gDDIM), (B, 2, *shape).

    The flow dz/dt = F z + 1/2 G G^T K^-T eps, with eps replaced by the polynomial in t through its
    last `order` values. With `factor` "R" eps stands still for point data, and one step of any size
    is exact; with the Cholesky factor "L" it does not. A last time of 0 means: finish on the mean
    of the data and their velocity. `generator` is accepted and not used.
    """
    (times, t, s), process = begin(model, x, grid), model.process
    order = check_count("order", check_choice("order", order, (1, 2, 3)))
    check_choice("factor", factor, FACTORS)
    moves, signal = process.transition(s - t)[0].to(x), process.marginal(t)[0].to(x)
    whiten = inverse(process.factor(t, factor)).to(x)
    weights = gddim_weights(process, times, order, factor)
    past = deque(maxlen=order)                                                # newest first
    for i, t in enumerate(times[:-1]):
        x0_hat = model(x, t)
        if trace is not None:
            trace(i, t, x, x0_hat)
        if times[i + 1] == 0:
            return model.data(x, t, x0_hat)
        past.appendleft(mix(whiten[i], x - lift(signal[i], x0_hat)))
        x = mix(moves[i], x) + sum(mix(weight, eps) for weight, eps in zip(weights[i], past))
    return x
