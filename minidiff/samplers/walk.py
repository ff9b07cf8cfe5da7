"""The walk that all first-order samplers share: x <- keep x + pull x0_hat + noise z. They differ in three numbers."""
from itertools import pairwise
from typing import NamedTuple

import torch

from ..checks import check_data, check_grid
from ..process import randn_like


class Step(NamedTuple):
    """One step t -> s of a first-order sampler, as Python floats. `noise` is a standard deviation."""

    keep: float
    pull: float
    noise: float


def start(model, x, grid):
    """Check what every sampler is given; return the times as floats."""
    check_data("x", x)
    if not hasattr(model, "process"):
        raise TypeError(f"model must be a Denoiser or an exact denoiser, got {type(model).__name__}: wrap the network as "
                        "Denoiser(net, process)")
    return check_grid(grid)


@torch.no_grad()
def walk(model, x, grid, step, generator=None, trace=None):
    """Walk x from grid[0] to grid[-1] with `step(process, t, s) -> Step`; one model call per step, (B, *shape).

    A last time of 0 means: return the denoised mean, without noise. `trace(i, t, x, x0_hat)` sees the state before
    step i.
    """
    times = start(model, x, grid)
    steps = [step(model.process, t, s) if s > 0 else Step(0.0, 1.0, 0.0) for t, s in pairwise(times)]
    for i, (t, (keep, pull, noise)) in enumerate(zip(times, steps)):
        x0_hat = model(x, t)
        if trace is not None:
            trace(i, t, x, x0_hat)
        x = keep * x + pull * x0_hat
        if noise:
            x = x + noise * randn_like(x, generator)
    return x
