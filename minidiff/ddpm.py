"""Section 2.1: the discrete chain in its own terms (Sohl-Dickstein et al. 2015; Ho et al. 2020).

Steps are 1..T as in the papers. Tables have length T + 1 and entry 0 is the data, so an index in
the code is an index in the paper: betas[0] = 0, alpha_bars[0] = 1. The papers' one-step alpha_t is
written `1 - betas[t]`.
"""
import math
from numbers import Integral

import torch

from .checks import (check_choice, check_count, check_data, check_model, check_number,
                     check_same_shape, check_table, check_tensor, readable, shown)
from .process import VariancePreserving, curve, expand, randn_like

VARIANCES = ("posterior", "beta")


class DDPM(VariancePreserving):
    """q(x_t | x_{t-1}) = N(sqrt(1 - beta_t) x_{t-1}, beta_t I), t = 1..T (survey Eqs. 1 to 4).

    betas: beta_1..beta_T, each in (0, 1). Every method takes the step as a whole number or an
    integer tensor (B,). The chain is also a GaussianProcess: a floating-point t is the time step/T,
    and between two steps the rate beta(t) = -T log(1 - beta_step) is constant. It is the VP SDE
    with a piecewise constant rate, seen at t = step/T.
    """

    def __init__(self, betas):
        given = check_table("betas", betas)
        wrong = ((given <= 0) | (given >= 1)).nonzero().flatten()
        if len(wrong):
            i = int(wrong[0])
            raise ValueError(f"betas must lie in (0, 1), got beta_{i + 1} = {given[i]:g}")
        self.num_steps = len(given)
        self.betas = torch.cat([given.new_zeros(1), given])                 # (T + 1,)
        self.log_alpha_bars = torch.log1p(-self.betas).cumsum(0)            # exact for large T
        self.alpha_bars = self.log_alpha_bars.exp()
        noise = -torch.expm1(self.log_alpha_bars)                           # 1 - alpha_bar
        self.posterior_variance = torch.zeros_like(self.betas)              # beta tilde
        self.posterior_variance[1:] = self.betas[1:] * noise[:-1] / noise[1:]
        self.t_min = self.t_flow = 1 / self.num_steps

    @classmethod
    def linear(cls, num_steps, beta_first=None, beta_last=None):
        """Betas on a straight line; by default 1e-4 to 0.02 at T = 1000, times 1000/T at another T.

        The rescaling keeps alpha_bar_T near 4e-5. Without it a short chain never forgets the data,
        and the prior N(0, I) is not the law of x_T.
        """
        num_steps = check_count("num_steps", num_steps)
        first, last = 0.1 / num_steps, 20 / num_steps
        if beta_first is not None:
            first = check_number("beta_first", beta_first, 0, 1)
        if beta_last is not None:
            last = check_number("beta_last", beta_last, 0, 1)
        if last >= 1:
            raise ValueError("num_steps must be at least 21 for the default betas "
                             f"(beta_T = 20/T < 1), got {num_steps}")
        return cls(torch.linspace(first, last, num_steps, dtype=torch.float64))

    @classmethod
    def cosine(cls, num_steps, m=0.008, clip=0.999):
        """Nichol & Dhariwal's cosine schedule with its clip (survey Eq. 28); m is their s."""
        num_steps = check_count("num_steps", num_steps)
        m = check_number("m", m, 0, 1, open_low=False)
        t = torch.arange(num_steps + 1, dtype=torch.float64) / num_steps
        h = torch.cos((t + m) / (1 + m) * math.pi / 2) ** 2
        return cls((1 - h[1:] / h[:-1]).clamp(max=check_number("clip", clip, 0, 1)))

    @classmethod
    def from_process(cls, process, num_steps):
        """The chain that visits a variance-preserving process at t = 1/T, 2/T, ..., 1."""
        if not isinstance(process, VariancePreserving):
            raise TypeError("process must be variance preserving (alpha^2 + sigma^2 = 1), "
                            f"got {type(process).__name__}")
        num_steps = check_count("num_steps", num_steps)
        t = torch.arange(num_steps + 1, dtype=torch.float64) / num_steps
        if (process.alpha(t) ** 2 + process.sigma(t) ** 2 - 1).abs().max() > 1e-6:   # sub-VP
            raise ValueError("process must be variance preserving (alpha^2 + sigma^2 = 1), "
                             f"got {type(process).__name__}")
        return cls(1 - (process.alpha(t[1:]) / process.alpha(t[:-1])) ** 2)

    # The chain as a continuous process

    def as_time(self, t):
        """Steps (whole numbers) become the time step/T; times pass through."""
        if isinstance(t, torch.Tensor) and not t.is_floating_point():
            self.check_step(t)
            return t.double() / self.num_steps
        if isinstance(t, Integral):                                # a Python or numpy integer
            return int(self.check_step(t)) / self.num_steps
        return super().as_time(t)

    def check_step(self, step, least=0):
        """Return `step` if it is in least..T; raise a ValueError otherwise."""
        tensor = isinstance(step, torch.Tensor)
        if step.is_floating_point() if tensor else not isinstance(step, Integral):
            raise TypeError(f"step must be a whole number or a tensor of them, got {shown(step)}")
        if tensor and not readable(step):
            return step                                            # a GPU would have to wait
        low, high = (step.min().item(), step.max().item()) if tensor else (step, step)
        if low < least or high > self.num_steps:
            raise ValueError(f"step must lie in {least}..{self.num_steps}, "
                             f"got {int(low)} to {int(high)}")
        return step

    def _log_alpha_bar(self, t):
        """log alpha_bar at any time, linear between steps."""
        table = self.log_alpha_bars.to(t.device)
        position = t * self.num_steps
        below = position.long().clamp(0, self.num_steps - 1)
        return torch.lerp(table[below], table[below + 1], position - below)

    @curve
    def alpha(self, t):
        """Signal scale, sqrt(alpha_bar) at a step."""
        return (self._log_alpha_bar(t) / 2).exp()

    @curve
    def sigma(self, t):
        """Noise scale, sqrt(1 - alpha_bar) at a step."""
        return (-torch.expm1(self._log_alpha_bar(t))).sqrt()

    def scales(self, t):
        """alpha(t) and sigma(t), (B,) -> two times (B,); at whole steps looked up in the table."""
        if not isinstance(t, torch.Tensor) or t.is_floating_point():
            return super().scales(t)
        log_bar = self.log_alpha_bars.to(t.device)[self.check_step(t).long()]
        return (log_bar / 2).exp(), (-torch.expm1(log_bar)).sqrt()

    @curve
    def beta(self, t):
        """Rate per unit of time; at a step, the rate of the interval that ends there."""
        slack = 1e-6 * self.num_steps                              # of times in float32
        step = (t * self.num_steps - slack).ceil().long().clamp(1, self.num_steps)
        return -self.num_steps * torch.log1p(-self.betas.to(t.device)[step])

    def time_at_log_snr(self, value):
        """The time at which log_snr(t) equals `value`: log alpha_bar is linear between steps."""
        goal = torch.as_tensor(value, dtype=torch.float64)
        goal = torch.nn.functional.softplus(-goal)                 # -log alpha_bar = log(1 + 1/SNR)
        table = -self.log_alpha_bars.to(goal.device)
        below = (torch.searchsorted(table, goal) - 1).clamp(0, self.num_steps - 1)
        share = (goal - table[below]) / (table[below + 1] - table[below])
        t = ((below + share) / self.num_steps).clamp(0, 1)
        return t if isinstance(value, torch.Tensor) else t.item()

    def grid(self):
        """All steps T, T - 1, ..., 0 as times, for a sampler: (T + 1,)."""
        return torch.arange(self.num_steps, -1, -1, dtype=torch.float64) / self.num_steps

    # The chain in the paper's terms

    def entry(self, table, step, x):
        """table[step], shaped to multiply x: the papers' habit of indexing a schedule by t."""
        if isinstance(step, torch.Tensor):
            return expand(table.to(x.device)[step], x)
        return table[step].item()

    def forward_step(self, x, step, noise):
        """x_t from x = x_{t-1}: sqrt(1 - beta) x + sqrt(beta) noise (survey Eq. 2), (B, *shape)."""
        beta = self.entry(self.betas, self.check_step(step), check_data("x", x))
        return (1 - beta) ** 0.5 * x + beta**0.5 * noise

    def posterior_mean(self, x0, xt, step):
        """Mean of q(x_{t-1} | x_t, x_0), mu tilde (DDPM Eq. 7), (B, *shape)."""
        check_same_shape("x0", x0, "xt", check_tensor("xt", xt))
        beta = self.entry(self.betas, self.check_step(step, least=1), xt)
        bar = self.entry(self.alpha_bars, step, xt)
        bar_before = self.entry(self.alpha_bars, step - 1, xt)
        of_x0, of_xt = bar_before**0.5 * beta, (1 - beta) ** 0.5 * (1 - bar_before)
        return (of_x0 * x0 + of_xt * xt) / (1 - bar)

    def mean_from_eps(self, xt, eps, step):
        """Mean of p_theta(x_{t-1} | x_t) from a predicted noise (DDPM Eq. 11), (B, *shape)."""
        check_same_shape("eps", eps, "xt", check_tensor("xt", xt))
        beta = self.entry(self.betas, self.check_step(step, least=1), xt)
        bar = self.entry(self.alpha_bars, step, xt)
        return (xt - beta / (1 - bar) ** 0.5 * eps) / (1 - beta) ** 0.5

    def reverse_step(self, model, xt, step, variance="posterior", generator=None):
        """An ancestral step x_t -> x_{t-1} (DDPM Algorithm 2), `step` whole; no noise at step 1."""
        variances = self.reverse_variance(variance)
        mean = self.mean_from_eps(xt, check_model(model).eps(xt, step), step)
        if step == 1:
            return mean
        std = variances[step].sqrt().item()
        return mean + std * randn_like(xt, generator)

    def reverse_variance(self, variance):
        """Table of Sigma_theta, (T + 1,): one of the two fixed choices, "posterior" or "beta"."""
        check_choice("variance", variance, VARIANCES)
        return self.betas if variance == "beta" else self.posterior_variance

    def vlb_weight(self, variance="posterior"):
        """Weight lambda(t) of ||eps - eps_theta||^2 in the VLB, in nats, (T + 1,) (survey Eq. 10).

        For L_{t-1}: beta^2 / (2 s^2 (1 - beta)(1 - alpha_bar)), s^2 the reverse variance. Entries
        0 and 1 are not defined for the posterior variance (0 there: L_0 is not a KL): nan.
        """
        reverse = self.reverse_variance(variance)
        noise = -torch.expm1(self.log_alpha_bars)                           # 1 - alpha_bar
        weight = self.betas**2 / (2 * reverse * (1 - self.betas) * noise)
        return torch.where(reverse > 0, weight, torch.nan)
