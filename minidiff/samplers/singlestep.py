"""Single-step exponential integrators: each step asks again inside itself and forgets the past."""
from typing import NamedTuple

import torch

from ..checks import check_choice, check_count, shown
from ..denoiser import to_x0
from .multistep import exponential_weights
from .walk import along, start

# order -> its stages: (places of the answers that are interpolated, where the stage leads), places
# as shares of the step in half log SNR. The last stage leads to its end.
STAGES = {1: [((0,), 1)],
          2: [((0,), 1 / 2), ((1 / 2,), 1)],
          3: [((0,), 1 / 3), ((0, 1 / 3), 2 / 3), ((0, 2 / 3), 1)]}


class Stage(NamedTuple):
    """The state at `time`, a share of the step: keep x + sum of weight answer over `weights`.

    `weights` are pairs of the place where the answer was asked, as a share too, and a number.
    """

    share: float
    time: float
    keep: float
    weights: list


def stages_of(process, times, orders):
    """The Stages of the steps between `times`, all above 0, as Python floats: a list for each."""
    half = along(process.half_log_snr, times)
    steps = [h - g for g, h in zip(half, half[1:])]
    rows = [(i, *stage) for i, order in enumerate(orders) for stage in STAGES[order]]
    goals = torch.tensor([half[i] + share * steps[i] for i, _, share in rows], dtype=torch.float64)
    inside = process.time_at_log_snr(2 * goals).tolist()
    inside = [times[i + 1] if share == 1 else t for t, (i, _, share) in zip(inside, rows)]
    alphas, sigmas, first = (along(process.alpha, inside), along(process.sigma, inside),
                             along(process.alpha, times))
    plan = [[] for _ in orders]
    for (i, places, share), t, alpha, sigma in zip(rows, inside, alphas, sigmas):
        nodes = [-place * steps[i] for place in places]
        found = exponential_weights(nodes, -share * steps[i], damped=False)
        weights = [(place, sigma * weight) for place, weight in zip(places, found)]
        plan[i].append(Stage(share, t, alpha / first[i], weights))
    return plan


def fast_orders(calls):
    """DPM-Solver-fast (Lu et al. 2022a): the order of each step, `calls` model calls in all.

    Threes, then a two or a one or both, so that any number of calls comes out. Meant for a grid of
    len(fast_orders(calls)) equal steps in log SNR.
    """
    calls = check_count("calls", calls)
    last = {0: [2, 1], 1: [1], 2: [2]}[calls % 3]
    return [3] * ((calls - sum(last)) // 3) + last


def orders_of(order, times):
    """One checked order for each step, from a number or a sequence."""
    steps = len(times) - 1
    if not isinstance(order, (list, tuple)):
        return [int(check_choice("order", order, STAGES))] * steps
    if len(order) != steps:
        raise ValueError(f"order must be a number or one for each of the {steps} steps of grid, "
                         f"got {len(order)}: {shown(order)}")
    if times[-1] == 0 and order[-1] != 1:
        raise ValueError("order must be 1 for a last step to 0, which is one call, the denoised "
                         f"mean, got {shown(order[-1])}")
    return [int(check_choice("order", one, STAGES)) for one in order]


@torch.no_grad()
def dpm_solver(model, x, grid, *, order=3, generator=None, trace=None):
    """DPM-Solver-1, 2, 3 (Lu et al. 2022a, Algorithms 1 and 2), `order` model calls a step.

    x_s = alpha_s/alpha_t x_t - alpha_s times the integral of e^-u eps du, u the half log SNR, with
    eps replaced by a polynomial through answers asked inside the step: order 1 is DDIM, 2 asks in
    the middle, 3 at thirds, as in the paper. `order` is a number or one for each step, such as
    fast_orders(calls). Best on grids.log_snr. (B, *shape). A last step to 0 is one call, the
    denoised mean. `generator` is accepted and not used.
    """
    times = start(model, x, grid)
    orders = orders_of(order, times)
    above = times[:-1] if times[-1] == 0 else times
    plan = stages_of(model.process, above, orders[:len(above) - 1])
    for i, (t, stages) in enumerate(zip(above, plan)):
        answers = {0: model.eps(x, t)}
        if trace is not None:
            trace(i, t, x, to_x0(answers[0], "eps", x, *model.scales(x, t)))
        for share, time, keep, weights in stages:
            state = keep * x
            for place, weight in weights:
                state = torch.add(state, answers[place], alpha=weight)
            if share < 1:
                answers[share] = model.eps(state, time)
        x = state
    if times[-1] > 0:
        return x
    x0_hat = model(x, above[-1])
    if trace is not None:
        trace(len(above) - 1, above[-1], x, x0_hat)
    return x0_hat
