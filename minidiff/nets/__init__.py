"""Small networks, one file each. All take (x, t), t continuous time in [0, 1], and return the shape of x."""

from .classifier import Classifier
from .mlp import MLP
from .unet import UNet

__all__ = ["MLP", "Classifier", "UNet"]
