"""GENIE: the second Taylor term of the flow, exact or from a learned head (Dockhorn et al. 2022).

With gamma = sigma/alpha the flow (19) is d(x/alpha)/dgamma = eps. Two terms of its Taylor series:

    x_s/alpha_s = x_t/alpha_t + h eps + h^2/2 deps/dgamma,   h = gamma_s - gamma_t < 0

deps/dgamma is the total derivative: eps changes because gamma does and because x moves along.
"""
from itertools import pairwise

import torch

from ..checks import check_model, check_same_shape
from ..denoiser import to_x0
from ..process import expand, slope
from .pseudo_numerical import transfer
from .walk import start


def clock(process, t):
    """dt/dv and d log alpha/dv for v = log gamma, at a tensor of times above 0, in float64.

    By differentiation of alpha and sigma themselves: at a kink between two steps of a chain the
    derivative of eps then sees the same side.
    """
    t = t.double()
    turn = -1 / slope(process.half_log_snr, t)
    return turn, turn * slope(lambda u: process.alpha(u).log(), t)


def flow_derivative(model, x, t, rates=None):
    """eps and gamma deps/dgamma along the flow, both (B, *shape), t a number or (B,) above 0.

    gamma deps/dgamma = deps/dv is a Jacobian-vector product of eps(x, t): along the flow dx/dv =
    (d log alpha/dv) x + sigma eps while dt/dv passes. Costs a call and a forward-mode product,
    about three calls. `rates` are clock's two values where they are known.
    """
    process = check_model(model).process
    t = torch.as_tensor(t, dtype=torch.float64, device=x.device)
    turn, stretch = clock(process, t) if rates is None else (torch.full_like(t, r) for r in rates)
    velocity = expand(stretch, x) * x + expand(process.sigma(t), x) * model.eps(x, t)
    return torch.func.jvp(model.eps, (x, t), (velocity.to(x.dtype), turn))


@torch.no_grad()
def genie(model, x, grid, *, head=None, generator=None, trace=None):
    """GENIE (Dockhorn et al. 2022), order 2, (B, *shape). Best on grids.quadratic.

    Without a head the derivative is exact, about three calls a step: what a head is to learn. With
    `head`, a network (x, t) -> (B, *shape) for gamma deps/dgamma trained by `head_loss`, a step is
    one call of the model and one of the head; a head of zeros is DDIM. A last step to 0 is one
    call, the denoised mean. `generator` is accepted and not used.
    """
    times, process = start(model, x, grid), model.process
    above = torch.tensor([t for t in times if t > 0], dtype=torch.float64)
    keeps, pulls = transfer(process, above.tolist())
    shrinks = torch.expm1(-process.half_log_snr(above).diff()).tolist()       # h / gamma_t
    rates = list(zip(*(rate.tolist() for rate in clock(process, above))))
    for i, (t, s) in enumerate(pairwise(times)):
        if s == 0:
            x0_hat = model(x, t)
        elif head is None:
            eps, bend = flow_derivative(model, x, t, rates[i])
        else:
            eps, bend = model.eps(x, t), head_at(head, x, t)
        if trace is not None:
            trace(i, t, x, x0_hat if s == 0 else to_x0(eps, "eps", x, *model.scales(x, t)))
        if s == 0:
            return x0_hat
        x = keeps[i] * x + pulls[i] * eps + pulls[i] * shrinks[i] / 2 * bend
    return x


def head_at(head, x, t):
    """head(x, t) for a number or (B,) t; an answer of another shape would spread unseen."""
    bend = head(x, torch.as_tensor(t, dtype=x.dtype, device=x.device))
    check_same_shape("head's answer", bend, "x", x)
    return bend


def head_loss(head, model, x0, t, noise):
    """||head(x_t, t) - gamma deps/dgamma||^2, (B, *shape) -> (B,); the model is not trained.

    In squared units of eps: the factor gamma is the paper's weight gamma^2 on the derivative's own
    error, which keeps the target of one size at all levels. t is (B,). Raises as process.perturb.
    """
    process = check_model(model).process
    xt, time = process.perturb(x0, t, noise), process.as_time(t)
    with torch.no_grad():
        target = flow_derivative(model, xt, time)[1]
    return (head_at(head, xt, time) - target).reshape(len(x0), -1).square().sum(1)
