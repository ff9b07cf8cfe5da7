"""Section 4.2: the variance of the reverse step, fixed, given as a table, or learned (Eq. 31)."""
import math

import torch

from .checks import (check_choice, check_grid, check_number, check_table, check_tensor,
                     readable)
from .ddpm import VARIANCES
from .denoiser import Denoiser, to_x0
from .process import check_process


def variance_ends(process, grid):
    """The two extremes of every reverse step of a grid, (K,) each: beta tilde and beta.

    low is the variance of q(x_s|x_t, x_0), right for point data; high that of q(x_t|x_s), right for
    data of unit variance. On a last step to 0 the first is 0, which has no logarithm: it is
    replaced by that of the step before (Nichol & Dhariwal 2021, section 3.1).
    """
    times = torch.tensor(check_grid(grid), dtype=torch.float64)
    t, s = times[:-1], times[1:]
    low, high = check_process(process).posterior(t, s)[2], process.added_variance(t, s)
    if times[-1] == 0:
        low[-1] = low[-2] if len(low) > 1 else high[-1]
    return low, high


def interpolate(fraction, low, high):
    """exp(v log high + (1 - v) log low), v the fraction (survey Eq. 31).

    fraction: a tensor, v in [0, 1]. low and high: numbers, or tensors that broadcast with it.
    Linear in the logarithm: the ends differ by orders of magnitude near the data. Raises ValueError
    for an end that is not positive.
    """
    low, high = (_log(name, end) for name, end in (("low", low), ("high", high)))
    return (low + fraction * (high - low)).exp()


def _log(name, end):
    """log(end), a number for a number, a tensor for a tensor."""
    if not isinstance(end, torch.Tensor):
        return math.log(check_number(name, end, 0))
    if readable(end) and not (end > 0).all():
        raise ValueError(f"{name} must be positive, got {end.min():g}: a variance of 0 has no "
                         "logarithm (see variance_ends)")
    return end.log()


class Beside(torch.nn.Module):
    """Two networks as one with two answers: a frozen one that predicts, and a head for v.

    head(x, t) -> (B, *shape), the logits of v. No gradient reaches the weights of the first network;
    one to x does, for divergences.
    """

    def __init__(self, net, head):
        super().__init__()
        self.net, self.head = net, head

    def forward(self, x, t):
        return torch.cat([self.frozen(x, t), self.head(x, t)], 1)

    def frozen(self, x, t):
        """The first network's answer, its weights as constants."""
        if not isinstance(self.net, torch.nn.Module):
            return self.net(x, t)
        state = [*self.net.named_parameters(), *self.net.named_buffers()]
        constant = {name: value.detach() for name, value in state}
        return torch.func.functional_call(self.net, constant, (x, t))


class LearnedVariance(Denoiser):
    """A network with two answers: its prediction, and v of Eq. (31) for every coordinate.

    net(x, t) answers with twice the channels, (B, C, ...) -> (B, 2C, ...): first what it predicts,
    then the logits of v in (0, 1). Nichol & Dhariwal 2021, Eq. 15; they leave v unbounded.
    """

    def __init__(self, net, process, predicts="eps"):
        super().__init__(net, process, predicts)

    @classmethod
    def beside(cls, model, head):
        """A trained Denoiser, left as it is, with a second network for v: head(x, t) -> logits.

        Nothing is lost: the bound's gradient does not reach the mean in losses.hybrid either.
        """
        if not isinstance(model, Denoiser) or model.sigma_data is not None:
            raise TypeError("model must be a Denoiser without sigma_data, got "
                            f"{type(model).__name__}")
        return cls(Beside(model.net, head), model.process, model.predicts)

    def ask(self, x, time):
        """net(x, time), both answers, (B, 2C, ...)."""
        if x.ndim < 2:
            raise ValueError(f"x must have channels, (B, C, ...), got {tuple(x.shape)}")
        answer, wanted = self.net(x, time), (len(x), 2 * x.shape[1], *x.shape[2:])
        if tuple(getattr(answer, "shape", ())) != wanted:
            raise ValueError(f"net must answer with twice the channels of x, {wanted}, "
                             f"got {tuple(getattr(answer, 'shape', ()))}")
        return answer

    def predict(self, x, t):
        """The network's prediction, of kind `predicts`, (B, *shape)."""
        return super().predict(x, t).chunk(2, 1)[0]

    def with_fraction(self, x, t):
        """E[x_0 | x_t = x] and the fraction v, (B, *shape) each, from one call of the network."""
        value, logits = super().predict(x, t).chunk(2, 1)
        return to_x0(value, self.predicts, x, *self.scales(x, t)), logits.sigmoid()


def step_variances(process, grid, variance, zero=False):
    """The variances of a grid's reverse steps, (K,): "posterior", "beta" or a table of them.

    On a last step to 0 they are the decoder's; both names then mean the variance of q(x_t|x_0),
    beta_1 for a chain. zero: whether a table may hold zeros, as a sampler's may, a bound's not.
    """
    if isinstance(variance, str):
        check_choice("variance", variance, VARIANCES)
        low, high = variance_ends(process, grid)
        if variance == "posterior" and grid[-1] == 0:
            low[-1] = high[-1]
        return low if variance == "posterior" else high
    table, steps = check_table("variance", variance), len(check_grid(grid)) - 1
    if len(table) != steps or not ((table > 0) | (zero & (table == 0))).all():
        kind = "numbers of at least 0" if zero else "positive numbers"
        raise ValueError(f"variance must hold {steps} {kind}, one for each step of the grid, "
                         f"got {len(table)} with a smallest of {table.min():g}")
    return table


def reverse_law(model, grid, variance):
    """A function (i, x) -> (x0_hat, variance of reverse step i), one network call each.

    variance: "posterior", "beta", a table of one number per step, or "learned", for which the model
    must be a LearnedVariance; then it is (B, *shape), else a number.
    """
    times = check_grid(grid)
    if isinstance(variance, str):
        check_choice("variance", variance, (*VARIANCES, "learned"))
    if not (isinstance(variance, str) and variance == "learned"):
        table = step_variances(model.process, times, variance).tolist()
        return lambda i, x: (model(x, times[i]), table[i])
    if not hasattr(model, "with_fraction"):
        raise TypeError('variance "learned" needs a model that learned it, a LearnedVariance, '
                        f"got {type(model).__name__}")
    low, high = (ends.tolist() for ends in variance_ends(model.process, times))

    def law(i, x):
        x0_hat, fraction = model.with_fraction(check_tensor("x", x), times[i])
        return x0_hat, interpolate(fraction, low[i], high[i])

    return law
