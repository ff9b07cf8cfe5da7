"""Data: shapes, ranges, fixed splits, hashes, and what is said about a missing, truncated or altered file."""

import gzip
import hashlib
import sys

import numpy as np
import pytest
import torch

from minidiff import data
from minidiff.data import DataError, images

TOYS = [data.swiss_roll, data.two_moons, data.ring, data.checkerboard, data.circles, data.pinwheel]


@pytest.mark.parametrize("toy", TOYS, ids=lambda f: f.__name__)
def test_toys_are_reproducible_points_of_unit_size(toy):
    a = toy(2000, generator=torch.Generator().manual_seed(3))
    b = toy(2000, generator=torch.Generator().manual_seed(3))
    assert a.shape == (2000, 2) and a.dtype == torch.float32 and torch.equal(a, b)
    assert not torch.equal(a, toy(2000, generator=torch.Generator().manual_seed(4)))
    assert a.mean(0).abs().max() < 0.4 and 0.4 < a.std() < 1.3 and a.abs().max() < 3


@pytest.mark.parametrize("toy", TOYS, ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    "count, kind", [(0, ValueError), (-1, ValueError), (2.5, ValueError), (True, TypeError), ("9", TypeError)]
)
def test_toys_refuse_a_wrong_count(toy, count, kind):
    with pytest.raises(kind, match="n must be a whole number"):
        toy(count)


def test_toys_refuse_wrong_knobs():
    with pytest.raises(ValueError, match="noise"):
        data.two_moons(5, noise=-1)
    with pytest.raises(ValueError, match="modes"):
        data.ring(5, modes=0)
    with pytest.raises(ValueError, match="cells"):
        data.checkerboard(5, cells=3)


def test_ring_has_the_moments_of_its_mixture():
    x = data.ring(40_000, modes=8, radius=1.3, std=0.15, generator=torch.Generator().manual_seed(0)).double()
    assert abs(x.square().sum(1).mean().item() - (1.3**2 + 2 * 0.15**2)) < 0.02
    nearest = (torch.atan2(x[:, 1], x[:, 0]) / (2 * torch.pi / 8)).round().long() % 8
    assert nearest.bincount(minlength=8).min() > 4500


def test_checkerboard_fills_only_the_dark_squares():
    x = data.checkerboard(5000, cells=4, half_width=1.5, generator=torch.Generator().manual_seed(0))
    cell = ((x / 3 + 0.5) * 4).floor().long()
    assert ((cell.sum(1) % 2) == 0).all() and x.abs().max() <= 1.5


def test_digits():
    everything, labels = data.digits()
    assert (
        everything.shape == (1797, 1, 8, 8)
        and everything.dtype == torch.float32
        and labels.dtype == torch.int64
    )
    assert everything.min() == -1 and everything.max() == 1 and labels.unique().tolist() == list(range(10))
    train, test = data.digits("train"), data.digits("test")
    assert len(train[0]) == 1437 and len(test[0]) == 360
    assert torch.equal(test[0], everything[::5]) and torch.equal(test[1], labels[::5])
    assert torch.equal(torch.cat([train[1], test[1]]).bincount(), labels.bincount())


def test_fashion16():
    everything, labels = data.fashion16()
    assert everything.shape == (6000, 1, 16, 16) and labels.bincount().tolist() == [600] * 10
    assert everything.min() == -1 and everything.max() == 1
    assert torch.equal(data.fashion16("train")[0], everything[:5000]) and torch.equal(
        data.fashion16("test")[1], labels[5000:]
    )


@pytest.mark.parametrize("load", [data.digits, data.fashion16, data.fashion28])
def test_unknown_split(load):
    with pytest.raises(ValueError, match="split must be one of"):
        load("validation")


def test_digits_need_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(DataError, match="pip install scikit-learn"):
        data.digits()


