"""The density of the probability-flow ODE, in nats (survey Eq. 38)."""
import math
from itertools import pairwise

import numpy as np
import torch

from ..checks import (check_choice, check_count, check_data, check_generator, check_model,
                      check_number, check_same_shape, check_tensor, shown)
from ..grids import log_snr
from ..process import check_signal, outside_inference, randn_like
from ..samplers.walk import along, start
from ..score_sde import level_velocity
from .vlb import sum_coordinates

DIVERGENCES = ("exact", "hutchinson")
PROBES = ("rademacher", "gaussian")


def divergence_of(velocity, x, probe=None, *, create_graph=False):
    """Trace of d velocity/dx, both (B, *shape) -> (B,); velocity must come from x by autograd.

    Without a probe it is exact, one backward pass a coordinate. With a probe v it is v'Jv, one
    pass: the Skilling-Hutchinson estimate, unbiased when E[vv'] = I. `create_graph` makes the
    answer differentiable. What the velocity computed without gradients counts as constant: nothing
    can tell. Raises ValueError for one without any history, or of another shape.
    """
    check_same_shape("velocity", velocity, "x", check_tensor("x", x))
    if not (velocity.requires_grad and x.requires_grad):
        raise ValueError("velocity must be computed from x, with x.requires_grad and gradients on: "
                         "it has no history to differentiate")
    if probe is not None:
        check_same_shape("probe", probe, "x", x)
        product = torch.autograd.grad((velocity * probe).sum(), x, create_graph=create_graph)[0]
        return sum_coordinates(product * probe)
    flat, trace = velocity.reshape(len(x), -1), 0
    for i in range(flat.shape[1]):
        row = torch.autograd.grad(flat[:, i].sum(), x, retain_graph=True, create_graph=create_graph)
        trace = trace + row[0].reshape(len(x), -1)[:, i]
    return trace


def draw_probe(x, probe="rademacher", generator=None):
    """One probe per example, like x: independent entries of mean 0 and variance 1.

    "rademacher" draws -1 or 1: variance 2 (|A|^2 - sum_i A_ii^2) of v'Av for a symmetric A, |A|^2
    the sum of its squared entries; "gaussian" has 2 |A|^2 (Hutchinson 1990).
    """
    check_choice("probe", probe, PROBES)
    noise = randn_like(check_data("x", x), generator)
    return noise.sign() if probe == "rademacher" else noise


def runge_kutta(field, y, levels):
    """From levels[0] to levels[-1] by the classical method of order 4: y and the added divergence.

    field(y, u) -> velocity (B, *shape) and divergence (B,). Four calls a step.
    """
    change = 0
    for u, after in pairwise(levels):
        h = after - u
        v1, d1 = field(y, u)
        v2, d2 = field(y + h / 2 * v1, u + h / 2)
        v3, d3 = field(y + h / 2 * v2, u + h / 2)
        v4, d4 = field(y + h * v3, after)
        y = y + h / 6 * (v1 + 2 * v2 + 2 * v3 + v4)
        change = change + h / 6 * (d1 + 2 * d2 + 2 * d3 + d4)
    return y, change


def dormand_prince(field, y, levels, rtol):
    """The same by scipy's DOP853, order 8, which chooses its own steps; state and sums in float64.

    The batch is one system, so that each call asks for all examples at once. The solver holds the
    mean square of a step's errors, each over its tolerance, below 1. So with rtol / sqrt(B) an
    example's own is below `rtol`, whatever company it is in: relative and absolute in y, and in its
    sum absolute, in nats. A sum may be hundreds of nats, and a share of it no error to allow.
    """
    from scipy.integrate import solve_ivp

    size = y.numel()
    shared, sums = np.full(size, rtol / len(y) ** 0.5), np.ones(len(y))
    relative = np.append(shared, 1e-13 * sums)
    absolute = np.append(shared, rtol / (size + len(y)) ** 0.5 * sums)

    def as_data(flat):
        return torch.as_tensor(flat[:size], dtype=y.dtype, device=y.device).reshape(y.shape)

    def rates(u, flat):
        parts = field(as_data(flat), float(u))
        return torch.cat([part.double().flatten() for part in parts]).cpu().numpy()

    first = np.concatenate([y.double().flatten().cpu().numpy(), np.zeros(len(y))])
    result = solve_ivp(rates, (levels[0], levels[-1]), first, method="DOP853", rtol=relative,
                       atol=absolute)
    if not result.success:
        raise RuntimeError(f"the adaptive solver gave up: {result.message}")
    last = np.ascontiguousarray(result.y[:, -1])
    return as_data(last), torch.as_tensor(last[size:], dtype=y.dtype, device=y.device)


