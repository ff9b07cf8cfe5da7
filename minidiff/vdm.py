"""Section 4.1: schedules given by their log SNR, a table or a learned curve (Kingma et al. 2021).

Variational diffusion models write gamma = -log SNR and learn it as a monotone network of time. Only
its two ends matter for the bound in continuous time; the curve in between decides how noisy a
one-draw estimate of the bound is, and how good a few discrete steps are.
"""
import math

import torch
from torch.nn.functional import softplus

from .checks import check_count, check_number, check_table
from .process import VariancePreserving, curve


class Schedule(VariancePreserving):
    """alpha^2 = sigmoid(log SNR), sigma^2 = sigmoid(-log SNR) on [t_min, 1] (below survey Eq. 28).

    A subclass gives `height(u)` and `fall(u)`: log SNR and minus its slope at u in [0, 1], float64,
    0 where the data are. VDM's latent at its t = 0 still has a little noise. Here that is t_min,
    and below it the variance of the noise falls to 0 on a straight line: t = 0 is the data, as in
    every other process, and a grid ends t_min, 0.
    """

    @property
    def t_flow(self):
        """Where a density is taken by default: below t_min there is nothing of the schedule's."""
        return self.t_min

    def height(self, u):
        """Log SNR at u in [0, 1], (B,) -> (B,)."""
        raise NotImplementedError(f"{type(self).__name__} must define height(u)")

    def fall(self, u):
        """-d height / du, positive, (B,) -> (B,)."""
        raise NotImplementedError(f"{type(self).__name__} must define fall(u)")

    def _place(self, t):
        """u of the time t, and the share of the last noise that is left below t_min, 1 above."""
        u = ((t - self.t_min) / (1 - self.t_min)).clamp(min=0)
        return u, (t / self.t_min).clamp(max=1)

    @curve
    def gamma(self, t):
        """-log SNR as VDM writes it, rising in t; differentiable in the schedule's parameters."""
        return -self.log_snr(t)

    @curve
    def log_snr(self, t):
        """Log SNR, falling in t; +inf at t = 0."""
        u, share = self._place(t)
        height = self.height(u)
        below = (height.exp() + 1 - share).log() - share.log()     # share 1: height, exactly enough
        return torch.where(share < 1, below, height)

    @curve
    def alpha(self, t):
        """Signal scale."""
        u, share = self._place(t)
        height = self.height(u)
        return torch.where(share < 1, 1 - share * torch.sigmoid(-height),
                           torch.sigmoid(height)).sqrt()

    @curve
    def sigma(self, t):
        """Noise scale."""
        u, share = self._place(t)
        return share.sqrt() * torch.sigmoid(-self.height(u)).sqrt()

    @curve
    def beta(self, t):
        """Rate -d log alpha^2 / dt: sigma^2 times the slope of gamma."""
        u, share = self._place(t)
        noise = torch.sigmoid(-self.height(u))
        below = noise / self.t_min / (1 - share * noise)
        return torch.where(share < 1, below, noise * self.fall(u) / (1 - self.t_min))


