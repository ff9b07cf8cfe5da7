"""Section 2.2: noise levels, score matching, Langevin dynamics (Song & Ermon 2019, 2020).

Levels are numbered 1..L as in the papers, from the largest noise to the smallest. A score here is
any function score(x) -> (B, *shape). Objectives return one value per example, a sum over
coordinates with the factor 1/2.
"""
import math
from numbers import Integral

import torch

from .checks import (check_choice, check_count, check_data, check_number, check_same_shape,
                     check_table, readable)
from .process import VarianceExploding, curve, randn_like


class NCSN(VarianceExploding):
    """Levels sigma_1 > ... > sigma_L > 0, standard deviations: q(x | x_0) = N(x_0, sigma_i^2 I).

    Also a GaussianProcess: level i is the time 1 - (i - 1)/L, so that sigma(1) = sigma_1 and
    sigma(1/L) = sigma_L. Between levels log sigma is linear in time; below the last one sigma falls
    to 0 on a straight line.
    """

    def __init__(self, sigmas):
        self.sigmas = check_table("sigmas", sigmas)                         # (L,)
        if self.sigmas[-1] <= 0 or not (self.sigmas[1:] < self.sigmas[:-1]).all():
            shown = [round(value, 6) for value in self.sigmas[:6].tolist()]
            raise ValueError("sigmas must fall from the largest noise to the smallest and stay "
                             f"positive, got {shown}")
        self.num_levels = len(self.sigmas)
        self.t_min = self.t_flow = 1 / self.num_levels
        self._rising = self.sigmas.flip(0)                                  # t = 1/L, 2/L, ..., 1

    @classmethod
    def geometric(cls, sigma_max, sigma_min, num_levels):
        """A constant ratio between neighbouring levels."""
        sigma_max = check_number("sigma_max", sigma_max, 0)
        sigma_min = check_number("sigma_min", sigma_min, 0, sigma_max)
        num_levels = check_count("num_levels", num_levels, least=2)
        first, last = math.log(sigma_max), math.log(sigma_min)
        return cls(torch.linspace(first, last, num_levels, dtype=torch.float64).exp())

    def as_time(self, t):
        """Levels (whole numbers 1..L) become the time 1 - (i - 1)/L; times pass through."""
        whole = isinstance(t, Integral)                            # a Python or numpy integer
        if whole or isinstance(t, torch.Tensor) and not t.is_floating_point():
            seen = whole or readable(t)                            # a GPU would have to wait
            low, high = (t, t) if whole else (t.min(), t.max()) if seen else (1, 1)
            if low < 1 or high > self.num_levels:
                raise ValueError(f"level must lie in 1..{self.num_levels}, "
                                 f"got {int(low)} to {int(high)}")
            return 1 - (int(t) - 1 if whole else t.double() - 1) / self.num_levels
        return super().as_time(t)

    @curve
    def sigma(self, t):
        """Noise scale, (B,) -> (B,)."""
        rising = self._rising.to(t.device)
        position = (t * self.num_levels - 1).clamp(max=self.num_levels - 1)    # 0 at sigma_L
        below = position.floor().long().clamp(0, max(self.num_levels - 2, 0))
        above = (below + 1).clamp(max=self.num_levels - 1)
        between = torch.lerp(rising[below].log(), rising[above].log(), position - below).exp()
        return torch.where(position < 0, rising[0] * t * self.num_levels, between)

    @curve
    def diffusion(self, t):
        """g(t) = sqrt(d sigma^2/dt); at a level, the rate of the interval that ends there."""
        rising = self._rising.to(t.device)
        slack = 1e-6 * self.num_levels                             # of times in float32
        upper = (t * self.num_levels - slack).ceil().long().clamp(1, self.num_levels)
        step = upper - 1                                           # its index in the rising table
        ratio = (rising[step] / rising[(step - 1).clamp(min=0)]).log()
        geometric = 2 * self.sigma(t) ** 2 * ratio * self.num_levels
        straight = 2 * t * (rising[0] * self.num_levels) ** 2
        return torch.where(step == 0, straight, geometric).sqrt()

    def grid(self):
        """All levels from sigma_1 to sigma_L, then 0, as times, for a sampler: (L + 1,)."""
        return torch.arange(self.num_levels, -1, -1, dtype=torch.float64) / self.num_levels


# Objectives

def coordinates(x):
    """x as (B, d)."""
    return x.reshape(len(x), -1)


def explicit_score_matching(score, x, true_score):
    """1/2 ||s(x) - grad log p||^2: over x ~ p, the Fisher divergence (Hyvarinen 2005), (B,)."""
    x = check_data("x", x)
    return 0.5 * coordinates(score(x) - true_score(x)).square().sum(1)


