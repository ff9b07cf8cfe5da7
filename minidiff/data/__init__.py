"""Data sets: 2-D toys made by code, small real images that ship along, larger ones fetched.

Every loader of images returns ``(images, labels)``: images float32 in [-1, 1], shape (n, channels,
height, width), labels int64, shape (n,). The split into train and test is fixed. Content is checked
by SHA-256 after loading.
"""

from .images import DataError, digits, fashion16, fashion28
from .toys import checkerboard, circles, pinwheel, ring, swiss_roll, two_moons

__all__ = [
    "DataError",
    "checkerboard",
    "circles",
    "digits",
    "fashion16",
    "fashion28",
    "pinwheel",
    "ring",
    "swiss_roll",
    "two_moons",
]
