"""Small networks, one file each: (x, t), t continuous time in [0, 1], -> the shape of x."""

from .classifier import Classifier
from .mlp import MLP
from .unet import UNet

__all__ = ["MLP", "Classifier", "UNet"]
