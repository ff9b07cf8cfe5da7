"""Metrics against closed forms."""

import hashlib
import itertools
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy import stats

from minidiff import data, losses, metrics
from minidiff.data import files


def normal(n, *shape, seed=0, mean=0.0, std=1.0):
    return mean + std * torch.randn(
        n, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )


@pytest.mark.parametrize("order", [1, 2, 3.5])
def test_wasserstein_of_a_shift_and_a_scale(order):
    x = normal(5000)
    assert metrics.wasserstein_1d(x, x + 0.7, order) == pytest.approx(0.7)
    assert metrics.wasserstein_1d(x, x.flip(0), order) == 0
    scaled = (0.5 * x).abs().pow(order).mean().pow(1 / order).item()
    assert metrics.wasserstein_1d(x, 1.5 * x, order) == pytest.approx(scaled)


def test_wasserstein_with_unequal_counts_agrees_with_scipy():
    a, b = normal(101), normal(257, seed=1, mean=0.3, std=2)
    assert metrics.wasserstein_1d(a, b) == pytest.approx(stats.wasserstein_distance(a.numpy(), b.numpy()))
    assert metrics.wasserstein_1d(b, a) == pytest.approx(metrics.wasserstein_1d(a, b))
    doubled = torch.cat([a, a])
    assert metrics.wasserstein_1d(a, doubled, 2) == pytest.approx(0, abs=1e-12)


def test_wasserstein_to_quantiles_is_the_closed_form_of_two_gaussians():
    """W_2^2 = (m1 - m2)^2 + (s1 - s2)^2 on the line, with samples at exact quantiles."""
    levels = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    x = 1 + 2 * torch.special.ndtri(levels)
    assert metrics.wasserstein_1d(x, torch.special.ndtri, 2) == pytest.approx(math.sqrt(2), rel=1e-3)
    assert metrics.wasserstein_1d(x[:, None], lambda u: 1 + 2 * torch.special.ndtri(u)) < 1e-12
    assert metrics.wasserstein_1d(x.float(), lambda u: stats.norm.ppf(u.numpy())) == pytest.approx(
        1.1666, abs=1e-3
    )  # E|1 + z|


def test_sliced_wasserstein_of_a_shift():
    """Along a line of angle a, a shift d is seen as d cos a; E|cos| = 2/pi in the plane, E cos^2 = 1/d."""
    x, shift = normal(200, 2), torch.tensor([3.0, 4.0], dtype=torch.float64)
    assert metrics.sliced_wasserstein(x, x + shift, 20_000) == pytest.approx(5 * 2 / math.pi, rel=0.02)
    assert metrics.sliced_wasserstein(x, x + shift, 20_000, order=2) == pytest.approx(
        5 / math.sqrt(2), rel=0.02
    )


def test_sliced_wasserstein_is_reproducible_symmetric_and_takes_any_shape():
    a, b = normal(60, 1, 4, 4).float(), normal(90, 1, 4, 4, seed=1).float()
    value = metrics.sliced_wasserstein(a, b)
    assert value == metrics.sliced_wasserstein(a, b) == pytest.approx(metrics.sliced_wasserstein(b, a))
    assert value != metrics.sliced_wasserstein(a, b, generator=torch.Generator().manual_seed(8))
    assert metrics.sliced_wasserstein(a, a) == 0


def test_energy_distance_closed_form_on_the_line():
    """Two normals of unit variance a distance m apart: 2 E|m + sqrt(2) z| - 4/sqrt(pi)."""
    m = 1.5
    exact = 2 * (m * math.erf(m / 2) + 2 / math.sqrt(math.pi) * math.exp(-(m**2) / 4)) - 4 / math.sqrt(
        math.pi
    )
    assert metrics.energy_distance(normal(4000, 1), normal(5000, 1, seed=1, mean=m)) == pytest.approx(
        exact, rel=0.05
    )


