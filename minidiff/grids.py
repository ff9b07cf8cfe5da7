"""Time grids: the times a sampler visits, from noise to data, float64, length steps + 1.

The last entry is where the walk ends. 0 means: finish on the denoised mean of the entry before it,
so that a grid of N + 1 times costs N network calls and the walk never asks for the score at t = 0.
"""
import torch

from .checks import check_costs, check_count, check_number
from .ddpm import DDPM
from .process import check_process


def ends(steps, start, end):
    """Check the three arguments that all grids share."""
    check_number("start", start, 0, 1, open_high=False)
    check_number("end", end, 0, start, open_low=False)
    return check_count("steps", steps)


def uniform(steps, start=1.0, end=0.0):
    """Equal steps in t."""
    return torch.linspace(start, end, ends(steps, start, end) + 1, dtype=torch.float64)


def quadratic(steps, start=1.0, end=0.0):
    """Equal steps in sqrt(t): short steps near the data (DDIM's choice for CIFAR-10)."""
    steps = ends(steps, start, end)
    grid = torch.linspace(start**0.5, end**0.5, steps + 1, dtype=torch.float64) ** 2
    grid[0], grid[-1] = start, end                               # no rounding at the ends
    return grid


def trailing(chain, steps):
    """Every (T/steps)-th step of a DDPM chain from the noisy end, then 0; steps must divide T.

    Counted from the data end ("leading"), the walk would start below T, where x is not the prior.
    """
    steps = check_count("steps", steps)
    if check_process(chain, DDPM, "chain").num_steps % steps:
        raise ValueError(f"steps must divide the chain's {chain.num_steps} steps, got {steps}")
    return chain.grid()[:: chain.num_steps // steps]


def log_snr(process, steps, start=1.0, end=0.0):
    """Equal steps in log SNR, so that each step removes the same share of the noise.

    log SNR is infinite at t = 0: if `end` is 0, the equal steps run down to process.t_min and the
    last one goes to 0.
    """
    steps = ends(steps, start, end)
    check_process(process)
    return _spaced(process.log_snr, process.time_at_log_snr, process, steps, start, end)


def karras(process, steps, rho=7.0, start=1.0, end=0.0):
    """Equal steps in level^(1/rho), level = sigma/alpha (Karras et al. 2022, Eq. 5; rho = 7)."""
    steps, rho = ends(steps, start, end), check_number("rho", rho, 0)
    check_process(process)

    def scale(t):
        return (-process.half_log_snr(t) / rho).exp()

    def time(value):
        return process.time_at_log_snr(-2 * rho * value.log())

    return _spaced(scale, time, process, steps, start, end)


def softplus(process, steps, scale=10.0, start=1.0, end=0.0):
    """Equal steps in log(1 + scale alpha/sigma), the softplus of half log SNR + log(scale).

    Far above the level sigma/alpha = `scale` these are equal steps in 1/level, far below it in log
    SNR. Noise far above the size of the data hides all of it but its mean, and the answer of the
    model moves like 1/level: few steps are enough there. 10 is for examples of norm 1 or so; five
    to ten times their typical norm is a good guess. A larger scale tends to log_snr.
    """
    steps, scale = ends(steps, start, end), check_number("scale", scale, 0)
    check_process(process)

    def value(t):
        return (scale * process.half_log_snr(t).exp()).log1p()

    def time(value):
        return process.time_at_log_snr(2 * (value.expm1() / scale).log())

    return _spaced(value, time, process, steps, start, end)


def _spaced(scale, time, process, steps, start, end):
    """Equal steps in scale(t) from start to end, or to t_min and then 0."""
    last = end if end > 0 else min(process.t_min, start / 2)
    first, final = scale(torch.tensor([start, last], dtype=torch.float64)).tolist()
    if steps == 1 and end == 0:
        return torch.tensor([start, 0.0], dtype=torch.float64)
    inner = time(torch.linspace(first, final, steps + 1 if end > 0 else steps, dtype=torch.float64))
    inner[0], inner[-1] = start, last                            # no rounding at the ends
    return inner if end > 0 else torch.cat([inner, inner.new_zeros(1)])


def shortest(costs, steps):
    """The cheapest path of exactly `steps` steps through a table of prices, (steps + 1,) places.

    costs (N, N): entry [i, j] is the price of a step from place i to a later place j > i, infinite
    where there is none; the rest is not read. The path leads from the first place to the last, so
    for falling `times` (N,) the searched grid is times[shortest(costs, steps)] (Watson et al. 2021,
    Algorithm 1). D_k[i] = min_j costs[i, j] + D_{k-1}[j] is the price of k steps from i to the end:
    `steps` passes over the table, where trying all paths would be exponential. Raises ValueError
    when no path has that many steps.
    """
    costs, steps = check_costs("costs", costs), check_count("steps", steps)
    later = torch.ones_like(costs, dtype=torch.bool).triu(1)
    costs = torch.where(later, costs, torch.inf)
    left = torch.full_like(costs[0], torch.inf)                  # price of 0 steps to the end
    left[-1], choices = 0.0, []
    for _ in range(steps):
        left, choice = (costs + left).min(1)
        choices.append(choice)
    if not torch.isfinite(left[0]):
        raise ValueError(f"steps must be at most {len(costs) - 1}, with a finite price for some "
                         f"path of that many, got {steps}")
    path = [0]
    for choice in reversed(choices):
        path.append(choice[path[-1]].item())
    return torch.tensor(path)
