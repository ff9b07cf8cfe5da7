"""Pseudo numerical methods: classical formulas for the noise, DDIM's step for the state."""
from itertools import pairwise

import torch

from ..checks import check_choice
from ..denoiser import to_x0
from .multistep import multistep
from .walk import along, start

# Adams-Bashforth: the mean over the next step of the polynomial through the last answers, newest
# first, if all steps are equal. One answer is DDIM.
ADAMS_BASHFORTH = {1: [1.0], 2: [3 / 2, -1 / 2], 3: [23 / 12, -16 / 12, 5 / 12],
                   4: [55 / 24, -59 / 24, 37 / 24, -9 / 24]}


def transfer(process, times):
    """phi of Eq. 11, DDIM's step written with eps: x_s = keep x_t + pull eps, lists of numbers."""
    alphas, sigmas = along(process.alpha, times), along(process.sigma, times)
    keeps = [after / before for before, after in pairwise(alphas)]
    return keeps, [after - keep * before for keep, (before, after) in zip(keeps, pairwise(sigmas))]


def pseudo_runge_kutta(model, x, first, t, s, rule):
    """The noise for a step t -> s by a Runge-Kutta rule, `first` being eps(x, t), (B, *shape).

    rule 4 is the classical one (Eq. 13), rule 2 the improved Euler rule; rule - 1 model calls.
    """
    def ask(eps, to):
        [keep], [pull] = transfer(model.process, [t, to])
        return model.eps(keep * x + pull * eps, to)

    if rule == 2:
        return (first + ask(first, s)) / 2
    second = ask(first, (t + s) / 2)
    third = ask(second, (t + s) / 2)
    return (first + 2 * second + 2 * third + ask(third, s)) / 6


@torch.no_grad()
def pndm(model, x, grid, *, history=4, warm_up="runge_kutta", generator=None, trace=None):
    """PNDM (Liu et al. 2022, Algorithm 2): DDIM's step fed a mean of the last eps, (B, *shape).

    history 4 is F-PNDM (Eq. 12), 2 is S-PNDM, 1 is DDIM. The order is 2, not `history`, and only
    where neighbouring steps grow smoothly (all grids of `grids` but searched ones): the weights
    take all steps for equal. On an uneven grid it is 1. One model call a step, but each of the
    first history - 1 takes 4 (2 for S-PNDM); warm_up "rising" starts with the shorter means
    instead, without extra calls (iPNDM, Zhang & Chen 2022): on grids.softplus the best sampler
    here for 5 to 40 calls. `generator` is accepted and not used.
    """
    times, process = start(model, x, grid), model.process
    history = int(check_choice("history", history, (1, 2, 3, 4)))
    check_choice("warm_up", warm_up, ("runge_kutta", "rising"))
    keeps, pulls = transfer(process, [t for t in times if t > 0])
    past = []
    for i in range(min(history - 1, len(keeps)) if warm_up == "runge_kutta" else 0):
        past.append(model.eps(x, times[i]))
        if trace is not None:
            trace(i, times[i], x, to_x0(past[i], "eps", x, *model.scales(x, times[i])))
        eps = pseudo_runge_kutta(model, x, past[i], *times[i:i + 2], 2 if history == 2 else 4)
        x = keeps[i] * x + pulls[i] * eps
    weights = [[pull * share for share in ADAMS_BASHFORTH[min(history, i + 1)]]
               for i, pull in enumerate(pulls)]
    return multistep(model, "eps", x, times, keeps, weights, trace, past)
