"""A small classifier; its penultimate layer gives the features that measure generated images."""

from torch import nn
from torch.nn.functional import silu


class Classifier(nn.Module):
    """Images (B, 1, H, W), sides from 8 on, -> logits (B, classes); ``features`` -> (B, 64)."""

    def __init__(self, classes=10, width=32, features=64):
        super().__init__()
        twice = 2 * width
        self.conv1, self.norm1 = nn.Conv2d(1, width, 3, padding=1), nn.GroupNorm(4, width)
        self.conv2, self.norm2 = nn.Conv2d(width, twice, 3, padding=1), nn.GroupNorm(4, twice)
        self.conv3, self.norm3 = nn.Conv2d(twice, twice, 3, padding=1), nn.GroupNorm(4, twice)
        self.pool, self.grid = nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(2)
        self.hidden, self.out = nn.Linear(8 * width, features), nn.Linear(features, classes)

    def features(self, images):
        """The penultimate layer, (B, features)."""
        h = self.pool(silu(self.norm1(self.conv1(images))))
        h = self.pool(silu(self.norm2(self.conv2(h))))
        h = self.grid(silu(self.norm3(self.conv3(h))))
        return silu(self.hidden(h.flatten(1)))

    def forward(self, images):
        return self.out(self.features(images))
