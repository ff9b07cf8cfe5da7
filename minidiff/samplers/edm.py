"""The sampler of Karras et al. 2022: Heun's method in the noise level, with fresh noise (churn)."""
import math

import torch

from ..checks import check_number
from ..process import randn_like
from .ancestral import ddim_step
from .walk import start

MOST = math.sqrt(2) - 1    # the largest share by which a level is raised: its variance doubles


def raised(process, times, s_churn, s_min, s_max):
    """The times t_hat of levels higher by the share gamma = min(s_churn/N, sqrt(2) - 1), a tensor.

    gamma is 0 where sigma/alpha is outside [s_min, s_max] and on a last step to 0. No level rises
    above that of t = 1, where the process ends.
    """
    t = torch.tensor(times[:-1], dtype=torch.float64)
    level, top = process.sigma(t) / process.alpha(t), process.sigma(1.0) / process.alpha(1.0)
    gamma = min(s_churn / len(t), MOST)
    churned = (s_min <= level) & (level <= s_max) & (t < 1) & (gamma > 0)
    if times[-1] == 0:
        churned[-1] = False
    higher = ((1 + gamma) * level).clamp(max=top)
    return torch.where(churned, process.time_at_log_snr(-2 * higher.log()), t)


def churn_step(process, t, up):
    """From t up to a higher level along q(x_up | x_t): the factor of x, the noise's std."""
    return process.alpha(up) / process.alpha(t), process.added_variance(up, t).clamp(min=0).sqrt()


def trapezoid(process, t, s):
    """Weight of x0_hat(ahead) - x0_hat(x) that turns DDIM's step into Heun's in l = sigma/alpha.

    Euler's step in l is DDIM's, and (y - x0_hat(x))/l, y = x/alpha, stays the same along it. So the
    slope at its end, (y - x0_hat(ahead))/l_s, differs from the first by the change of x0_hat over
    l_s; the trapezoid rule takes half of that, times the step l_s - l_t.
    """
    ratio = process.sigma(t) / process.alpha(t) * process.alpha(s) / process.sigma(s)
    return process.alpha(s) * (ratio - 1) / 2


@torch.no_grad()
def edm(model, x, grid, *, s_churn=0.0, s_min=0.0, s_max=math.inf, s_noise=1.0,
        generator=None, trace=None):
    """EDM's stochastic sampler (Karras et al. 2022, Algorithm 2), (B, *shape), for any process.

    Noise, times s_noise, takes x from t up to t_hat, where the level sigma/alpha is higher by the
    share min(s_churn/N, sqrt(2) - 1), N the steps of the grid; from there one step of Heun's method
    on dy/dlevel = (y - x0_hat)/level, y = x/alpha, leads down to s. With s_churn = 0 this is
    Algorithm 1: no noise, order 2. Best on grids.karras. Levels outside [s_min, s_max] get no
    noise; nor does t = 1, where the process ends, nor a last step to 0, the denoised mean. Two
    model calls a step, one on a step to 0; `trace` costs one more where noise was added.
    """
    times, process = start(model, x, grid), model.process
    check_number("s_churn", s_churn, 0, open_low=False)
    check_number("s_min", s_min, 0, open_low=False)
    check_number("s_max", s_max, s_min, open_low=False, open_high=False)
    check_number("s_noise", s_noise, 0)
    up = raised(process, times, s_churn, s_min, s_max)
    t, s = torch.tensor(times, dtype=torch.float64).unfold(0, 2, 1).unbind(1)
    numbers = (t, s, up, *churn_step(process, t, up), *ddim_step(process, up, s)[:2],
               trapezoid(process, up, s))
    steps = zip(*(column.tolist() for column in numbers))
    for i, (t, s, up, stretch, noise, keep, pull, bend) in enumerate(steps):
        if noise:
            if trace is not None:
                trace(i, t, x, model(x, t))
            x = stretch * x + s_noise * noise * randn_like(x, generator)
        x0_hat = model(x, up)
        if trace is not None and not noise:
            trace(i, t, x, x0_hat)
        if s == 0:
            return x0_hat
        ahead = keep * x + pull * x0_hat
        x = ahead + bend * (model(ahead, s) - x0_hat)
    return x
