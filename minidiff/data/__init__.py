"""Data sets: 2-D toys made by code, small real images that ship along, larger ones fetched.

Every loader of images returns ``(images, labels)``: images float32 in [-1, 1], shape (n, channels,
height, width), labels int64, shape (n,). The split into train and test is fixed. Content is checked
by SHA-256 after loading. ``load(name, split)`` is the same by name.
"""

from ..checks import check_choice
from .files import DataError
from .images import cifar10, digits, fashion16, fashion28, fashion32
from .toys import checkerboard, circles, pinwheel, ring, swiss_roll, two_moons

__all__ = [
    "DataError",
    "checkerboard",
    "cifar10",
    "circles",
    "digits",
    "fashion16",
    "fashion28",
    "fashion32",
    "load",
    "pinwheel",
    "ring",
    "swiss_roll",
    "two_moons",
]

# The names that configurations, classifiers and shipped weights share.
LOADERS = {"digits8": digits, "fashion16": fashion16, "fashion32": fashion32, "cifar10": cifar10}


def load(name, split="train"):
    """(images, labels) of "digits8", "fashion16", "fashion32" or "cifar10"; ValueError if other."""
    return LOADERS[check_choice("name", name, LOADERS)](split)
