"""Metrics against closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from minidiff import data, metrics


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
    assert metrics._mean_distance(a, b, block=7) == pytest.approx(metrics._mean_distance(a, b))


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


@pytest.mark.parametrize(
    "name, load, least", [("digits", data.digits, 0.98), ("fashion", data.fashion16, 0.83)]
)
def test_shipped_classifiers_know_images_they_never_saw(name, load, least):
    images, labels = load("test")
    net = metrics.classifier(name)
    assert (net(images).argmax(1) == labels).float().mean() >= least and not net.training
    assert metrics.features(images[:5], name).shape == (5, 64)
    assert (metrics.WEIGHTS / f"classifier_{name}.safetensors").stat().st_size < 200_000


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


def test_features_clip_and_leave_no_gradient():
    image = data.digits()[0][:2]
    assert torch.equal(metrics.features(image.double()), metrics.features(image))
    assert torch.equal(metrics.features(image * 0 + 5), metrics.features(image * 0 + 1))
    assert not metrics.features(image).requires_grad


def test_training_of_the_classifier_works_and_is_reproducible():
    net, accuracy = metrics.train_classifier("digits", steps=60)
    assert accuracy > 0.8
    again, _ = metrics.train_classifier("digits", steps=60)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters()))


def test_the_command_writes_the_weights(tmp_path, monkeypatch, capsys):
    quick = metrics.train_classifier
    monkeypatch.setattr(metrics, "WEIGHTS", tmp_path)
    monkeypatch.setattr(metrics, "train_classifier", lambda name: quick(name, steps=2))
    metrics._main(["digits"])
    assert (
        "test accuracy" in capsys.readouterr().out and (tmp_path / "classifier_digits.safetensors").exists()
    )


def test_damaged_weights_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics, "WEIGHTS", tmp_path)
    metrics.classifier.cache_clear()
    try:
        with pytest.raises(
            ValueError,
            match=r"classifier_digits\.safetensors is missing or damaged.*python -m minidiff.metrics digits",
        ):
            metrics.classifier("digits")
        (tmp_path / "classifier_digits.safetensors").write_bytes(b"no")
        with pytest.raises(ValueError, match="missing or damaged"):
            metrics.classifier("digits")
    finally:
        metrics.classifier.cache_clear()


X = torch.zeros(5, 2)


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
        (lambda: metrics.classifier("faces"), ValueError, "name must be one of 'digits'"),
        (lambda: metrics.features([1.0]), TypeError, "images must be a torch tensor"),
    ],
)
def test_wrong_input_is_named(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
