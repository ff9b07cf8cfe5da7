"""Two-dimensional toy distributions: endless, cheap, and easy to see.

Each function returns n points as a float32 tensor (n, 2), roughly centred and of unit size, so that
one set of noise levels fits all of them. Randomness comes only through ``generator``. For toys
whose score and likelihood are known exactly, see :mod:`minidiff.exact`.
"""

import math

import torch

from ..checks import check_count, check_number


def swiss_roll(n, noise=0.05, generator=None):
    """A spiral of one and a half turns, denser near its centre: (n, 2)."""
    angle = 1.5 * math.pi * (1 + 2 * _uniform(n, generator))
    spiral = torch.stack([angle * angle.cos(), angle * angle.sin()], dim=1) / (3 * math.pi) * 1.4
    return spiral + _normal(n, noise, generator)


def two_moons(n, noise=0.06, generator=None):
    """Two interleaved half circles, half of the points on each: (n, 2)."""
    angle = math.pi * _uniform(n, generator)
    upper = _uniform(n, generator) < 0.5
    x = torch.where(upper, angle.cos(), 1 - angle.cos()) - 0.5
    y = torch.where(upper, angle.sin(), 0.5 - angle.sin()) - 0.25
    return torch.stack([x, y], dim=1) * 1.1 + _normal(n, noise, generator)


def ring(n, modes=8, radius=1.3, std=0.15, generator=None):
    """Equal Gaussian bumps on a circle, the sampling twin of ``minidiff.exact.ring``: (n, 2)."""
    modes, radius = check_count("modes", modes), check_number("radius", radius, 0)
    pick = torch.randint(modes, (check_count("n", n),), generator=generator)
    angle = pick * (2 * math.pi / modes)
    return radius * torch.stack([angle.cos(), angle.sin()], dim=1) + _normal(n, std, generator)


def checkerboard(n, cells=4, half_width=1.5, generator=None):
    """Uniform on the dark squares of a cells x cells board, [-half_width, half_width]^2: (n, 2)."""
    if check_count("cells", cells, least=2) % 2:
        raise ValueError(f"cells must be even, got {cells}")
    check_number("half_width", half_width, 0)
    column = torch.randint(cells, (check_count("n", n),), generator=generator)
    row = 2 * torch.randint(cells // 2, (n,), generator=generator) + column % 2
    corner = torch.stack([column, row], dim=1)
    unit = (corner + torch.rand(n, 2, generator=generator)) / cells
    return (2 * unit - 1) * half_width


def circles(n, noise=0.05, generator=None):
    """Two concentric circles of radius 0.6 and 1.4, half of the points on each: (n, 2)."""
    angle = 2 * math.pi * _uniform(n, generator)
    radius = torch.where(_uniform(n, generator) < 0.5, 0.6, 1.4)
    points = radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
    return points + _normal(n, noise, generator)


def pinwheel(n, arms=5, twist=0.9, generator=None):
    """Curved arms around the origin, thin in one direction and long in the other: (n, 2)."""
    radius = 0.9 + 0.3 * torch.randn(check_count("n", n), generator=generator)
    across = 0.08 * torch.randn(n, generator=generator)
    arm = torch.randint(check_count("arms", arms), (n,), generator=generator) * (2 * math.pi / arms)
    angle = arm + twist * radius
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([radius * cos - across * sin, radius * sin + across * cos], dim=1)


def _uniform(n, generator):
    return torch.rand(check_count("n", n), generator=generator)


def _normal(n, std, generator):
    std = check_number("noise", std, 0, open_low=False)
    return std * torch.randn(check_count("n", n), 2, generator=generator)