def test_another_copy_of_the_digits_is_noticed(monkeypatch):
    monkeypatch.setitem(images.DIGITS_SHA256, "images", "0" * 64)
    with pytest.raises(DataError, match="'images' is not the expected one"):
        data.digits()


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A copy of the shipped extract that a test may spoil."""
    copy = tmp_path / "fashion_mnist_16px_6000.npz"
    copy.write_bytes((images.HERE / copy.name).read_bytes())
    monkeypatch.setattr(images, "HERE", tmp_path)
    return copy


def test_missing_extract(shipped):
    shipped.unlink()
    with pytest.raises(DataError, match=r"fashion_mnist_16px_6000\.npz is missing.*reinstall"):
        data.fashion16()


def test_truncated_extract(shipped):
    shipped.write_bytes(shipped.read_bytes()[:-5000])
    with pytest.raises(DataError, match=r"fashion_mnist_16px_6000\.npz cannot be read"):
        data.fashion16()


def test_flipped_byte_in_extract(shipped):
    raw = bytearray(shipped.read_bytes())
    raw[len(raw) // 2] ^= 1
    shipped.write_bytes(raw)
    with pytest.raises(DataError, match=r"fashion_mnist_16px_6000\.npz"):
        data.fashion16()


def test_altered_array_in_extract(shipped):
    with np.load(shipped) as stored:
        arrays = dict(stored)
    arrays["images"] = arrays["images"].copy()
    arrays["images"][0, 0, 0] ^= 1
    np.savez(shipped, **arrays)
    with pytest.raises(DataError, match="'images' is not the expected one"):
        data.fashion16()


def test_extract_without_an_array_or_with_pickle(shipped):
    np.savez(shipped, images=np.zeros(3))
    with pytest.raises(DataError, match="cannot be read"):
        data.fashion16()
    np.savez(shipped, images=np.array([{}], dtype=object), labels=np.zeros(3))
    with pytest.raises(DataError, match="cannot be read"):
        data.fashion16()


# Fashion-MNIST 28x28: the same code on a tiny stand-in whose hashes replace the published ones.


def idx(array):
    return (
        bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()
    )


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Four small files in the published format, in a world without Debian package, cache or network."""
    pictures = np.arange(3 * 28 * 28, dtype=np.uint8).reshape(3, 28, 28)
    content = {
        name: idx(pictures if "images" in name else np.array([2, 0, 9], np.uint8))
        for name in images.FASHION28_SHA256
    }
    packed = {name: gzip.compress(raw) for name, raw in content.items()}
    hashes = {
        name: (hashlib.sha256(packed[name]).hexdigest(), hashlib.sha256(content[name]).hexdigest())
        for name in content
    }
    monkeypatch.setattr(images, "FASHION28_SHA256", hashes)
    monkeypatch.setattr(images, "DEBIAN", tmp_path / "debian")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MINIDIFF_DATA", raising=False)
    store = tmp_path / "store"
    store.mkdir()
    for name in content:
        (store / f"{name}.gz").write_bytes(packed[name])
    return store


def test_fashion28_from_a_folder(published):
    pictures, labels = data.fashion28("train", folder=published)
    assert (
        pictures.shape == (3, 1, 28, 28) and pictures.dtype == torch.float32 and labels.tolist() == [2, 0, 9]
    )
    assert pictures[0, 0, 0, 0] == -1 and pictures[0, 0, 9, 3] == 1  # pixel 255


def test_fashion28_raw_files_and_subfolder_of_the_environment(published, monkeypatch, tmp_path):
    inner = tmp_path / "data" / "fashion-mnist"
    inner.mkdir(parents=True)
    for packed in published.glob("*.gz"):
        (inner / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    monkeypatch.setenv("MINIDIFF_DATA", str(tmp_path / "data"))
    assert data.fashion28("test")[1].tolist() == [2, 0, 9]


def test_fashion28_debian(published, monkeypatch):
    monkeypatch.setattr(images, "DEBIAN", published)
    assert data.fashion28("test")[1].tolist() == [2, 0, 9]


def test_fashion28_folder_without_files(published, tmp_path):
    with pytest.raises(DataError, match="no train-images-idx3-ubyte"):
        data.fashion28("train", folder=tmp_path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw[:-9],
        lambda raw: b"",
        lambda raw: gzip.compress(gzip.decompress(raw)[:-1]),
        lambda raw: b"<html>not found</html>",
    ],
    ids=["truncated", "empty", "short", "a web page"],
)
def test_fashion28_bad_file_is_named(published, spoil):
    bad = published / "train-labels-idx1-ubyte.gz"
    bad.write_bytes(spoil(bad.read_bytes()))
    with pytest.raises(
        DataError, match=r"train-labels-idx1-ubyte\.gz (cannot be read|is not the published file)"
    ):
        data.fashion28("train", folder=published)


def test_fashion28_download_says_so_and_is_checked(published, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(images, "FASHION_URL", published.as_uri() + "/")

    def retrieve(url, known_hash, fname, path):
        """What pooch does, for file:// addresses."""
        from pathlib import Path

        raw = Path(url.removeprefix("file://")).read_bytes()
        if f"sha256:{hashlib.sha256(raw).hexdigest()}" != known_hash:
            raise ValueError("SHA256 hash of downloaded file does not match the known hash")
        Path(path).mkdir(parents=True, exist_ok=True)
        (Path(path) / fname).write_bytes(raw)

    monkeypatch.setattr("pooch.retrieve", retrieve)
    assert data.fashion28("train")[1].tolist() == [2, 0, 9]
    assert "fetching" in capsys.readouterr().out
    data.fashion28("train")
    assert "fetching" not in capsys.readouterr().out  # the second time the files are there
    (published / "t10k-images-idx3-ubyte.gz").write_bytes(b"altered on the way")
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte.gz could not be fetched.*MINIDIFF_DATA"):
        data.fashion28("test")
    assert not list((tmp_path / "cache").rglob("t10k*"))


def test_fashion28_without_network_leaves_nothing_behind(published, monkeypatch, tmp_path):
    monkeypatch.setattr(images, "FASHION_URL", "http://127.0.0.1:9/")
    with pytest.raises(DataError, match="could not be fetched"):
        data.fashion28("train")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_fashion28_without_pooch(published, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(DataError, match="pip install pooch"):
        data.fashion28("train")


def test_licence_and_provenance_ship_with_the_data():
    text = (images.HERE / "PROVENANCE.md").read_text() if (images.HERE / "PROVENANCE.md").exists() else ""
    assert "Zalando SE" in text and "MIT License" in text
    for sha256 in [*images.DIGITS_SHA256.values(), *images.FASHION16_SHA256.values()]:
        assert sha256 in text
