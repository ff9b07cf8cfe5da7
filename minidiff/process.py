"""The forward process x_t = alpha(t) x_0 + sigma(t) eps, and what follows from alpha and sigma.

Time t is continuous in [0, 1], data at 0 and noise at 1. `alpha` is the signal scale and `sigma`
the noise scale (a standard deviation) of q(x_t | x_0), as in VDM and DPM-Solver. DDPM's one-step
alpha_t is written `1 - betas`.
"""
import functools
import math

import torch

from .checks import (check_data, check_generator, check_number, check_same_shape, check_tensor,
                     readable, shown)


def check_times(t, x):
    """Return the tensor t if it is one time, or one per example of x, (B, *shape)."""
    if t.ndim > 1 or (t.ndim == 1 and len(t) not in (1, len(x))):
        raise ValueError(f"t must have shape () or ({len(x)},), one time per example, "
                         f"got {tuple(t.shape)}")
    return t


def check_signal(process, t=1.0, name="model's process"):
    """Return the log SNR at a time; ValueError where no signal is left, for what divides by it."""
    log_snr = process.log_snr(t)
    if not log_snr > -math.inf:
        raise ValueError(f"{name} must keep some signal at t = {t:g}, got a log SNR of {log_snr:g}")
    return log_snr


def expand(t, x):
    """Append axes to t, (B,) -> (B, 1, ..., 1), to multiply x (B, *shape). Numbers pass through."""
    if not isinstance(t, torch.Tensor) or t.ndim == 0:
        return t
    return check_times(t, x).to(x.dtype).reshape(-1, *[1] * (x.ndim - 1))


def randn_like(x, generator=None):
    """Standard normal noise, shape, dtype and device of x; the one place where samplers draw it."""
    check_generator(generator)
    return torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)


def check_process(process, kind=None, name="process"):
    """Return `process` if it is a GaussianProcess, or of the narrower `kind`."""
    kind = kind or GaussianProcess
    if not isinstance(process, kind):
        raise TypeError(f"{name} must be a {kind.__name__}, got {shown(process)}")
    return process


def curve(formula):
    """Let a formula for float64 tensors take a number or a tensor of times, and answer in kind.

    Answers to numbers are remembered until a parameter changes: a sampler asks for the same few
    times again and again. A process that learns (a torch module) is asked anew each time.
    """
    @functools.wraps(formula)
    def of_time(self, t):
        time = self.as_time(t)
        if isinstance(time, torch.Tensor):
            return formula(self, time.double()).to(time.dtype)
        known, key = self.__dict__.setdefault("_known", {}), (formula.__qualname__, time)
        if key not in known or isinstance(self, torch.nn.Module):
            if len(known) >= 4096:
                known.clear()
            known[key] = formula(self, torch.tensor(time, dtype=torch.float64)).item()
        return known[key]
    return of_time


def outside_inference(function):
    """Let a function differentiate inside torch.inference_mode; gradients stay on or off."""
    @functools.wraps(function)
    def called(*values, **knobs):
        on = torch.is_grad_enabled()
        with torch.inference_mode(False), torch.set_grad_enabled(on):
            return function(*values, **knobs)
    return called


@outside_inference
def slope(function, t):
    """d function / dt at every entry of t, by automatic differentiation."""
    with torch.enable_grad():
        t = t.detach().clone().requires_grad_()
        value = function(t) + 0 * t                                # a constant curve has slope 0
        return torch.autograd.grad(value.sum(), t)[0]


