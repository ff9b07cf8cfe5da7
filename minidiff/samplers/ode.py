"""Solvers of the probability-flow ODE dx/dt = f x - 1/2 g^2 score (survey Eq. 19)."""
from itertools import pairwise

import numpy as np
import torch

from ..checks import check_number
from ..score_sde import flow_velocity
from .walk import Step, start, walk


def euler_step(process, t, s):
    """x - h (f x - 1/2 g^2 score) with h = t - s and score = (alpha x0_hat - x) / sigma^2."""
    h, f, half = t - s, process.drift_rate(t), process.diffusion(t) ** 2 / 2
    alpha, variance = process.alpha(t), process.sigma(t) ** 2
    return Step(1 - h * (f + half / variance), h * half * alpha / variance, 0.0)


def euler(model, x, grid, *, generator=None, trace=None):
    """Euler's method on the probability-flow ODE, order 1, (B, *shape). `generator` is accepted and not used."""
    return walk(model, x, grid, euler_step, generator, trace)


@torch.no_grad()
def heun(model, x, grid, *, generator=None, trace=None):
    """Heun's method on the probability-flow ODE, order 2 (Karras et al. 2022, Algorithm 1, for any process).

    Two model calls a step, one on the last step to 0, (B, *shape). `generator` is accepted and not used.
    """
    times, process = start(model, x, grid), model.process
    alphas, variances = [process.alpha(t) for t in times], [process.sigma(t) ** 2 for t in times]
    halves = [process.diffusion(t) ** 2 / 2 for t in times]
    # The velocity f x - half score is linear in x and x0_hat: keep them as two numbers a time.
    rates = [process.drift_rate(t) + half / v if v else 0.0 for t, half, v in zip(times, halves, variances)]
    pulls = [-half * alpha / v if v else 0.0 for half, alpha, v in zip(halves, alphas, variances)]
    for i, (t, s) in enumerate(pairwise(times)):
        x0_hat = model(x, t)
        if trace is not None:
            trace(i, t, x, x0_hat)
        if s == 0:
            return x0_hat
        velocity = rates[i] * x + pulls[i] * x0_hat
        ahead = x - (t - s) * velocity
        x = x - (t - s) / 2 * (velocity + rates[i + 1] * ahead + pulls[i + 1] * model(ahead, s))
    return x


@torch.no_grad()
def adaptive_ode(model, x, grid, *, rtol=1e-5, atol=1e-5, method="RK45", generator=None, trace=None):
    """A black-box adaptive solver (scipy's solve_ivp) on the probability-flow ODE, (B, *shape).

    It chooses its own steps between the grid's times, which only say where `trace` looks. A last time of 0 means: solve
    to the time before it, then take the denoised mean. Computes in float64. `generator` is accepted and not used.
    """
    from scipy.integrate import solve_ivp

    times = start(model, x, grid)
    check_number("rtol", rtol, 0)
    check_number("atol", atol, 0)
    shape = x.shape

    def as_data(flat):
        return torch.as_tensor(np.asarray(flat), dtype=x.dtype, device=x.device).reshape(shape)

    def velocity(t, flat):
        return flow_velocity(model, as_data(flat), float(t)).double().flatten().cpu().numpy()

    stops = times[:-1] if times[-1] == 0 else times
    state = x.double().flatten().cpu().numpy()
    if len(stops) > 1:
        result = solve_ivp(velocity, (stops[0], stops[-1]), state, method=method, t_eval=stops, rtol=rtol, atol=atol)
        if not result.success:
            raise RuntimeError(f"the adaptive solver stopped at t = {result.t[-1] if len(result.t) else stops[0]:g}: {result.message}")
        if trace is not None:
            for i, t in enumerate(stops[:-1]):
                at = as_data(result.y[:, i])
                trace(i, t, at, model(at, t))
        state = result.y[:, -1]
    x = as_data(state)
    if times[-1] > 0:
        return x
    x0_hat = model(x, stops[-1])
    if trace is not None:
        trace(len(stops) - 1, stops[-1], x, x0_hat)
    return x0_hat
