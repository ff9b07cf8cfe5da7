"""Training objectives: per-example values, a sum over coordinates, never averaged inside.

Only `kernel_distance` compares two whole sets of samples and gives one number.
"""
import functools
import math

import torch

from .checks import (check_choice, check_data, check_grid, check_model, check_number,
                     check_same_shape, readable, shown)
from .process import expand, outside_inference
from .samplers.ancestral import ddim_step
from .variance import interpolate, variance_ends

WEIGHTS = ("simple", "x0", "v", "snr", "likelihood")


def weight_of(process, t, weight):
    """The factor of ||eps - eps_theta||^2 at time t, (B,) -> (B,).

    "simple"      1, DDPM's choice (survey Eq. 10)
    "x0"          1/SNR: the plain squared error of x0
    "v"           1 + 1/SNR: the plain squared error of v, if alpha^2 + sigma^2 = 1
                  (Salimans & Ho 2022, "SNR + 1" in units of x0)
    "snr"         max(1, 1/SNR): the x0 error weighted by max(SNR, 1)
                  (Salimans & Ho 2022, truncated SNR)
    "likelihood"  g^2 / (2 sigma^2): the ScoreFlow bound in nats per unit of time
                  (Song et al. 2021; survey Eq. 35)
    or a function of t.
    """
    if callable(weight):
        return weight(t)
    check_choice("weight", weight, WEIGHTS)
    if weight == "simple":
        return torch.ones_like(process.alpha(t))
    time = torch.as_tensor(process.as_time(t))
    if readable(time) and not torch.all(time > 0):
        raise ValueError(f"t must be above 0 for the weight {weight!r}, got {shown(t)}")
    if weight == "likelihood":
        return process.diffusion(t) ** 2 / (2 * process.sigma(t) ** 2)
    inverse = 1 / process.snr(t)
    return {"x0": inverse, "v": 1 + inverse, "snr": inverse.clamp(min=1)}[weight]


def denoising(model, x0, t, noise, weight="simple"):
    """weight(t) ||noise - eps_theta(x_t, t)||^2, (B, *shape) -> (B,) (survey Eqs. 10, 14, 20).

    In squared units of eps. With s = -eps/sigma this is lambda sigma^2 ||score of q(x_t|x_0) -
    s_theta||^2 as well: DDPM's loss and NCSN's are one. t is (B,), times or, for a chain, whole
    steps. Raises as process.perturb does.
    """
    process = check_model(model).process
    xt = process.perturb(x0, t, noise)
    error = (model.eps(xt, t) - noise).reshape(len(x0), -1).square().sum(1)
    if isinstance(weight, str) and weight == "simple":
        return error
    return expand(weight_of(process, process.as_time(t), weight), error) * error


def hybrid(model, x0, step, noise, grid=None, *, vlb_weight=1e-3):
    """L_simple + vlb_weight K L_step for a LearnedVariance, (B, *shape) -> (B,).

    L_simple = ||noise - eps_theta||^2 alone moves the mean. L_step is the term of the negative VLB
    in nats that belongs to the step; K of it, with `step` uniform, estimate the whole bound. Its
    gradient stops at the mean and reaches only the variance (Nichol & Dhariwal 2021, Eq. 16).

    grid: K + 1 times down to 0, by default all of the chain's. step (B,): whole numbers 1..K as in
    a chain, 1 for the last one, whose term is -log p(x_0|x_1). Sums over coordinates, nats; the
    paper's code has means and bits. A schedule's parameters get no gradient from the bound. Raises
    TypeError for a model without a learned variance, ValueError for a grid that does not end at 0.
    """
    process = check_model(model).process
    if not hasattr(model, "with_fraction"):
        raise TypeError(f"model must be a LearnedVariance, got {type(model).__name__}")
    if grid is None and not hasattr(process, "grid"):
        raise ValueError("grid must be given for a process without steps of its own, "
                         f"got None with {type(process).__name__}")
    vlb_weight = check_number("vlb_weight", vlb_weight, 0, open_low=False)
    times, *table = _steps_of_bound(process, check_grid(process.grid() if grid is None else grid))
    row = len(times) - _whole_steps(step, x0, 1, len(times))
    t, (low, high, pull, true, free) = times.to(row.device)[row], (
        expand(column.to(row.device)[row], x0) for column in table)
    x0_hat, fraction = model.with_fraction(process.perturb(x0, t, noise), t)
    simple = expand(process.snr(t), x0) * (x0 - x0_hat).square()
    fixed = (x0 - x0_hat.detach()).square()                      # no gradient to the mean
    reverse = interpolate(fraction, low, high)
    nats = 0.5 * ((true + pull**2 * fixed) / reverse + reverse.log() - free)
    return (simple + vlb_weight * len(times) * nats).reshape(len(x0), -1).sum(1)


