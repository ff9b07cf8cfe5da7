"""Real images: digits 8x8 (scikit-learn), Fashion-MNIST 16x16 (shipped) and 28x28 (fetched).

Licences and sources are in ``PROVENANCE.md`` beside this file. Nothing is downloaded without a
printed line that says so, and no half-written file is left behind.
"""

import gzip
import hashlib
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import torch

from ..checks import check_choice

HERE = Path(__file__).parent
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
FASHION_URL = "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"

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


class DataError(ValueError):
    """A data file is missing, truncated or altered: which, what was expected, what to do."""


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
    _check_arrays("the digits inside scikit-learn", arrays, DIGITS_SHA256, "reinstall scikit-learn")
    test = torch.arange(len(arrays["labels"])) % 5 == 0
    return _select(arrays, test, split, white=16)


def fashion16(split="all"):
    """Fashion-MNIST shrunk to 16x16, shipped: images (n, 1, 16, 16) in [-1, 1], labels (n,).

    ``split`` is "all" (6000, 600 of each class), "train" (the first 5000) or "test" (the last
    1000). Made from the published training set: zero padding to 32x32, then 2x2 averages. Licence
    MIT; see PROVENANCE.md. Raises ValueError for another split, DataError when the file is missing,
    truncated or altered.
    """
    arrays = _read_npz(HERE / "fashion_mnist_16px_6000.npz", FASHION16_SHA256)
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
    check_choice("split", split, ("train", "test"))
    prefix = "train" if split == "train" else "t10k"
    images = _idx(f"{prefix}-images-idx3-ubyte", folder)
    labels = _idx(f"{prefix}-labels-idx1-ubyte", folder)
    return _to_float(images, white=255), torch.from_numpy(labels.astype(np.int64))


def _select(arrays, test, split, white):
    check_choice("split", split, ("all", "train", "test"))
    images = _to_float(arrays["images"], white)
    labels = torch.from_numpy(arrays["labels"].astype(np.int64))
    if split == "all":
        return images, labels
    keep = test if split == "test" else ~test
    return images[keep], labels[keep]


def _to_float(images, white):
    pixels = torch.from_numpy(images.astype(np.float32))
    return pixels.div_(white / 2).sub_(1).unsqueeze(1)  # (n, 1, h, w)


def _digest(array):
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()


def _check_arrays(where, arrays, expected, cure):
    for name, sha256 in expected.items():
        found = _digest(arrays[name])
        if found != sha256:
            raise DataError(
                f"{where}: the array {name!r} is not the expected one (SHA-256 {found[:12]}..., "
                f"expected {sha256[:12]}...); {cure}"
            )


def _read_npz(path, expected):
    cure = "reinstall minidiff, or restore the file from its repository"
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in expected}
    except FileNotFoundError:
        raise DataError(f"{path} is missing; it ships with minidiff: {cure}") from None
    except Exception as error:  # a broken zip: BadZipFile, zlib.error, EOFError, KeyError
        raise DataError(
            f"{path} cannot be read ({type(error).__name__}: {error}); expected an npz file "
            f"with the arrays {sorted(expected)}; {cure}"
        ) from error
    _check_arrays(path, arrays, expected, cure)
    return arrays


def _idx(name, folder):
    """The array in a raw or gzipped IDX file, its raw SHA-256 checked."""
    path = _find(name, folder)
    cure = ("delete it and fetch it again, or point MINIDIFF_DATA to a folder "
            "with the published files")
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path} cannot be read ({type(error).__name__}: {error}); expected the Fashion-MNIST "
            f"file {name}; {cure}"
        ) from error
    found, expected = hashlib.sha256(raw).hexdigest(), FASHION28_SHA256[name][1]
    if found != expected:
        raise DataError(
            f"{path} is not the published file: its content has {len(raw)} bytes and SHA-256 "
            f"{found[:12]}..., expected {expected[:12]}...; {cure}"
        )
    # IDX header: two zero bytes, type, number of dimensions, then each size, big-endian uint32.
    dims = raw[3]
    shape = struct.unpack(f">{dims}I", raw[4 : 4 + 4 * dims])
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * dims).reshape(shape)


def _find(name, folder):
    given = folder if folder is not None else os.environ.get("MINIDIFF_DATA")
    places = [Path(given), Path(given) / "fashion-mnist"] if given else []
    for place in [*places, DEBIAN]:
        for candidate in (place / name, place / f"{name}.gz"):
            if candidate.is_file():
                return candidate
    if folder is not None:
        raise DataError(
            f"no {name} or {name}.gz in {folder}; put the four files of Fashion-MNIST there, "
            "or leave folder out to have them fetched"
        )
    return _download(name)


def _download(name):
    try:
        import pooch
    except ImportError as error:
        raise DataError(
            f"{name} is not on this machine and pooch, which would fetch it, is not installed; "
            "run: pip install pooch, or set MINIDIFF_DATA to a folder with the files"
        ) from error
    url, target = f"{FASHION_URL}{name}.gz", pooch.os_cache("minidiff") / f"{name}.gz"
    if not target.is_file():
        print(f"fetching {url}\n  to {target} (once; MIT licence, Zalando SE)", flush=True)
    try:  # pooch writes to a temporary file, checks the hash and moves it into place
        known = f"sha256:{FASHION28_SHA256[name][0]}"
        pooch.retrieve(url, known_hash=known, fname=target.name, path=target.parent)
    except Exception as error:
        raise DataError(
            f"{url} could not be fetched ({type(error).__name__}: {error}); check the network, "
            "install Debian's package dataset-fashion-mnist, "
            "or set MINIDIFF_DATA to a folder with the files"
        ) from error
    return target