def test_energy_distance_is_unbiased_and_blocks_do_not_matter():
    values = [
        metrics.energy_distance(normal(20, 3, seed=s), normal(30, 3, seed=1000 + s)) for s in range(300)
    ]
    assert abs(np.mean(values)) < 4 * np.std(values) / math.sqrt(300) and min(values) < 0
    a, b = normal(500, 2), normal(300, 2, seed=1)
    assert losses.kernel_distance(a, b, block=7).item() == pytest.approx(metrics.energy_distance(a, b))


def test_frechet_distance_closed_form():
    """Commuting covariances: |m1 - m2|^2 + sum (s1 - s2)^2, exact for whitened samples."""
    x = normal(500, 3)
    x = x - x.mean(0)
    x = x @ torch.linalg.inv(torch.linalg.cholesky(x.T @ x / 499).T)  # sample covariance exactly I
    turn = torch.linalg.qr(normal(3, 3, seed=2))[0]
    a, b = (
        x @ torch.diag(torch.tensor([1.0, 2, 3]).double()) @ turn,
        x.flip(0) @ torch.diag(torch.tensor([2.0, 2, 5]).double()) @ turn + 1.5,
    )
    assert metrics.frechet_distance(a, b) == pytest.approx(3 * 1.5**2 + 1 + 4)
    assert metrics.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert metrics.frechet_distance(a, b) == pytest.approx(metrics.frechet_distance(b, a))


def test_frechet_distance_of_correlated_covariances_agrees_with_the_matrix_root():
    from scipy.linalg import sqrtm

    a, b = normal(400, 4) @ normal(4, 4, seed=3), normal(300, 4, seed=1) @ normal(4, 4, seed=4) + 0.2
    covariance_a, covariance_b = (torch.cov(x.T).numpy() for x in (a, b))
    expected = (a.mean(0) - b.mean(0)).square().sum().item() + np.trace(
        covariance_a + covariance_b - 2 * sqrtm(covariance_a @ covariance_b).real
    )
    assert metrics.frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_with_fewer_samples_than_features():
    a, b = normal(10, 40), normal(12, 40, seed=1)
    root = metrics._trace_root(torch.cov(a.T), torch.cov(b.T)).item()
    expected = (
        (a.mean(0) - b.mean(0)).square().sum().item()
        + torch.cov(a.T).trace().item()
        + torch.cov(b.T).trace().item()
        - 2 * root
    )
    assert metrics.frechet_distance(a, b) == pytest.approx(expected, rel=1e-4)


def test_ks_distance_agrees_with_scipy():
    x = normal(300, mean=0.2)
    assert metrics.ks_distance(x, torch.special.ndtr) == pytest.approx(
        stats.kstest(x.numpy(), stats.norm.cdf).statistic
    )


def test_gaussian_baseline_has_the_data_s_moments():
    images = data.digits()[0]
    draws = metrics.gaussian_baseline(images, 20_000, torch.Generator().manual_seed(0))
    assert draws.shape == (20_000, 1, 8, 8) and draws.dtype == torch.float32
    torch.testing.assert_close(draws.mean(0), images.mean(0), atol=0.03, rtol=0)
    torch.testing.assert_close(
        torch.cov(draws.flatten(1).T), torch.cov(images.flatten(1).T), atol=0.03, rtol=0
    )


@pytest.mark.parametrize("name, least", [("digits8", 0.98), ("fashion16", 0.83)])
def test_shipped_classifiers_know_images_they_never_saw(name, least):
    images, labels = data.load(name, "test")
    net = metrics.classifier(name)
    assert metrics.recognised(images, labels, name) >= least and not net.training
    assert (net(images).argmax(1) == labels).double().mean() == metrics.recognised(images, labels, name)
    assert metrics.features(images[:5], name).shape == (5, 64)