@torch.no_grad()
def _steps_of_bound(process, times):
    """For the steps of a grid, noisiest first: t, both ends, pull, true variance, a constant, (K,).

    With S the reverse variance a term is ((true + pull^2 |x0 - x0_hat|^2)/S + log S - constant)/2,
    the last one too: there true = 0 and pull = 1. Remembered, as the curves of a process are.
    """
    known, key = process.__dict__.setdefault("_known", {}), ("steps of the bound", *times)
    if key in known:
        return known[key]
    if times[-1] != 0:
        raise ValueError(f"grid must end at 0, where the data are, got {times[-1]:g}")
    low, high = variance_ends(process, times)
    t, s = (torch.tensor(part, dtype=torch.float64) for part in (times[:-1], times[1:]))
    _, pull, true = process.posterior(t, s)
    free = torch.where(s > 0, 1 + true.log(), -math.log(2 * math.pi))
    if not isinstance(process, torch.nn.Module):                 # one that learns is asked anew
        known[key] = t, low, high, pull, true, free
    return t, low, high, pull, true, free


def _whole_steps(step, x0, least, most):
    """Return `step` if it is (B,) whole numbers in least..most."""
    whole = isinstance(step, torch.Tensor) and step.dtype == torch.int64
    if not whole or step.shape != check_data("x0", x0).shape[:1]:
        raise ValueError(f"step must be whole numbers (int64), ({len(x0)},), got {shown(step)}")
    if readable(step) and not least <= step.min() <= step.max() <= most:
        raise ValueError(f"step must lie in {least}..{most}, got {step.min()} to {step.max()}")
    return step


def energy_kernel(a, b):
    """-|a_i - b_j| for all pairs, (n, d) and (m, d) -> (n, m)."""
    return -torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def kernel_distance(a, b, kernel=energy_kernel, block=2048):
    """Squared maximum mean discrepancy of two sets, unbiased, a 0-dim tensor with gradients.

    E k(x, x') + E k(y, y') - 2 E k(x, y), x' another point than x (Gretton et al. 2012, Eq. 3).
    a (n, *shape), b (m, *shape), at least two points each. kernel: (n, d), (m, d) -> (n, m); the
    default makes it the energy distance, (x.y/d + 1)^3 the kernel distance KID. Zero in expectation
    for equal laws, so a value may be slightly negative. Computed by blocks of rows.
    """
    for name, x in (("a", a), ("b", b)):
        if check_data(name, x).ndim < 2 or len(x) < 2:
            raise ValueError(f"{name} must hold at least 2 points, shape (n, *shape), "
                             f"got shape {tuple(x.shape)}")
    a, b = a.flatten(1), b.flatten(1)
    if a.shape[1] != b.shape[1]:
        raise ValueError("a and b must have the same numbers per example, "
                         f"got {a.shape[1]} and {b.shape[1]}")

    def within(x):                                               # all pairs but a point with itself
        rows = (kernel(part, x) for part in x.split(block))
        total = sum(row.sum() - row.diagonal(i * block).sum() for i, row in enumerate(rows))
        return total / (len(x) * (len(x) - 1))

    across = sum(kernel(part, b).sum() for part in a.split(block)) / (len(a) * len(b))
    return within(a) + within(b) - 2 * across


