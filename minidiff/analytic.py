"""Section 4.2: the best variance of a reverse step, known once the score is (survey Eq. 32)."""
import torch

from .checks import check_data, check_grid, check_model, check_number, check_table
from .process import check_process, check_signal, randn_like
from .samplers.ancestral import ddim_step


@torch.no_grad()
def eps_square(model, x0, times, *, generator=None):
    """Mean over examples and coordinates of eps_theta(x_t, t)^2 at every time, (N,) float64.

    One noise draw per example of x0 (B, *shape) and time. It is sigma^2 E|score|^2 / d, at most 1
    for the true score (Bao et al. 2022, Eq. 8).
    """
    process = check_model(model).process
    check_data("x0", x0)
    means = []
    for t in check_table("times", times).tolist():
        check_number("every one of times", t, 0, 1, open_high=False)
        xt = process.perturb(x0, t, randn_like(x0, generator))
        means.append(model.eps(xt, t).double().square().mean())
    return torch.stack(means)


def optimal_variance(process, grid, squares, *, eta=1.0, largest=None):
    """The KL-optimal variance of every step of a grid, one number for all coordinates, (K,).

    noise^2 + pull^2 V with the step's DDIM coefficients at `eta` (1: DDPM) and V = E Var(x_0|x_t) =
    sigma^2/alpha^2 (1 - E eps^2): Bao et al. 2022, Theorem 1 (survey Eq. 32). squares (K,):
    eps_square at the times where steps start, grid[:-1]. For a sub-sequence index both: the
    coefficients are those of its own steps. The last entry, of a step to 0, is the decoder's.

    An imperfect score may make V negative: it is clipped at 0. Where alpha is tiny, a tiny error of
    E eps^2 makes V huge: `largest` is an upper bound on V, the data's variance, or ((b - a)/2)^2
    for data in [a, b] (Bao et al. 2022, Theorem 2); None for no bound.
    """
    times, squares = check_grid(grid), check_table("squares", squares)
    check_process(process)
    check_number("eta", eta, 0, 1, open_low=False, open_high=False)
    if len(squares) != len(times) - 1:
        raise ValueError(f"squares must hold {len(times) - 1} numbers, one for each step of the "
                         f"grid, got {len(squares)}")
    if (squares < 0).any():
        raise ValueError(f"squares must be means of squares, got {squares.min():g}")
    check_signal(process, times[0], "process")
    times = torch.tensor(times, dtype=torch.float64)
    t, s = times[:-1], times[1:]
    _, pull, noise = ddim_step(process, t, s, eta)
    hidden = (1 - squares) / process.snr(t)
    if largest is not None:
        largest = check_number("largest", largest, 0)
    return noise**2 + pull**2 * hidden.clamp(0, largest)