@pytest.mark.parametrize("name, least", [("fashion32", 0.88), ("cifar10", 0.66)])
def test_classifiers_of_the_larger_sets(name, least):
    """On the real images where they are at hand; nothing is fetched for a test."""
    first = {"fashion32": "t10k-images-idx3-ubyte", "cifar10": "test_batch.bin"}[name]
    here = files.find([first, f"{first}.gz", "cifar-10-binary.tar.gz"], None,
                      ["fashion-mnist", "cifar-10", "cifar-10-batches-bin"], data.images.DEBIAN)
    if here is None:
        pytest.skip(f"{name} is not on this machine: set MINIDIFF_DATA, or install dataset-fashion-mnist")
    images, labels = data.load(name, "test")
    assert metrics.recognised(images, labels, name) >= least
    floor = metrics.image_floor(name, 1000)
    assert floor < 0.2 * metrics.image_distance(
        metrics.gaussian_baseline(images[:2000], 1000, torch.Generator().manual_seed(0)), images[:1000], name
    )


@pytest.mark.parametrize("name", metrics.SHAPES)
def test_every_data_set_has_a_small_classifier(name):
    assert list(metrics.SHAPES) == list(data.LOADERS) == list(metrics.STEPS)
    path = metrics.WEIGHTS / f"classifier_{name}.safetensors"
    assert path.stat().st_size <= 200_000 and path.name in (metrics.WEIGHTS / "PROVENANCE.md").read_text()
    images = torch.zeros(2, *metrics.SHAPES[name])
    assert metrics.classifier(name)(images).shape == (2, 10)
    assert metrics.features(images, name).shape == (2, 64)


# Claims stored in the book rest on these two: SHA-256 of the float16 tensors, in the order of their names.
@pytest.mark.parametrize("name, sha256", [
    ("digits8", "8eda2e7862d299f3f02e514678cafa584746e3e11874c9f114054b790cef86e2"),
    ("fashion16", "1bb3e9435ed24cd1acc770d15be027f85d8435e8e636121463e0f13d26be77f6"),
])
def test_the_first_two_classifiers_are_the_same_numbers_for_ever(name, sha256):
    tensors = load_file(metrics.WEIGHTS / f"classifier_{name}.safetensors")
    digest = hashlib.sha256()
    for key in sorted(tensors):
        digest.update(tensors[key].numpy().tobytes())
    assert digest.hexdigest() == sha256


def test_image_distance_orders_data_blur_and_noise():
    (train, _), (test, _) = data.digits("train"), data.digits("test")
    floor = metrics.image_distance(train, test)
    gaussian = metrics.image_distance(
        metrics.gaussian_baseline(train, 360, torch.Generator().manual_seed(0)), test
    )
    noise = metrics.image_distance(
        torch.randn(360, 1, 8, 8, generator=torch.Generator().manual_seed(0)), test
    )
    assert floor < 0.5 * gaussian < gaussian < noise


def test_image_floor_is_the_mean_distance_of_real_images_at_equal_count():
    (train, _), (test, _) = data.digits("train"), data.digits("test")
    assert metrics.image_floor("digits8", 200) == metrics.image_floor("digits8", 200)
    # a bootstrap of the same mean, from other picks
    pick, values = torch.Generator().manual_seed(7), []
    for _ in range(40):
        a, b = (x[torch.randperm(len(x), generator=pick)[:200]] for x in (train, test))
        values.append(metrics.image_distance(a, b))
    mean, error = np.mean(values), np.std(values) / math.sqrt(10)
    floor = metrics.image_floor("digits8", 200, picks=10)
    assert abs(floor - mean) < 4 * error < 0.5 * mean
    everything = metrics.image_floor()
    assert everything == metrics.image_floor("digits8", 360) < 0.8 * metrics.image_floor("digits8", 120)


def test_more_picks_make_a_steadier_floor():
    def spread(picks):
        values = [metrics.image_floor("digits8", 120, picks, torch.Generator().manual_seed(s)) for s in range(8)]
        return np.std(values)

    assert spread(8) < 0.7 * spread(1)


