"""Section 2.3: VP, VE, sub-VP; reverse-time SDE; probability-flow ODE (Song et al. 2020)."""
import math

import torch

from .checks import check_count, check_data, check_model, check_number
from .process import VarianceExploding, VariancePreserving, curve, expand, randn_like


class VP(VariancePreserving):
    """Variance-preserving SDE, dx = -beta(t)/2 x dt + sqrt(beta(t)) dw (survey Eq. 16).

    beta(t) = beta_min + t (beta_max - beta_min), a rate per unit of time. The limit of the DDPM
    chain: T steps of it have beta_t = beta(t/T)/T.
    """

    def __init__(self, beta_min=0.1, beta_max=20.0):
        self.beta_max = check_number("beta_max", beta_max, 0)
        self.beta_min = check_number("beta_min", beta_min, 0, self.beta_max, open_high=False)

    @curve
    def beta(self, t):
        """Rate beta(t), (B,) -> (B,)."""
        return self.beta_min + t * (self.beta_max - self.beta_min)

    @curve
    def integral(self, t):
        """The integral of beta from 0 to t, which is -log alpha^2(t), (B,) -> (B,)."""
        return t * self.beta_min + 0.5 * t**2 * (self.beta_max - self.beta_min)

    @curve
    def alpha(self, t):
        """Signal scale exp(-1/2 integral of beta)."""
        return (-0.5 * self.integral(t)).exp()

    @curve
    def sigma(self, t):
        """Noise scale sqrt(1 - alpha^2)."""
        return (-torch.expm1(-self.integral(t))).sqrt()

    def time_at_log_snr(self, value):
        """The time at which log_snr(t) = `value`: log SNR = -log(e^integral - 1), solved for t."""
        goal = torch.as_tensor(value, dtype=torch.float64)
        return self._time_at_integral(torch.nn.functional.softplus(-goal), value)

    def _time_at_integral(self, integral, like):
        """Solve integral(t) = integral; the root of the quadratic without cancellation."""
        rise = self.beta_max - self.beta_min
        t = 2 * integral / (self.beta_min + (self.beta_min**2 + 2 * rise * integral).sqrt())
        return t.clamp(max=1.0) if isinstance(like, torch.Tensor) else min(t.item(), 1.0)


class SubVP(VP):
    """Sub-VP SDE: VP's drift with less noise, sigma = 1 - alpha^2 (Song et al. 2020, Eq. 14).

    Not named by the survey.
    """

    @curve
    def sigma(self, t):
        """Noise scale 1 - alpha^2, below VP's sqrt(1 - alpha^2)."""
        return -torch.expm1(-self.integral(t))

    @curve
    def diffusion(self, t):
        """g(t) = sqrt(beta (1 - exp(-2 integral of beta)))."""
        return (self.beta(t) * -torch.expm1(-2 * self.integral(t))).sqrt()

    def time_at_log_snr(self, value):
        """The time at which log_snr(t) = `value`: alpha / (1 - alpha^2) = r, quadratic in alpha."""
        half = (torch.as_tensor(value, dtype=torch.float64) / 2).clamp(max=300)
        r = half.exp()
        alpha = 2 * r / (1 + (1 + 4 * r**2).sqrt())
        return self._time_at_integral(-2 * alpha.log(), value)


class VE(VarianceExploding):
    """Variance-exploding SDE, the limit of the NCSN ladder (survey Eq. 17).

    The ladder is sigma_min (sigma_max / sigma_min)^t. Its SDE starts at the data with no noise at
    all, so the kernel is sigma(t)^2 = ladder(t)^2 - sigma_min^2. The subtraction is exact, and
    often dropped in code.
    """

    def __init__(self, sigma_min=0.01, sigma_max=50.0):
        self.sigma_max = check_number("sigma_max", sigma_max, 0)
        self.sigma_min = check_number("sigma_min", sigma_min, 0, self.sigma_max)
        self.log_ratio = math.log(self.sigma_max / self.sigma_min)
        self.t_min = math.log(2) / (2 * self.log_ratio)              # where sigma(t) = sigma_min

    @curve
    def sigma(self, t):
        """Noise scale of q(x_t | x_0), 0 at t = 0."""
        return self.sigma_min * torch.expm1(2 * self.log_ratio * t).sqrt()

    @curve
    def diffusion(self, t):
        """g(t) = sqrt(d sigma^2/dt) = ladder(t) sqrt(2 log(sigma_max / sigma_min))."""
        return self.sigma_min * (self.log_ratio * t).exp() * math.sqrt(2 * self.log_ratio)

    def time_at_log_snr(self, value):
        """The time at which log_snr(t) = -2 log sigma(t) equals `value`."""
        variance = (-torch.as_tensor(value, dtype=torch.float64)).exp()
        t = torch.log1p(variance / self.sigma_min**2) / (2 * self.log_ratio)
        return t.clamp(max=1.0) if isinstance(value, torch.Tensor) else min(t.item(), 1.0)


def reverse_drift(model, x, t):
    """f(x, t) - g(t)^2 score, the reverse drift (survey Eq. 18; Anderson 1982), (B, *shape)."""
    process = model.process
    return process.drift(x, t) - expand(process.diffusion(t), x) ** 2 * model.score(x, t)


def flow_velocity(model, x, t):
    """f(x, t) - 1/2 g(t)^2 score, dx/dt of the probability flow (survey Eq. 19), (B, *shape)."""
    process = check_model(model).process
    return process.drift(x, t) - 0.5 * expand(process.diffusion(t), x) ** 2 * model.score(x, t)


def level_velocity(model, y, u, t=None):
    """The same ODE in y = x/alpha and u = log(sigma/alpha), a number: dy/du = y - x0_hat.

    y and the answer are (B, *shape). The rates f and g cancel and only the noise level is left, so
    every process has one and the same flow; it is smooth in u even for a chain, whose rates jump
    from step to step (Karras et al. 2022, Eq. 1 with sigma = e^u). t: the time of u, if known.
    """
    process = model.process
    t = process.time_at_log_snr(-2 * u) if t is None else t
    return y - model(process.alpha(t) * y, t)


@torch.no_grad()
def simulate(process, x0, steps, until=1.0, generator=None, trace=None):
    """Euler-Maruyama on the forward SDE (survey Eq. 15), x0 at time 0 -> x at `until`, (B, *shape).

    `trace(step, t, x)` is called before each step. Only to check the closed kernels:
    `process.perturb` needs no steps.
    """
    steps, x = check_count("steps", steps), check_data("x0", x0)
    h = check_number("until", until, 0, 1, open_high=False) / steps
    for i in range(steps):
        t = i * h
        if trace is not None:
            trace(i, t, x)
        x = x + process.drift(x, t) * h + process.diffusion(t) * h**0.5 * randn_like(x, generator)
    return x
