"""Section 3.2.2: stop the forward process early, and begin the way back there."""
from ..checks import shown
from ..process import randn_like
from .ancestral import ancestral
from .walk import start


def early_stopped(model, x, grid, *, sampler=ancestral, generator=None, trace=None):
    """Noise clean samples x of a cheap generator to grid[0], walk on from there, (B, *shape).

    ES-DDPM (Lyu et al. 2022): x_T' = alpha x + sigma eps with T' = grid[0], then any `sampler` of
    this package down the grid. The noise hides what the generator does badly. Called at T' = 1 it
    is the sampler from a start that hardly knows x. Where samples of x_T' themselves are at hand,
    as from TDPM's prior (Zheng et al. 2022), call the sampler.
    """
    times = start(model, x, grid)
    if not callable(sampler):
        raise TypeError(f"sampler must be a function such as samplers.ddim, got {shown(sampler)}")
    noisy = model.process.perturb(x, times[0], randn_like(x, generator))
    return sampler(model, noisy, times, generator=generator, trace=trace)