class TableSchedule(Schedule):
    """Log SNR on straight lines between values at equally spaced times from t_min to 1.

    log_snrs: at least two falling numbers, data first. Two of them make log SNR linear in time. Use
    it for a schedule that was computed, drawn by hand, or compared with.
    """

    def __init__(self, log_snrs, t_min=1e-3):
        self.log_snrs = check_table("log_snrs", log_snrs)
        self.t_min = check_number("t_min", t_min, 0, 1)
        if len(self.log_snrs) < 2 or not (self.log_snrs.diff() < 0).all():
            raise ValueError("log_snrs must be at least two numbers that fall, from data to noise, "
                             f"got {self.log_snrs[:6].tolist()}")

    def _cell(self, u):
        """Values at both ends of the cell of u, and the share of the cell that lies before u."""
        table, cells = self.log_snrs.to(u.device), len(self.log_snrs) - 1
        left = (u.detach() * cells).long().clamp(0, cells - 1)
        return table[left], table[left + 1], u * cells - left

    def height(self, u):
        """Log SNR at u in [0, 1]."""
        first, second, share = self._cell(u)
        return torch.lerp(first, second, share)

    def fall(self, u):
        """-d height / du: constant between two values."""
        first, second, _ = self._cell(u)
        return (first - second) * (len(self.log_snrs) - 1)

    def time_at_log_snr(self, value):
        """The time at which log_snr(t) = `value`, in closed form; gradients flow through value."""
        goal = torch.as_tensor(value, dtype=torch.float64)
        table = self.log_snrs.to(goal.device)
        left = (torch.searchsorted(-table, -goal.detach()) - 1).clamp(0, len(table) - 2)
        share = (table[left] - goal) / (table[left] - table[left + 1])
        u = ((left + share) / (len(table) - 1)).clamp(0, 1)
        noise = torch.sigmoid(-torch.maximum(goal, table[0])) / torch.sigmoid(-table[0])
        t = torch.where(goal > table[0], self.t_min * noise, self.t_min + (1 - self.t_min) * u)
        return t if isinstance(value, torch.Tensor) else t.item()


class LearnedSchedule(Schedule, torch.nn.Module):
    """Log SNR as a monotone network of time, the gamma_eta of VDM (Kingma et al. 2021, appendix H).

    first, last: log SNR at t_min and at t = 1. In between it falls by the shares of
    r(u) = a u + sum_k c_k sigmoid(w_k u + b_k), all a, c_k, w_k positive through softplus, `width`
    of them. It begins near the straight line. learn_ends=True makes a parameter `ends` of the mean
    of the two and the log of their distance: train it on the whole bound, and the curve between on
    the variance of its estimate. Gradients flow through alpha(t), sigma(t), log_snr(t) and
    diffusion(t) for tensors t. A Denoiser, or a `model.seen_as(schedule)`, holds the schedule as a
    submodule: where one loss trains all parameters, freeze it by requires_grad_(False).
    """

    def __init__(self, first, last, width=32, learn_ends=False, t_min=1e-3):
        super().__init__()
        first = check_number("first", first)
        last, width = check_number("last", last, high=first), check_count("width", width)
        self.t_min = check_number("t_min", t_min, 0, 1)
        centre, steep = (torch.arange(width) + 0.5) / width, 2.0 + width / 2
        self.line = torch.nn.Parameter(torch.tensor(0.5413))       # softplus of it is 1
        self.parts = torch.nn.Parameter(torch.full((width,), -math.log(4 * width)))
        self.slopes = torch.nn.Parameter(torch.full((width,), steep))
        self.offsets = torch.nn.Parameter(-steep * centre)
        ends = torch.tensor([(first + last) / 2, math.log(first - last)], dtype=torch.float64)
        if learn_ends:
            self.ends = torch.nn.Parameter(ends.float())
        else:
            self.register_buffer("ends", ends)

    def _rise(self, u):
        """r(u) - r(0), and the slope r'(u)."""
        line, parts, slopes = (softplus(raw.double())
                               for raw in (self.line, self.parts, self.slopes))
        offsets = self.offsets.double()
        gate = torch.sigmoid(slopes * u.unsqueeze(-1) + offsets)
        rise = line * u + ((gate - torch.sigmoid(offsets)) * parts).sum(-1)
        return rise, line + (parts * slopes * gate * (1 - gate)).sum(-1)

    def height(self, u):
        """Log SNR at u in [0, 1]."""
        share = self._rise(u)[0] / self._rise(torch.ones_like(u))[0]
        centre, span = self.ends.double()[0], self.ends.double()[1].exp()
        return centre + span * (0.5 - share)

    def fall(self, u):
        """-d height / du, in closed form."""
        return self.ends.double()[1].exp() * self._rise(u)[1] / self._rise(torch.ones_like(u))[0]
