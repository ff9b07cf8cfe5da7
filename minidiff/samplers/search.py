"""DDSS: a sampler whose times, noise and step factors are learned by differentiating through it.

The network stays as it is. K steps have a few numbers each, and a distance between samples and data
is made small by gradient descent on them (Watson et al. 2022).
"""
import torch
from torch.utils.checkpoint import checkpoint

from ..checks import check_count, check_grid, check_model, check_number
from ..losses import kernel_distance
from ..process import randn_like
from .ancestral import ddim_step
from .walk import FINISH, Step, start


def advance(model, x, t, keep, pull, noise, z):
    """One step of walk with z given: (x after it, x0_hat before it)."""
    x0_hat = model(x, t)
    return keep * x + pull * x0_hat + noise * z, x0_hat


class Searched(torch.nn.Module):
    """DDIM with learned times, eta and factors of both terms, a set for each step of `grid`.

    Four parameters, (K,) in float64: `widths`, whose softmax spaces the times between the ends of
    `grid`, which stay; `etas`, eta = tanh; `keeps` and `pulls`, logarithms of the factors of x and
    of x0_hat. At first it is DDIM on `grid` with the given eta in [0, 1). It knows no process: the
    model that it is called with brings one.
    """

    def __init__(self, grid, eta=0.0):
        super().__init__()
        times = torch.tensor(check_grid(grid), dtype=torch.float64)
        eta = check_number("eta", eta, 0, 1, open_low=False)
        self.register_buffer("ends", times[[0, -1]])
        self.widths = torch.nn.Parameter((-times.diff()).log())
        self.etas = torch.nn.Parameter(torch.full_like(self.widths, eta).atanh())
        self.keeps = torch.nn.Parameter(torch.zeros_like(self.widths))
        self.pulls = torch.nn.Parameter(torch.zeros_like(self.widths))

    def grid(self):
        """The times, (K + 1,), falling; gradients reach `widths`."""
        first, last = self.ends
        passed = self.widths.softmax(0).cumsum(0)[:-1]
        return torch.cat([self.ends[:1], first - (first - last) * passed, self.ends[1:]])

    def steps(self, process):
        """A Step of 0-dim tensors for each step; gradients reach all parameters."""
        times = self.grid()
        count = len(times) - 1 - int(times[-1] == 0)             # a step to 0 is the denoised mean
        step = ddim_step(process, times[:count], times[1:count + 1], self.etas[:count].tanh())
        steps = [Step(*row) for row in zip(*step)] + [FINISH] * (len(times) - 1 - count)
        return [Step(step.keep * keep, step.pull * pull, step.noise)
                for step, keep, pull in zip(steps, self.keeps.exp(), self.pulls.exp())]

    def forward(self, model, x, *, recompute=True, generator=None, trace=None):
        """Samples, (B, *shape), as samplers.ddim; differentiable in x and all parameters.

        The noise is drawn here, z ~ N(0, I), and scaled by the parameters, so that gradients pass
        (reparameterisation). With `recompute` a backward pass asks the model a second time instead
        of keeping its insides: memory for one call, not K, at the price of K more calls. z is
        drawn outside of what is computed twice, and is therefore the same both times.
        """
        times = self.grid()
        start(model, x, times.detach())
        for i, (t, step) in enumerate(zip(times, self.steps(model.process))):
            z = randn_like(x, generator) if isinstance(step.noise, torch.Tensor) else 0.0
            facts = model, x, t, *step, z
            after, x0_hat = (checkpoint(advance, *facts, use_reentrant=False) if recompute
                             else advance(*facts))
            if trace is not None:
                trace(i, t.item(), x, x0_hat)
            x = after
        return x


def search(sampler, model, data, steps, *, batch=400, lr=0.03, distance=kernel_distance,
           generator=None):
    """Fit a Searched sampler by Adam; returns the distance at each step, a list.

    data(count, generator) -> (count, *shape) real examples. Every step draws fresh noise and fresh
    data and lowers distance(samples, data), a 0-dim tensor, over the sampler's parameters alone:
    no gradient is left on the model. The rate falls to 0 on a cosine. `sampler` changes in place.
    """
    steps, batch = check_count("steps", steps), check_count("batch", batch, least=2)
    process, parameters, history = check_model(model).process, list(sampler.parameters()), []
    optimizer = torch.optim.Adam(parameters, check_number("lr", lr, 0))
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        real = data(batch, generator)
        x = process.prior_sample(real.shape, generator, real.dtype, real.device)
        loss = distance(sampler(model, x, generator=generator), real)
        slopes = torch.autograd.grad(loss, parameters, allow_unused=True)
        for parameter, slope in zip(parameters, slopes):
            parameter.grad = slope
        optimizer.step(), rate.step()
        history.append(loss.item())
    return history
