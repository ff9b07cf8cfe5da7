"""Published files: where they are looked for, how they are fetched, and how they are known.

A file is known by the SHA-256 of its plain content, because archives differ from one publisher to
the next. Nothing is downloaded without a printed line, and no half-written file is left behind.
"""

import gzip
import hashlib
import os
import tarfile
import zlib
from pathlib import Path

import numpy as np

CURE = "delete it and fetch it again, or point MINIDIFF_DATA to a folder with the published files"


class DataError(ValueError):
    """A data file is missing, truncated or altered: which, what was expected, what to do."""


def find(names, folder=None, inside=(), system=None):
    """The first file called one of ``names``, or None.

    Looked for in ``folder`` (None: the one named by the environment variable MINIDIFF_DATA), in its
    sub-folders ``inside``, and at last in the folder ``system`` of a Linux package.
    """
    given = folder if folder is not None else os.environ.get("MINIDIFF_DATA")
    places = [Path(given), *(Path(given) / name for name in inside)] if given else []
    places += [system] if system else []
    found = (place / name for place in places for name in names)
    return next((path for path in found if path.is_file()), None)


def fetch(url, sha256, note, instead):
    """Download ``url`` into the user's cache, once, and return its path: pooch does the work.

    ``sha256`` is that of the published archive, ``note`` is printed beside the address, ``instead``
    says in the message of a failure what else to do. Raises DataError.
    """
    try:
        import pooch
    except ImportError as error:
        raise DataError(
            f"{url} is not on this machine and pooch, which would fetch it, is not installed; "
            f"run: pip install pooch, or {instead}"
        ) from error
    target = pooch.os_cache("minidiff") / url.rsplit("/", 1)[1]
    if not target.is_file():
        print(f"fetching {url}\n  to {target} (once; {note})", flush=True)
    try:  # pooch writes to a temporary file, checks the hash and moves it into place
        pooch.retrieve(url, known_hash=f"sha256:{sha256}", fname=target.name, path=target.parent)
    except Exception as error:
        raise DataError(f"{url} could not be fetched ({type(error).__name__}: {error}); "
                        f"check the network, or {instead}") from error
    return target


def read(path, name, sha256):
    """The plain content of the published file ``name``, as bytes, its SHA-256 checked.

    ``path`` is that file itself, the same gzipped, or a tar archive that holds it. Raises DataError
    with the path, what was expected and what to do.
    """
    try:
        raw = _content(path, name)
    except (OSError, EOFError, KeyError, zlib.error, tarfile.TarError) as error:
        raise DataError(f"{path} cannot be read ({type(error).__name__}: {error}); "
                        f"expected the published file {name}; {CURE}") from error
    found = hashlib.sha256(raw).hexdigest()
    if found != sha256:
        raise DataError(
            f"{path} is not the published file: the content of {name} has {len(raw)} bytes and "
            f"SHA-256 {found[:12]}..., expected {sha256[:12]}...; {CURE}"
        )
    return raw


def _content(path, name):
    if path.name.endswith(".tar.gz"):  # read in place: nothing unpacked, nothing half-unpacked
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                if Path(member.name).name == name:
                    return archive.extractfile(member).read()
            raise KeyError(f"no {name} inside")
    raw = path.read_bytes()
    return gzip.decompress(raw) if path.suffix == ".gz" else raw


def read_npz(path, sha256):
    """The arrays of an npz file that ships with minidiff; ``sha256`` maps each name to its hash."""
    cure = "reinstall minidiff, or restore the file from its repository"
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in sha256}
    except FileNotFoundError:
        raise DataError(f"{path} is missing; it ships with minidiff: {cure}") from None
    except Exception as error:  # a broken zip: BadZipFile, zlib.error, EOFError, KeyError
        raise DataError(
            f"{path} cannot be read ({type(error).__name__}: {error}); expected an npz file "
            f"with the arrays {sorted(sha256)}; {cure}"
        ) from error
    check_arrays(path, arrays, sha256, cure)
    return arrays


def check_arrays(where, arrays, sha256, cure):
    """Raise DataError unless the bytes of every array (C order) have the expected SHA-256."""
    for name, expected in sha256.items():
        found = hashlib.sha256(np.ascontiguousarray(arrays[name])).hexdigest()
        if found != expected:
            raise DataError(
                f"{where}: the array {name!r} is not the expected one (SHA-256 {found[:12]}..., "
                f"expected {expected[:12]}...); {cure}"
            )