def test_recognised_counts_the_images_of_the_asked_class():
    images, labels = data.digits("test")
    right = metrics.classifier("digits8")(images).argmax(1) == labels
    images, labels = images[right], labels[right]
    assert metrics.recognised(images, labels) == 1
    asked = labels.clone()
    asked[: len(asked) // 4] = (asked[: len(asked) // 4] + 1) % 10
    assert metrics.recognised(images, asked) == pytest.approx(1 - (len(asked) // 4) / len(asked))
    assert metrics.recognised(images * 9, labels) == metrics.recognised((images * 9).clamp(-1, 1), labels)


def test_features_clip_and_leave_no_gradient():
    image = data.digits()[0][:2]
    assert torch.equal(metrics.features(image.double()), metrics.features(image))
    assert torch.equal(metrics.features(image * 0 + 5), metrics.features(image * 0 + 1))
    assert not metrics.features(image).requires_grad


def test_features_come_in_parts_of_bounded_size():
    images, seen = data.digits()[0][:1201], []
    net = metrics.classifier("digits8", images.device)
    handle = net.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])))
    try:
        metrics.recognised(images, torch.zeros(1201, dtype=torch.int64))
    finally:
        handle.remove()
    assert seen == [500, 500, 201]
    torch.testing.assert_close(metrics.features(images), net.features(images))


@pytest.mark.gpu
def test_features_are_computed_where_the_images_are():
    images, labels = data.digits("test")
    on_gpu = metrics.features(images.cuda())
    assert on_gpu.is_cuda and metrics.features(images).device.type == "cpu"
    torch.testing.assert_close(on_gpu.cpu(), metrics.features(images), atol=0.02, rtol=0.02)  # TF32
    assert metrics.recognised(images.cuda(), labels) == pytest.approx(metrics.recognised(images, labels), abs=0.01)
    assert metrics.image_distance(images.cuda(), images) < 1e-3


def test_the_device_of_the_images_is_asked_of_the_classifier(monkeypatch):
    """Without a GPU: the meta device stands for one."""
    real, asked = metrics.classifier, []
    monkeypatch.setattr(metrics, "classifier", lambda name, device: asked.append(device) or real(name, device))
    images = torch.zeros(2, 1, 8, 8)
    metrics.features(images), metrics.recognised(images, torch.zeros(2, dtype=torch.int64))
    assert asked == [torch.device("cpu")] * 2
    assert {p.device.type for p in real("digits8", torch.device("meta")).parameters()} == {"meta"}
    assert {p.device.type for p in real("digits8").parameters()} == {"cpu"}  # the other copy stays


def test_training_of_the_classifier_works_and_is_reproducible():
    net, accuracy = metrics.train_classifier("digits8", steps=60)
    assert accuracy > 0.8
    again, _ = metrics.train_classifier("digits8", steps=60)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters()))


def test_photographs_are_mirrored_and_shifted_whole():
    """Every batch has one shift, and each of its images is the one at its place, or its mirror."""
    images = torch.arange(6 * 3 * 8 * 8).float().reshape(6, 3, 8, 8)
    plain, mirrored = (torch.nn.functional.pad(x, (2,) * 4, mode="reflect") for x in (images, images.flip(-1)))
    shifts, mirrors = [], 0
    for seed in range(60):
        batch = metrics._jitter(images, torch.Generator().manual_seed(seed))
        for down, right in itertools.product(range(5), repeat=2):
            same, turned = ((x[:, :, down : down + 8, right : right + 8] == batch).flatten(1).all(1)
                            for x in (plain, mirrored))
            if (same | turned).all():
                shifts.append((down, right))
                mirrors += turned.sum().item()
    assert len(shifts) == 60 and 140 < mirrors < 220  # half of 360, four standard deviations
    assert {down for down, _ in shifts} == {right for _, right in shifts} == set(range(5))