def implicit_score_matching(score, x):
    """tr grad s(x) + 1/2 ||s(x)||^2 (Hyvarinen 2005, Theorem 1), (B,).

    One backward pass per coordinate. Its mean differs from the explicit objective by half the
    Fisher information of the data, whatever the model.
    """
    x = check_data("x", x).detach().requires_grad_()
    s = coordinates(score(x))
    rows = [torch.autograd.grad(s[:, i].sum(), x, create_graph=True, retain_graph=True)[0]
            for i in range(s.shape[1])]
    trace = sum(coordinates(row)[:, i] for i, row in enumerate(rows))
    return trace + 0.5 * s.square().sum(1)


def sliced_score_matching(score, x, generator=None, directions="rademacher", variance_reduced=True):
    """v' grad s(x) v + 1/2 (v' s)^2, one random v per example (Song et al. 2019, Eqs. 7, 8), (B,).

    `directions` is "rademacher" or "gaussian". Variance reduced keeps 1/2 ||s||^2, known without v.
    One backward pass, whatever the dimension.
    """
    check_choice("directions", directions, ("rademacher", "gaussian"))
    x = check_data("x", x).detach().requires_grad_()
    v = randn_like(x, generator)
    v = coordinates(v.sign() if directions == "rademacher" else v)
    s = coordinates(score(x))
    along = (s * v).sum(1)
    bent = coordinates(torch.autograd.grad(along.sum(), x, create_graph=True)[0])    # v' grad s
    square = s.square().sum(1) if variance_reduced else along.square()
    return (bent * v).sum(1) + 0.5 * square


def denoising_score_matching(score, x0, sigma, noise):
    """1/2 ||s(x0 + sigma noise) + noise / sigma||^2 (Vincent 2011; NCSN Eq. 5), (B,).

    sigma is a standard deviation. The minimiser is the score of the noised density, not of the
    data; the minimum is positive.
    """
    check_number("sigma", sigma, 0)
    check_same_shape("noise", noise, "x0", check_data("x0", x0))
    return 0.5 * coordinates(score(x0 + sigma * noise) + noise / sigma).square().sum(1)


# Langevin dynamics

def langevin(score, x, step_size, steps, generator=None):
    """Unadjusted Langevin: x + step_size/2 score + sqrt(step_size) z, `steps` times, (B, *shape).

    Exact only as step_size -> 0: for N(0, 1) the variance settles at 1 / (1 - step_size/4). NCSN's
    code writes x + a s + sqrt(2 a) z, the same with step_size = 2 a.
    """
    x = check_data("x", x)
    check_number("step_size", step_size, 0)
    for _ in range(check_count("steps", steps, least=0)):
        x = x + step_size / 2 * score(x) + step_size**0.5 * randn_like(x, generator)
    return x


# The choices of NCSNv2 (Song & Ermon 2020)

def max_distance(data):
    """Technique 1, for sigma_1: the largest distance between data points, (N, *shape) -> float."""
    data = coordinates(check_data("data", data))
    return torch.cdist(data, data).max().item()


def overlap(ratio, dims):
    """Share of the shell of level i that level i + 1 also covers (NCSNv2, Technique 2); aim at 0.5.

    `ratio` is sigma_i / sigma_{i+1} > 1 and `dims` the flattened dimension D.
    """
    normal = torch.distributions.Normal(0.0, 1.0)
    middle, width = math.sqrt(2 * dims) * (ratio - 1), 3 * ratio
    upper, lower = torch.tensor(middle + width), torch.tensor(middle - width)
    return (normal.cdf(upper) - normal.cdf(lower)).item()


def ladder_ratio(dims, goal=0.5):
    """The ratio between levels at which `overlap` equals `goal`, by bisection."""
    dims, goal = check_count("dims", dims), check_number("goal", goal, 0, 1)
    low, high = 1.0, 1.0 + 10 / math.sqrt(dims) + 10
    if overlap(high, dims) > goal:
        raise ValueError(f"dims must be larger for a goal of {goal:g}: "
                         f"in {dims} dimensions shells overlap at any ratio")
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if overlap(middle, dims) > goal else (low, middle)
    return low


def settled_variance(step_size, ratio, steps_per_level):
    """Noise variance, over sigma_i^2, after one level of annealed Langevin from the level above.

    NCSNv2, Eq. 4 (Technique 4), for one data point: it should be 1. `step_size` is
    delta_i / sigma_i^2 in the convention of `langevin`, so NCSNv2's epsilon / sigma_L^2 is
    step_size / 2.
    """
    if not isinstance(step_size, torch.Tensor):
        check_number("step_size", step_size, 0)
    check_number("ratio", ratio, 0)
    check_count("steps_per_level", steps_per_level)
    shrink = 1 - step_size / 2
    rest = step_size / (1 - shrink**2)                       # the stationary variance
    return shrink ** (2 * steps_per_level) * (ratio**2 - rest) + rest


def best_step_size(ratio, steps_per_level):
    """Technique 4: the delta_i / sigma_i^2, on a fine grid, with settled variance closest to 1."""
    candidates = torch.logspace(-6, math.log10(1.9), 4000, dtype=torch.float64)
    gap = (settled_variance(candidates, ratio, steps_per_level) - 1).abs()
    return candidates[gap.argmin()].item()
