"""Solvers of the probability-flow ODE dx/dt = f x - 1/2 g^2 score (survey Eq. 19)."""
from itertools import pairwise

import numpy as np
import torch

from ..checks import check_choice, check_number
from ..score_sde import level_velocity
from .walk import Step, along, start, walk


def euler_step(process, t, s):
    """x - h (f x - 1/2 g^2 score) with h = t - s and score = (alpha x0_hat - x) / sigma^2."""
    h, f, half = t - s, process.drift_rate(t), process.diffusion(t) ** 2 / 2
    alpha, variance = process.alpha(t), process.sigma(t) ** 2
    return Step(1 - h * (f + half / variance), h * half * alpha / variance, 0.0)


def euler(model, x, grid, *, generator=None, trace=None):
    """Euler's method on the probability-flow ODE, order 1, (B, *shape); `generator` is not used."""
    return walk(model, x, grid, euler_step, generator, trace)


@torch.no_grad()
def heun(model, x, grid, *, generator=None, trace=None):
    """Heun's method on the flow ODE, order 2 (Karras et al. 2022, Algorithm 1, for any process).

    Two model calls a step, one on the last step to 0, (B, *shape). `generator` is not used.
    """
    times, process = start(model, x, grid), model.process
    # The velocity f x - g^2/2 score is linear in x and x0_hat: two numbers for each time above 0.
    def rate(t):
        return process.drift_rate(t) + process.diffusion(t) ** 2 / (2 * process.sigma(t) ** 2)

    def pull(t):
        return -process.diffusion(t) ** 2 * process.alpha(t) / (2 * process.sigma(t) ** 2)

    rates, pulls = along(rate, times), along(pull, times)
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
def adaptive_ode(model, x, grid, *, rtol=1e-5, atol=1e-5, method="RK45",
                 generator=None, trace=None):
    """A black-box adaptive solver (scipy's solve_ivp) on the probability-flow ODE, (B, *shape).

    Solved in y = x/alpha and u = log(sigma/alpha), see score_sde.level_velocity. The solver chooses
    its own steps between the grid's times, which only say where `trace` looks. A last time of 0
    means: solve to the time before it, then take the denoised mean. The solver's own arithmetic is
    float64. `generator` is accepted and not used.
    """
    from scipy.integrate import solve_ivp

    times, process = start(model, x, grid), model.process
    check_number("rtol", rtol, 0)
    check_number("atol", atol, 0)
    if not isinstance(method, type):                             # or one of scipy's solver classes
        check_choice("method", method, ("RK45", "RK23", "DOP853", "Radau", "BDF", "LSODA"))
    stops = times[:-1] if times[-1] == 0 else times
    alphas = along(process.alpha, stops)
    levels = [-half for half in along(process.half_log_snr, stops)]

    def as_data(flat):
        flat = torch.as_tensor(np.ascontiguousarray(flat), dtype=x.dtype, device=x.device)
        return flat.reshape(x.shape)

    def velocity(u, flat):
        return level_velocity(model, as_data(flat), float(u)).double().flatten().cpu().numpy()

    state = (x.double() / alphas[0]).flatten().cpu().numpy()[:, None]
    if len(stops) > 1:
        result = solve_ivp(velocity, (levels[0], levels[-1]), state[:, 0], method=method,
                           t_eval=levels, rtol=rtol, atol=atol)
        if not result.success:
            raise RuntimeError(f"the adaptive solver gave up: {result.message}")
        state = result.y
    for i, t in enumerate(stops if trace is not None else ()):
        if i < len(times) - 1:
            at = alphas[i] * as_data(state[:, i])
            trace(i, t, at, model(at, t))
    x = alphas[-1] * as_data(state[:, -1])
    return model(x, stops[-1]) if times[-1] == 0 else x