def test_photographs_train_a_classifier_of_three_channels(monkeypatch):
    tiny = torch.rand(40, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1, torch.arange(40) % 10
    monkeypatch.setattr(data, "load", lambda name, split: tiny)
    net, accuracy = metrics.train_classifier("cifar10", steps=2)
    assert net.conv1.in_channels == 3 and 0 <= accuracy <= 1


def test_the_command_writes_the_weights(tmp_path, monkeypatch, capsys):
    quick = metrics.train_classifier
    monkeypatch.setattr(metrics, "WEIGHTS", tmp_path)
    monkeypatch.setattr(metrics, "train_classifier", lambda name: quick(name, steps=2))
    metrics._main(["digits8"])
    assert "test accuracy" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["classifier_digits8.safetensors"]


def test_damaged_weights_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics, "WEIGHTS", tmp_path)
    metrics.classifier.cache_clear()
    try:
        with pytest.raises(
            ValueError,
            match=r"classifier_digits8\.safetensors is missing or damaged.*python -m minidiff.metrics digits8",
        ):
            metrics.classifier("digits8")
        (tmp_path / "classifier_digits8.safetensors").write_bytes(b"no")
        with pytest.raises(ValueError, match="missing or damaged"):
            metrics.classifier("digits8")
    finally:
        metrics.classifier.cache_clear()


X, IMAGES = torch.zeros(5, 2), torch.zeros(5, 1, 8, 8)


@pytest.mark.parametrize(
    "call, kind, words",
    [
        (lambda: metrics.sliced_wasserstein(X, torch.zeros(5, 3)), ValueError, "same numbers per example"),
        (lambda: metrics.sliced_wasserstein(X, X, directions=0), ValueError, "directions"),
        (lambda: metrics.sliced_wasserstein(X, X, order=0.5), ValueError, "order"),
        (lambda: metrics.wasserstein_1d(X, X), ValueError, "a must be samples on a line"),
        (lambda: metrics.wasserstein_1d(torch.zeros(0), torch.zeros(3)), ValueError, "empty"),
        (lambda: metrics.energy_distance(X[:1], X), ValueError, "at least 2 points"),
        (lambda: metrics.energy_distance(X, X * float("nan")), ValueError, "b must be finite"),
        (lambda: metrics.frechet_distance(X.long(), X), TypeError, "a must hold floating-point"),
        (lambda: metrics.frechet_distance(X[:, 0], X), ValueError, "shape"),
        (lambda: metrics.gaussian_baseline(X, 0), ValueError, "count"),
        (lambda: metrics.classifier("faces"), ValueError, "name must be one of 'digits8'"),
        (lambda: metrics.train_classifier("digits"), ValueError, "name must be one of 'digits8'"),
        (lambda: metrics.image_floor("mnist"), ValueError, "name must be one of 'digits8'"),
        (lambda: metrics.image_floor("digits8", 361), ValueError, "count must be at most 360, .*got 361"),
        (lambda: metrics.image_floor("digits8", 1), ValueError, "count must be a whole number of at least 2"),
        (lambda: metrics.image_floor("digits8", 50, picks=0), ValueError, "picks"),
        (lambda: metrics.features([1.0]), TypeError, "images must be a torch tensor"),
        (lambda: metrics.features(IMAGES[:, 0]), ValueError, r"shape \(n, 1, 8, 8\), as digits8 has, got"),
        (lambda: metrics.features(IMAGES, "fashion16"), ValueError, r"shape \(n, 1, 16, 16\)"),
        (lambda: metrics.features(IMAGES.repeat(1, 3, 1, 1)), ValueError, r"got \(5, 3, 8, 8\)"),
        (lambda: metrics.image_distance(IMAGES, IMAGES, "cifar10"), ValueError, r"shape \(n, 3, 32, 32\)"),
        (lambda: metrics.recognised(IMAGES, [1] * 5), TypeError, "labels must be a tensor of int64"),
        (lambda: metrics.recognised(IMAGES, torch.zeros(5)), TypeError, "labels must be .*float32"),
        (lambda: metrics.recognised(IMAGES, torch.arange(4)), ValueError, r"labels must be \(5,\)"),
        (lambda: metrics.recognised(IMAGES, torch.arange(5) + 6), ValueError, "one class from 0 to 9"),
        (lambda: metrics.recognised(IMAGES, torch.arange(5) - 1), ValueError, "one class from 0 to 9"),
    ],
)
def test_wrong_input_is_named(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