def one_step(student, pairs, t, noise=None):
    """||student(x_1, t) - x_0||^2 for pairs (B, 2, *shape), x_1 first -> (B,).

    x_0 is where a deterministic sampler takes the noise x_1, so the map has one answer (Luhman &
    Luhman 2021). t: where the walks began, a number or (B,). Stands in `train` as a loss; `noise`
    is not used. Sample with student(x_1, t): one call.
    """
    if check_data("pairs", pairs).ndim < 2 or pairs.shape[1] != 2:
        raise ValueError("pairs must have shape (B, 2, *shape), the noise first, then the sample, "
                         f"got {tuple(pairs.shape)}")
    x1, x0 = pairs.unbind(1)
    return (check_model(student)(x1, t) - x0).reshape(len(x0), -1).square().sum(1)


@torch.no_grad()
def two_step_target(teacher, x, t, middle, s):
    """The x0 with which one DDIM step t -> s ends where two of the teacher do, (B, *shape).

    Salimans & Ho 2022, Algorithm 2: (x_s - k x) / (alpha_s - k alpha_t), k = sigma_s/sigma_t, x_s
    after the steps t -> middle -> s. With r = alpha/sigma a DDIM step moves x/sigma by the change
    of r times the guess. So the target is a mean of the teacher's two guesses, weighted by the two
    changes of r. Computed like that it loses no digits when the steps are short; at s = 0, where r
    is infinite, it is the second guess; at t = 1 it needs no division by alpha. Times: numbers or
    (B,), t > middle > s >= 0.
    """
    process = check_model(teacher).process
    times = [time.double() if isinstance(time, torch.Tensor) else time for time in (t, middle, s)]
    t, middle, s = (torch.as_tensor(process.as_time(time), dtype=torch.float64) for time in times)
    if readable(t) and not ((t > middle) & (middle > s)).all():
        raise ValueError("t, middle and s must fall, t > middle > s, got "
                         + ", ".join(f"{time.flatten()[0]:g}" for time in (t, middle, s)))
    keep, pull, _ = ddim_step(process, t, middle)
    first = teacher(x, t)
    second = teacher(expand(keep, x) * x + expand(pull, x) * first, middle)
    ratio_t, ratio_m, ratio_s = (process.alpha(time) / process.sigma(time)
                                 for time in (t, middle, s))
    share = expand((ratio_m - ratio_t) / (ratio_s - ratio_t), x)
    return share * first + (1 - share) * second