class GaussianProcess:
    """q(x_t | x_0) = N(alpha(t) x_0, sigma(t)^2 I) for t in [0, 1].

    A subclass gives `alpha(t)` and `sigma(t)`; drift, diffusion and the rest follow by
    differentiation, unless the subclass knows them in closed form. Every function of time takes a
    number, a 0-dim tensor or a (B,) tensor and answers in kind; it computes in float64.
    """

    t_min = 1e-3   # the smallest time that a grid visits before it finishes at 0
    t_flow = 1e-5  # where a density is taken unless asked otherwise; for a chain its first step

    def __setattr__(self, name, value):
        """Set a parameter, and forget what was computed with the old one."""
        self.__dict__.pop("_known", None)
        super().__setattr__(name, value)

    def alpha(self, t):
        """Signal scale, (B,) -> (B,)."""
        raise NotImplementedError(f"{type(self).__name__} must define alpha(t)")

    def sigma(self, t):
        """Noise scale, a standard deviation, (B,) -> (B,)."""
        raise NotImplementedError(f"{type(self).__name__} must define sigma(t)")

    def as_time(self, t):
        """Continuous time of t. The chains DDPM and NCSN also read whole numbers, as steps."""
        if isinstance(t, torch.Tensor):
            if not t.is_floating_point():
                raise TypeError(f"t must be continuous time in [0, 1], got {shown(t)}: "
                                "only a chain has whole steps")
            if readable(t) and t.numel():
                low, high = t.min().item(), t.max().item()
                if not (low >= 0 and high <= 1):                   # so that NaN is refused too
                    raise ValueError(f"t must lie in [0, 1], got {low:g} to {high:g}")
            return t
        return check_number("t", t, 0, 1, open_low=False, open_high=False)

    def scales(self, t):
        """alpha(t) and sigma(t), (B,) -> two times (B,)."""
        return self.alpha(t), self.sigma(t)

    def snr(self, t):
        """Signal-to-noise ratio alpha^2 / sigma^2, (B,) -> (B,)."""
        return (self.alpha(t) / self.sigma(t)) ** 2

    @curve
    def log_snr(self, t):
        """log(alpha^2 / sigma^2), falling in t; +inf at t = 0. VDM calls it -gamma."""
        return 2 * (self.alpha(t).log() - self.sigma(t).log())

    def half_log_snr(self, t):
        """log(alpha / sigma), the lambda of DPM-Solver."""
        return self.log_snr(t) / 2

    @curve
    def drift_rate(self, t):
        """f(t) in dx = f(t) x dt + g(t) dw: the slope of log alpha (survey Eq. 15)."""
        return slope(lambda u: self.alpha(u).log(), t)

    @curve
    def diffusion(self, t):
        """g(t) in dx = f(t) x dt + g(t) dw: g^2 = d sigma^2/dt - 2 f sigma^2 (survey Eq. 15)."""
        rise = slope(lambda u: self.sigma(u) ** 2, t)
        return (rise - 2 * self.drift_rate(t) * self.sigma(t) ** 2).sqrt()

    def drift(self, x, t):
        """f(x, t) = f(t) x, (B, *shape) and (B,) -> (B, *shape)."""
        return expand(self.drift_rate(t), check_tensor("x", x)) * x

    def perturb(self, x0, t, noise):
        """The one equation: x_t = alpha(t) x_0 + sigma(t) noise (survey Eqs. 4 and 14).

        x0 and noise are (B, *shape), t is a number or (B,). Raises TypeError for integer x0 and
        ValueError for NaN, a noise of another shape, a t of another length or outside [0, 1].
        """
        check_data("x0", x0)
        check_same_shape("noise", check_data("noise", noise), "x0", x0)
        alpha, sigma = self.scales(t)
        if isinstance(t, torch.Tensor):
            if t.ndim > 1 or (t.ndim == 1 and len(t) != len(x0)):
                raise ValueError(f"t must have shape () or ({len(x0)},), one time per example, "
                                 f"got {tuple(t.shape)}")
        return expand(alpha, x0) * x0 + expand(sigma, x0) * noise

    def posterior(self, t, s):
        """q(x_s | x_t, x_0) = N(keep x_t + pull x_0, variance I) for s < t: (keep, pull, variance).

        For the DDPM chain and neighbouring steps these are the coefficients of DDPM Eqs. (6), (7).
        Numbers or tensors (B,), in the form of t.
        """
        alpha_t, alpha_s = self.alpha(t), self.alpha(s)
        sigma_t, sigma_s = self.sigma(t), self.sigma(s)
        ratio = alpha_t / alpha_s
        added = self.added_variance(t, s)
        keep, pull = ratio * sigma_s**2 / sigma_t**2, alpha_s * added / sigma_t**2
        return keep, pull, added * sigma_s**2 / sigma_t**2

    def added_variance(self, t, s):
        """Variance of q(x_t | x_s), s < t: DDPM's beta_t for neighbouring steps of its chain."""
        return self.sigma(t) ** 2 - (self.alpha(t) / self.alpha(s)) ** 2 * self.sigma(s) ** 2

    @property
    def prior_std(self):
        """Standard deviation of the prior N(0, prior_std^2 I).

        It is that of x_1 for centred data of unit variance: 1 for the variance-preserving
        processes. The papers drop the 1 in sqrt(1 + sigma_max^2) for VE, NCSN and EDM. A number: no
        gradient flows through it.
        """
        return math.hypot(self.alpha(1.0), self.sigma(1.0))

    def prior_sample(self, shape, generator=None, dtype=None, device=None):
        """Draw x_1 ~ N(0, prior_std^2 I) of the given shape (B, *shape)."""
        check_generator(generator)
        try:
            noise = torch.randn(shape, generator=generator, dtype=dtype, device=device)
        except (TypeError, RuntimeError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind("shape, dtype and device must suit torch.randn, "
                       f"got {shown(shape)}, {dtype}, {device!r}: {error}") from None
        return self.prior_std * noise

    def prior_log_prob(self, x):
        """Log density of the prior in nats, (B, *shape) -> (B,)."""
        square = (check_data("x", x) / self.prior_std).square().reshape(len(x), -1).sum(1)
        dims = x[0].numel()
        return -0.5 * square - dims * (math.log(self.prior_std) + 0.5 * math.log(2 * math.pi))

    def time_at_log_snr(self, value):
        """The time at which log_snr(t) = `value`, number or tensor; by bisection, in [0, 1].

        Gradients flow through `value`, not to the parameters of the process.
        """
        goal = torch.as_tensor(value, dtype=torch.float64)
        low, high = torch.zeros_like(goal), torch.ones_like(goal)
        for _ in range(60):   # halves [0, 1] down to float64 rounding
            middle = (low + high) / 2
            above = self.log_snr(middle) > goal
            low, high = torch.where(above, middle, low), torch.where(above, high, middle)
        if not isinstance(value, torch.Tensor):
            return ((low + high) / 2).item()
        t = (low + high) / 2
        if value.requires_grad and torch.is_grad_enabled():        # dt / dvalue = 1 / slope
            t = t + (value - value.detach()) / slope(self.log_snr, t)
        return t


class VariancePreserving(GaussianProcess):
    """alpha^2 + sigma^2 = 1: dx = -beta(t)/2 x dt + sqrt(beta(t)) dw (survey Eq. 16).

    A subclass gives `beta(t)`.
    """

    def beta(self, t):
        """Rate per unit of time, beta(t) = -d log alpha^2 / dt, (B,) -> (B,)."""
        raise NotImplementedError(f"{type(self).__name__} must define beta(t)")

    @curve
    def drift_rate(self, t):
        """f(t) = -beta(t) / 2."""
        return -0.5 * self.beta(t)

    @curve
    def diffusion(self, t):
        """g(t) = sqrt(beta(t))."""
        return self.beta(t).sqrt()


class VarianceExploding(GaussianProcess):
    """alpha = 1: noise is added, nothing scaled (survey Eq. 17). A subclass gives `sigma(t)`."""

    @curve
    def alpha(self, t):
        """The signal is never scaled."""
        return torch.ones_like(t)

    @curve
    def drift_rate(self, t):
        """f(t) = 0."""
        return torch.zeros_like(t)


class Cosine(VariancePreserving):
    """The cosine schedule in continuous time (Nichol & Dhariwal 2021, Eq. 17; survey Eq. 28).

    alpha^2(t) = floor + (1 - floor) h(t)/h(0) with h(t) = cos^2((t + m)/(1 + m) pi/2). The floor
    alpha_min^2, 1e-6 by default, stands for the paper's clip beta_t <= 0.999: without it the rate
    beta(t) is infinite at t = 1.
    """

    def __init__(self, m=0.008, alpha_min=1e-3):
        self.m = check_number("m", m, 0, 1, open_low=False)
        self.alpha_min = check_number("alpha_min", alpha_min, 0, 1)
        self._start = self.m / (1 + self.m) * math.pi / 2          # angle at t = 0
        self._turn = math.pi / 2 / (1 + self.m)                    # angle per unit of time

    def _noise_share(self, t):
        """1 - h(t)/h(0) = sin(u - u0) sin(u + u0) / cos^2 u0: no cancellation near t = 0."""
        angle = self._turn * t
        return torch.sin(angle) * torch.sin(angle + 2 * self._start) / math.cos(self._start) ** 2

    @curve
    def alpha(self, t):
        """Signal scale."""
        return (1 - (1 - self.alpha_min**2) * self._noise_share(t)).sqrt()

    @curve
    def sigma(self, t):
        """Noise scale."""
        return ((1 - self.alpha_min**2) * self._noise_share(t)).sqrt()

    @curve
    def beta(self, t):
        """Rate -d log alpha^2 / dt."""
        angle = self._start + self._turn * t
        scale = (1 - self.alpha_min**2) * self._turn
        fall = scale * torch.sin(2 * angle) / math.cos(self._start) ** 2
        return fall.clamp(min=0) / self.alpha(t) ** 2

    def time_at_log_snr(self, value):
        """The time at which log_snr(t) = `value`: sin^2 of its angle is the noise share of h."""
        goal = torch.as_tensor(value, dtype=torch.float64)
        floor = self.alpha_min**2
        noise, signal = ((share / (1 - floor)).clamp(min=0)
                         for share in (torch.sigmoid(-goal), torch.sigmoid(goal) - floor))
        cosine = math.cos(self._start)
        sine = (math.sin(self._start) ** 2 + noise * cosine**2).sqrt()
        angle = torch.atan2(sine, cosine * signal.sqrt())
        t = ((angle - self._start) / self._turn).clamp(0, 1)
        return t if isinstance(value, torch.Tensor) else t.item()


class EDM(VarianceExploding):
    """sigma(t) = sigma_max t: time is noise level (Karras et al. 2022); sigma_min sets t_min."""

    def __init__(self, sigma_min=0.002, sigma_max=80.0):
        self.sigma_max = check_number("sigma_max", sigma_max, 0)
        self.sigma_min = check_number("sigma_min", sigma_min, 0, self.sigma_max)
        self.t_min = self.sigma_min / self.sigma_max

    @curve
    def sigma(self, t):
        """Noise scale."""
        return self.sigma_max * t

    @curve
    def diffusion(self, t):
        """g(t) = sqrt(d sigma^2 / dt)."""
        return self.sigma_max * (2 * t).sqrt()

    def time_at_log_snr(self, value):
        """The time at which log_snr(t) = -2 log(sigma_max t) equals `value`."""
        t = ((torch.as_tensor(value, dtype=torch.float64) / -2).exp() / self.sigma_max).clamp(max=1)
        return t if isinstance(value, torch.Tensor) else t.item()