def path(model, x, grid, steps, end, rtol):
    """What flow_log_prob may be given; its times from data to noise and their log(sigma/alpha)."""
    process = check_model(model).process
    if not hasattr(process, "prior_log_prob"):
        raise TypeError("the model's process must have a prior density, prior_log_prob(x), as "
                        f"every GaussianProcess has, got {shown(process)}")
    if grid is not None and (steps is not None or end is not None):
        raise ValueError("grid has its own steps and its own end: give either grid or steps and "
                         f"end, got grid with steps={steps} and end={end}")
    if rtol is not None and steps is not None:
        raise ValueError("rtol lets the solver choose its steps: give either rtol or steps, "
                         f"got rtol={rtol} and steps={steps}")
    if grid is None:
        steps = check_count("steps", 200 if steps is None else steps)
        end = process.t_flow if end is None else check_number("end", end, 0, 1)
        check_signal(process)
        grid = log_snr(process, steps, end=end)
    times = start(model, x, grid)[::-1]
    if times[0] == 0:
        raise ValueError("grid must end above 0, where a network has no density, "
                         "got a last time of 0")
    check_signal(process, times[-1])
    return times, [-half for half in along(process.half_log_snr, times)]


def known_times(process, times, levels):
    """{level: time} of a grid and of the middles of its steps, all found in one call."""
    middles = [u + (after - u) / 2 for u, after in pairwise(levels)]
    between = process.time_at_log_snr(torch.tensor(middles, dtype=torch.float64) * -2)
    return dict(zip([*levels, *middles], [*times, *between.tolist()]))


def rates_of(model, probe, differentiable, known):
    """field(y, u) -> dy/du, (B, *shape), and its divergence, (B,); a graph only where asked for.

    known: {u: time}, for those levels whose times need not be looked for again.
    """
    def field(y, u):
        with torch.enable_grad():
            y = y if y.requires_grad else y.detach().requires_grad_()
            velocity = level_velocity(model, y, u, known.get(u))
            divergence = divergence_of(velocity, y, probe, create_graph=differentiable)
        if differentiable:
            return velocity, divergence
        return velocity.detach(), divergence.detach()

    return field


@outside_inference
def flow_log_prob(model, x, grid=None, *, divergence="exact", probe="rademacher", rtol=None,
                  differentiable=False, generator=None, steps=None, end=None):
    """log p_ode(x) in nats, (B, *shape) -> (B,): instantaneous change of variables (survey Eq. 38).

    The flow (19) is solved from data to noise in y = x/alpha and u = log(sigma/alpha), see
    score_sde.level_velocity. Returned is the density, at the grid's last time, of the flow that
    starts with the process's prior at its first. Without a `grid` there are `steps` (200) equal
    steps in log SNR from t = 1 to `end`: 1e-5, or the first step of a chain or a schedule, below
    which its network was never asked. A density belongs to its end, which is above 0.

    divergence      "exact", a backward pass per coordinate, or "hutchinson", one pass in all: with
                    one `probe` ("rademacher" or "gaussian") per example for the whole solve, so
                    that log p is unbiased and noisy
    rtol            None: classical Runge-Kutta on the grid; else DOP853 between the grid's ends,
                    with this tolerance of a step: relative in y, in nats absolute
    differentiable  gradients flow to x and to the network's parameters (not to a schedule's), and
                    memory grows with the steps; otherwise no graph outlives a call, and memory does
                    not grow

    Raises ValueError for other words, rtol outside (0, 1) or with `differentiable` or `steps`, a
    grid that ends at 0; TypeError for a process without a prior density.
    """
    check_choice("divergence", divergence, DIVERGENCES)
    check_choice("probe", probe, PROBES)
    check_generator(generator)
    rtol = None if rtol is None else check_number("rtol", rtol, 0, 1)
    if rtol is not None and differentiable:
        raise ValueError("differentiable needs fixed steps, rtol=None: the adaptive solver leaves "
                         f"torch, got rtol={rtol:g}")
    differentiable = differentiable and torch.is_grad_enabled()
    times, levels = path(model, x, grid, steps, end, rtol)
    vectors = draw_probe(x, probe, generator) if divergence == "hutchinson" else None
    known = known_times(model.process, times, levels) if rtol is None else {}
    field = rates_of(model, vectors, differentiable, known)
    first, last = (model.process.alpha(t) for t in (times[0], times[-1]))
    with torch.set_grad_enabled(differentiable):
        y, change = (runge_kutta(field, x / first, levels) if rtol is None else
                     dormand_prince(field, x / first, levels, rtol))
        scaling = x[0].numel() * math.log(last / first)              # of x = alpha y, at both ends
        return model.process.prior_log_prob(last * y) + change + scaling
