"""A small classifier; its penultimate layer gives the features that measure generated images."""

from torch import nn
from torch.nn.functional import silu

from ..checks import check_count


class Classifier(nn.Module):
    """Images (B, channels, H, W), sides from 8 on, -> logits (B, classes).

    ``features`` gives the penultimate layer, (B, features). ``width`` is a multiple of 4.
    """

    def __init__(self, channels=1, classes=10, width=32, features=64):
        super().__init__()
        if check_count("width", width) % 4:
            raise ValueError(f"width must be a multiple of 4, got {width}")
        channels, twice = check_count("channels", channels), 2 * width
        self.conv1, self.norm1 = nn.Conv2d(channels, width, 3, padding=1), nn.GroupNorm(4, width)
        self.conv2, self.norm2 = nn.Conv2d(width, twice, 3, padding=1), nn.GroupNorm(4, twice)
        self.conv3, self.norm3 = nn.Conv2d(twice, twice, 3, padding=1), nn.GroupNorm(4, twice)
        self.pool, self.grid = nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(2)
        self.hidden = nn.Linear(8 * width, check_count("features", features))
        self.out = nn.Linear(features, check_count("classes", classes))

    def features(self, images):
        """The penultimate layer, (B, features)."""
        h = self.pool(silu(self.norm1(self.conv1(images))))
        h = self.pool(silu(self.norm2(self.conv2(h))))
        h = self.grid(silu(self.norm3(self.conv3(h))))
        return silu(self.hidden(h.flatten(1)))

    def forward(self, images):
        return self.out(self.features(images))
