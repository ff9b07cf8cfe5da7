"""All first-order samplers walk x <- keep x + pull x0_hat + noise z, with other numbers each."""
from typing import NamedTuple

import torch

from ..checks import check_data, check_grid, check_model
from ..process import check_process, randn_like


class Step(NamedTuple):
    """One step t -> s, numbers or tensors for many steps; `noise` is a standard deviation."""

    keep: float
    pull: float
    noise: float


FINISH = Step(0.0, 1.0, 0.0)   # a last time of 0: the denoised mean, without noise


def along(curve, times):
    """A curve of the process at all times of a grid, as a list of floats, in one call."""
    return curve(torch.tensor(times, dtype=torch.float64)).tolist()


def steps_of(process, times, step):
    """The Steps of a whole grid as Python floats, in one call of `step(process, t, s)`."""
    t = torch.tensor(times, dtype=torch.float64)
    columns = (torch.as_tensor(part, dtype=torch.float64).expand(len(t) - 1).tolist()
               for part in step(process, t[:-1], t[1:]))
    steps = [Step(*row) for row in zip(*columns)]
    return [*steps[:-1], FINISH] if times[-1] == 0 else steps


def start(model, x, grid, kind=None):
    """Check what every sampler is given; return the times as floats.

    The model's process must be a GaussianProcess, or of another `kind`.
    """
    check_data("x", x)
    check_process(check_model(model).process, kind, "the model's process")
    return check_grid(grid)


@torch.no_grad()
def walk(model, x, grid, step, generator=None, trace=None):
    """Walk x, (B, *shape), from grid[0] to grid[-1] with `step(process, t, s) -> Step`.

    One model call per step. `step` gets all times t and all s at once, as float64 tensors. A last
    time of 0 means: return the denoised mean, without noise. `trace(i, t, x, x0_hat)` sees the
    state before step i.
    """
    times = start(model, x, grid)
    for i, (t, (keep, pull, noise)) in enumerate(zip(times, steps_of(model.process, times, step))):
        x0_hat = model(x, t)
        if trace is not None:
            trace(i, t, x, x0_hat)
        x = keep * x + pull * x0_hat
        if noise:
            x = x + noise * randn_like(x, generator)
    return x
