"""A multilayer perceptron on Fourier features of x and t."""

import math

import torch
from torch import nn

from ..checks import check_count


def spread_time(t, x):
    """t, a number, a 0-dim or a (B,) tensor -> (B,) in the dtype and on the device of x."""
    t = torch.as_tensor(t, dtype=x.dtype, device=x.device)
    if t.ndim > 1 or (t.ndim == 1 and len(t) not in (1, len(x))):
        raise ValueError(f"t must be a number or have shape ({len(x)},), "
                         f"got shape {tuple(t.shape)}")
    return t.expand(len(x))


class Fourier(nn.Module):
    """u -> (u, sin(w u), cos(w u)), n frequencies w in geometric progression: k -> k (1 + 2n).

    A plain network learns functions of u that vary slowly; at small noise the score varies fast.
    The sines and cosines hand it the fast variation (Tancik et al. 2020, arXiv 2006.10739).
    """

    def __init__(self, count, lowest, highest):
        super().__init__()
        frequencies = torch.logspace(math.log10(lowest), math.log10(highest), count)
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, u):
        angle = (u.unsqueeze(-1) * self.frequencies).flatten(-2)
        return torch.cat([u, angle.sin(), angle.cos()], dim=-1)


class MLP(nn.Module):
    """Network (x, t) -> same shape as x, for data of ``dim`` numbers in any shape.

    dim: numbers per example (2 for points, 64 for an 8x8 image). width, depth: units and count of
    hidden layers; residual=True adds each layer's input to its output. frequencies: sines per
    coordinate of x (0: none). answers=2 gives two of them side by side, (B, 2C, ...), as
    LearnedVariance asks. t is continuous time in [0, 1]: a number, a 0-dim tensor or (B,). Raises
    ValueError for x of another size.
    """

    def __init__(self, dim=2, width=128, depth=3, frequencies=6, residual=False, answers=1):
        super().__init__()
        dim, width = check_count("dim", dim), check_count("width", width)
        depth = check_count("depth", depth)
        frequencies = check_count("frequencies", frequencies, least=0)
        self.dim, self.residual = dim, residual
        highest = 2.0 ** (frequencies - 1)
        self.of_x = Fourier(frequencies, 1.0, highest) if frequencies else nn.Identity()
        self.of_t = Fourier(16, 1.0, 100.0)
        sizes = [dim * (1 + 2 * frequencies) + 33] + [width] * depth
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:]))
        self.out = nn.Linear(width, dim * check_count("answers", answers))

    def forward(self, x, t):
        flat = x.flatten(1)
        if flat.shape[1] != self.dim:
            raise ValueError(
                f"this MLP takes {self.dim} numbers per example, got x of shape {tuple(x.shape)}"
            )
        h = torch.cat([self.of_x(flat), self.of_t(spread_time(t, x)[:, None])], dim=1)
        for layer in self.hidden:
            y = nn.functional.silu(layer(h))
            h = h + y if self.residual and h.shape == y.shape else y
        return self.out(h).reshape(len(x), -1, *x.shape[2:])