def halving(student, teacher, x0, step, noise, grid):
    """max(SNR, 1) ||target - student(x_t, t)||^2, (B, *shape) -> (B,): progressive distillation.

    The student learns to do in one DDIM step what the teacher does in two (Salimans & Ho 2022,
    Algorithm 2 and the weight "truncated SNR" of Eq. 9). grid: the teacher's 2N + 1 times; the
    student's are grid[::2]. step (B,): which of its N steps, 0 for the first, from noise. In
    `train`: loss=lambda *a: losses.halving(a[0], teacher, *a[1:], grid), and a time function that
    draws whole numbers. Raises ValueError for a grid of an even length or steps beyond it.
    """
    device = check_data("x0", x0).device
    times = torch.tensor(check_grid(grid), dtype=torch.float64, device=device)
    if len(times) % 2 == 0:
        raise ValueError(f"grid must hold 2N + 1 times, an odd number, got {len(times)}")
    step = _whole_steps(step, x0, 0, len(times) // 2 - 1)
    t, middle, s = (times[2 * step + k] for k in range(3))
    process = check_model(student).process
    xt = process.perturb(x0, t, noise)
    target = two_step_target(teacher, xt, t, middle, s)
    error = (target - student(xt, t)).reshape(len(x0), -1).square().sum(1)
    return expand(process.snr(t).clamp(min=1), error) * error


# Higher orders (Lu et al. 2022): what a model says of the second and third derivative of log q_t

def high_order_parts(model, x0, t, noise, probe):
    """sigma, x, the score (with its graph), l_1 = sigma sg[score] + noise, and the directions."""
    x = check_model(model).process.perturb(x0, t, noise).detach().requires_grad_()
    sigma = expand(model.process.sigma(t), x)
    score = model.score(x, t) + 0 * x                              # it may not depend on x
    if probe is not None:
        check_same_shape("probe", probe, "x0", x0)
        return sigma, x, score, sigma * score.detach() + noise, [probe]
    units = torch.eye(x[0].numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape[1:])
    return sigma, x, score, sigma * score.detach() + noise, [unit.expand_as(x) for unit in units]


def dot(a, b):
    """Inner product of two (B, *shape), over all axes but the batch, ready to multiply x."""
    return expand((a * b).reshape(len(a), -1).sum(1), a)


def with_derivatives(loss):
    """Let a loss differentiate the score where gradients are off; its value then has no graph."""
    @functools.wraps(loss)
    def called(*values, **knobs):
        on = torch.is_grad_enabled()
        with torch.enable_grad():
            value = loss(*values, **knobs)
        return value if on else value.detach()
    return outside_inference(called)


@with_derivatives
def second_order(model, x0, t, noise, probe=None):
    """|sigma^2 J + I - l_1 l_1'|^2, (B, *shape) -> (B,): second-order denoising score matching.

    J is the Jacobian of the score s_theta at x_t, l_1 = sigma s_theta + noise with s_theta held
    fixed, as the target must be (Lu et al. 2022). The norm is Frobenius's; unit-free, as
    `denoising` is. Where s_theta is the true score the minimiser is the Hessian of log q_t, since
    Cov[eps | x_t] = I + sigma^2 Hessian; the target is noisy, so keep its weight below that of the
    first order. Costs a backward pass a coordinate; with a `probe` v (B, *shape) of mean 0 and unit
    covariance only one: |sigma^2 J'v + v - (l_1.v) l_1|^2, the same in the mean over v. Raises as
    process.perturb does, and for a probe of another shape.
    """
    sigma, x, score, l1, directions = high_order_parts(model, x0, t, noise, probe)
    total = 0
    for v in directions:
        row, = torch.autograd.grad((score * v).sum(), x, create_graph=True)
        error = sigma**2 * row + v - dot(l1, v) * l1
        total = total + error.reshape(len(x), -1).square().sum(1)
    return total


@with_derivatives
def third_order(model, x0, t, noise, probe=None):
    """|sigma^3 grad tr J + l_3|^2, (B, *shape) -> (B,): third-order denoising score matching.

    l_3 = (|l_1|^2 - tr l_2) l_1 - 2 l_2 l_1 with l_1 as in `second_order` and l_2 = sigma^2 J + I,
    both held fixed: the trace form of Lu et al. 2022. In the mean |l_1|^2 l_1 alone has the same
    minimiser, -sigma^3 grad tr J being a third cumulant of eps; what is taken away removes the
    first effect of an error of s_theta, and noise. Costs two backward passes a coordinate. With a
    `probe` v the trace becomes v'Jv, and l_3 = ((l_1.v)^2 - v'l_2 v) l_1 - 2 (l_1.v) l_2 v: two
    passes, another loss, the same minimiser. Raises as second_order.
    """
    sigma, x, score, l1, directions = high_order_parts(model, x0, t, noise, probe)
    total = 0
    for v in directions:
        row, = torch.autograd.grad((score * v).sum(), x, create_graph=True)
        trace = (row * v).sum() + 0 * x.sum()                          # row may not depend on x
        slope, = torch.autograd.grad(trace, x, create_graph=True)
        l2, along = sigma**2 * row.detach() + v, dot(l1, v)                 # l_2 v
        total = total + sigma**3 * slope + (along**2 - dot(l2, v)) * l1 - 2 * along * l2
    return total.reshape(len(x), -1).square().sum(1)
