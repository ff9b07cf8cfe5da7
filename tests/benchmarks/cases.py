"""The two networks that everything is timed with, and the data they see."""

import torch
from torch import nn

STEPS = 20


class Mlp(nn.Module):
    """Three layers of 128 for points in the plane; time is one more input. Counts its calls."""

    def __init__(self):
        super().__init__()
        sizes = [3, 128, 128, 128]
        layers = [layer for a, b in zip(sizes, sizes[1:]) for layer in (nn.Linear(a, b), nn.SiLU())]
        self.body, self.calls = nn.Sequential(*layers, nn.Linear(128, 2)), 0

    def forward(self, x, t):
        self.calls += 1
        return self.body(torch.cat([x, t.to(x.dtype).reshape(-1, 1).expand(len(x), 1)], 1))


class Conv(nn.Module):
    """Two scales for pictures of 28 x 28, 80 thousand weights; time is one more channel. Counts its calls."""

    def __init__(self, width=16):
        super().__init__()
        self.first, self.down = block(2, width), block(width, 2 * width, stride=2)
        self.middle = nn.Sequential(block(2 * width, 2 * width), block(2 * width, 2 * width))
        self.up, self.last, self.calls = block(3 * width, width), nn.Conv2d(width, 1, 3, padding=1), 0

    def forward(self, x, t):
        self.calls += 1
        time = t.to(x.dtype).reshape(-1, 1, 1, 1).expand(len(x), 1, *x.shape[2:])
        fine = self.first(torch.cat([x, time], 1))
        coarse = nn.functional.interpolate(self.middle(self.down(fine)), scale_factor=2.0)
        return self.last(self.up(torch.cat([fine, coarse], 1)))


def block(before, after, stride=1):
    """Convolution, normalisation, activation."""
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, 1), nn.GroupNorm(8, after), nn.SiLU())


# name -> (network, shape of a batch, how often a measurement is repeated, in words)
CASES = {
    "mlp": (Mlp, (512, 2), 21, "MLP 3 x 128, batch of 512 points"),
    "conv": (Conv, (8, 1, 28, 28), 7, "small convolutional network, batch of 8 pictures of 28 x 28"),
}


def make(case):
    """A network and a batch of standard normal numbers, the same each time."""
    torch.manual_seed(0)
    kind, shape, _, _ = CASES[case]
    return kind(), torch.randn(shape)
