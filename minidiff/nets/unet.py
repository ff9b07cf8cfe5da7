"""A small U-Net for images, short enough to read in one sitting.

Shapes: images (B, channels, H, W) with H and W divisible by patch 2^(levels - 1). Each level halves
the picture and doubles the channels; the way up meets the way down again through skip connections.
Time, and the class if there are classes, enter every block as a shift and a scale after the
normalisation. After Ronneberger et al. 2015 (arXiv 1505.04597), Ho et al. 2020 (arXiv 2006.11239)
and, for the class, Dhariwal & Nichol 2021 (arXiv 2105.05233).
"""

import torch
from torch import nn
from torch.nn.functional import (interpolate, pixel_shuffle, pixel_unshuffle,
                                 scaled_dot_product_attention, silu)

from ..checks import check_count, readable, shown
from .mlp import Fourier, spread_time


def norm(channels):
    """Normalise each picture over groups of channels: batch statistics would mix noise levels."""
    return nn.GroupNorm(8, channels)


class Block(nn.Module):
    """Residual block: norm, SiLU, conv; norm, time's scale and shift, SiLU, conv; plus input."""

    def __init__(self, before, after, time):
        super().__init__()
        self.norm1, self.conv1 = norm(before), nn.Conv2d(before, after, 3, padding=1)
        self.norm2, self.conv2 = norm(after), nn.Conv2d(after, after, 3, padding=1)
        self.of_time = nn.Linear(time, 2 * after)
        self.skip = nn.Conv2d(before, after, 1) if before != after else nn.Identity()

    def forward(self, x, time):
        h = self.conv1(silu(self.norm1(x)))
        scale, shift = self.of_time(time)[:, :, None, None].chunk(2, dim=1)
        h = self.conv2(silu(self.norm2(h) * (1 + scale) + shift))
        return self.skip(x) + h


class Attention(nn.Module):
    """Every pixel looks at every other one; only at the coarsest level, where pixels are few."""

    def __init__(self, channels):
        super().__init__()
        self.norm, self.qkv = norm(channels), nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        pixels = self.qkv(self.norm(x)).flatten(2).transpose(1, 2)  # (B, H W, 3 channels)
        q, k, v = pixels.chunk(3, dim=-1)
        seen = scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
        return x + self.out(seen)


class UNet(nn.Module):
    """Network (x, t, labels) -> same shape as x, for images; t: a number, a 0-dim tensor or (B,).

    channels: of the image. width: channels at full resolution. levels: resolutions (2 for 8x8, 2 or
    3 for 16x16). attention: at the coarsest level. classes: 0, or how many; then labels is (B,),
    whole numbers from -1 to classes - 1, and -1 (or no labels) asks for any class. patch: 2 folds
    every 2x2 pixels into one with four times the channels, which makes the net four times faster.
    answers: 2 gives two pictures, (B, 2 channels, H, W), as LearnedVariance asks. The last
    convolution starts at zero, so the untrained output is 0. Raises ValueError when the picture's
    sides cannot be folded and halved levels - 1 times, its channels or labels do not fit.
    """

    def __init__(self, channels=1, width=24, levels=2, attention=True, classes=0, patch=1,
                 answers=1):
        super().__init__()
        channels, width = check_count("channels", channels), check_count("width", width)
        levels, patch = check_count("levels", levels), check_count("patch", patch)
        if width % 8:
            raise ValueError("width must be a multiple of 8 (groups of the normalisation), "
                             f"got {width}")
        self.channels, self.levels, self.patch = channels, levels, patch
        self.classes = check_count("classes", classes, least=0)
        widths, time = [width * 2**level for level in range(levels)], 2 * width
        waves, pixel = Fourier(16, 1.0, 100.0), channels * patch**2
        self.time = nn.Sequential(waves, nn.Linear(33, time), nn.SiLU(), nn.Linear(time, time))
        self.first = nn.Conv2d(pixel, width, 3, padding=1)
        before = [width, *widths[:-1]]
        self.down = nn.ModuleList(Block(a, b, time) for a, b in zip(before, widths))
        self.middle = Block(widths[-1], widths[-1], time)
        self.attention = Attention(widths[-1]) if attention else nn.Identity()
        below = [*widths[1:], widths[-1]]  # channels from the coarser level, or from the middle
        self.up = nn.ModuleList(Block(b + w, w, time) for b, w in zip(below[::-1], widths[::-1]))
        pixels = check_count("answers", answers) * pixel
        self.last = nn.Sequential(norm(width), nn.SiLU(), nn.Conv2d(width, pixels, 3, padding=1))
        nn.init.zeros_(self.last[-1].weight), nn.init.zeros_(self.last[-1].bias)
        if classes:  # row 0 of the table stands for "any class"
            self.label = nn.Embedding(classes + 1, time)

    def forward(self, x, t, labels=None):
        self._check(x, labels)
        time = self.time(spread_time(t, x)[:, None])
        if self.classes:
            row = torch.zeros(len(x), dtype=torch.long, device=x.device)
            time = time + self.label(row if labels is None else labels + 1)
        time = silu(time)
        h, skips = self.first(pixel_unshuffle(x, self.patch)), []
        for i, block in enumerate(self.down):
            h = block(h if i == 0 else nn.functional.avg_pool2d(h, 2), time)
            skips.append(h)
        h = self.attention(self.middle(h, time))
        for i, block in enumerate(self.up):
            h = h if i == 0 else interpolate(h, scale_factor=2.0, mode="nearest")
            h = block(torch.cat([h, skips.pop()], dim=1), time)
        return pixel_shuffle(self.last(h), self.patch)

    def _check(self, x, labels):
        step = self.patch * 2 ** (self.levels - 1)
        if x.ndim != 4 or x.shape[1] != self.channels or x.shape[2] % step or x.shape[3] % step:
            raise ValueError(
                f"this U-Net takes images (B, {self.channels}, H, W) with H and W divisible by "
                f"{step}; got shape {tuple(x.shape)}"
            )
        if labels is None:
            return
        if not self.classes:
            raise ValueError("labels must be None: this U-Net was made without classes")
        whole = isinstance(labels, torch.Tensor) and labels.dtype == torch.int64
        if not whole or labels.shape != x.shape[:1]:
            raise ValueError(f"labels must be whole numbers (int64) of shape ({len(x)},), "
                             f"got {shown(labels)}")
        if readable(labels) and not -1 <= labels.min() <= labels.max() < self.classes:
            raise ValueError(f"labels must be whole numbers from -1 to {self.classes - 1}, "
                             f"got {labels.min()} to {labels.max()}")
