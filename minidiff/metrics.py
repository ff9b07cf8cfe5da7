"""How far apart are two sets of samples? Known distances, and a Frechet distance for small images.

Samples come first: (n, *shape), flattened where needed; distances are computed in float64 and
returned as floats. A distance between finite samples is never zero: print the floor, the same
distance between two samples of the data.
"""

import functools
from pathlib import Path

import torch

from .checks import check_choice, check_count, check_data, check_number

WEIGHTS = Path(__file__).parent / "weights"


def wasserstein_1d(a, b, order=1):
    """Wasserstein distance W_p on the line, p = ``order``.

    a: samples (n,) or (n, 1). b: samples (m,), or the quantile function of a distribution, (n,) ->
    (n,), taken at the midpoints (i + 1/2)/n. The optimal plan on the line sorts both: W_p^p is the
    integral over levels u of |F_a^{-1}(u) - F_b^{-1}(u)|^p (Villani 2009, remark 2.19 for p >= 1).
    Raises ValueError for NaN or an order below 1.
    """
    order = check_number("order", order, 1, open_low=False)
    a = _line("a", a)
    if callable(b):
        levels = (torch.arange(len(a), dtype=torch.float64) + 0.5) / len(a)
        return _power_mean(a - torch.as_tensor(b(levels), dtype=torch.float64).reshape(-1), order)
    return _sorted_distance(a[:, None], _line("b", b)[:, None], order).item()


def sliced_wasserstein(a, b, directions=256, order=1, generator=None):
    """W_p over random lines: (mean over lines of W_p^p)^(1/p), p = ``order`` (Bonneel et al. 2015).

    a (n, *shape), b (m, *shape), n and m may differ. Directions are drawn with ``generator`` (seed
    0 when None, so that two calls agree).
    """
    a, b = _points("a", a), _points("b", b)
    _same_width(a, b)
    order = check_number("order", order, 1, open_low=False)
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    directions = check_count("directions", directions)
    lines = torch.randn(a.shape[1], directions, generator=generator, dtype=torch.float64)
    lines = lines / lines.norm(dim=0)
    return _sorted_distance(a @ lines, b @ lines, order).item()


def energy_distance(a, b):
    """2 E|x - y| - E|x - x'| - E|y - y'|, x', y' other points of the sets (Szekely, Rizzo 2013).

    a (n, *shape), b (m, *shape), at least two points each. Unbiased, and zero in expectation only
    when the laws are equal; so a value may come out slightly negative.
    """
    a, b = _points("a", a, least=2), _points("b", b, least=2)
    _same_width(a, b)
    within = sum(_mean_distance(x, x) * len(x) / (len(x) - 1) for x in (a, b))
    return 2 * _mean_distance(a, b) - within


def frechet_distance(a, b):
    """Squared Frechet distance of Gaussians fitted to sets of features (Heusel et al. 2017, Eq. 6).

    |mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2)), A and B the covariances. a (n, k), b (m, k).
    Small samples are biased upwards: compare sets of equal size, and print the value for train
    against test beside it.
    """
    a, b = _points("a", a, least=2), _points("b", b, least=2)
    _same_width(a, b)
    shift = (a.mean(0) - b.mean(0)).square().sum()
    a, b = ((x - x.mean(0)) / (len(x) - 1) ** 0.5 for x in (a, b))  # A = a^T a, B = b^T b
    # With few samples tr (A B)^(1/2) is cheaper as the nuclear norm of a b^T.
    few = max(len(a), len(b)) < a.shape[1]
    root = torch.linalg.svdvals(a @ b.T).sum() if few else _trace_root(a.T @ a, b.T @ b)
    return max(0.0, (shift + a.square().sum() + b.square().sum() - 2 * root).item())


def ks_distance(samples, cdf):
    """Kolmogorov-Smirnov: largest gap between the samples' distribution function and ``cdf``."""
    x = _line("samples", samples)
    exact = torch.as_tensor(cdf(x), dtype=torch.float64).reshape(-1)
    rank = torch.arange(len(x) + 1, dtype=torch.float64) / len(x)
    return torch.maximum((rank[1:] - exact).abs(), (exact - rank[:-1]).abs()).max().item()


def gaussian_baseline(data, count, generator=None):
    """``count`` samples of the Gaussian with the mean and full covariance of data (n, *shape)."""
    flat = _points("data", data, least=2)
    centred = (flat - flat.mean(0)) / (len(flat) - 1) ** 0.5
    shape = check_count("count", count), len(flat)
    draws = torch.randn(shape, generator=generator, dtype=torch.float64)
    return (flat.mean(0) + draws @ centred).reshape(count, *data.shape[1:]).to(data.dtype)


@functools.cache
def classifier(name="digits"):
    """The shipped classifier of "digits" (8x8) or "fashion" (16x16), for measuring only.

    ``classifier(name).features(images)`` -> (n, 64); calling it gives logits. Trained on the train
    split alone by ``python -m minidiff.metrics NAME``; see weights/PROVENANCE.md. Raises ValueError
    for a damaged file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from .nets import Classifier

    check_choice("name", name, ("digits", "fashion"))
    path, net = WEIGHTS / f"classifier_{name}.safetensors", Classifier()
    try:
        net.load_state_dict({key: value.float() for key, value in load_file(path).items()})
    except (SafetensorError, OSError, RuntimeError) as error:
        raise ValueError(
            f"{path} is missing or damaged ({error}); reinstall minidiff, or make the file again: "
            f"python -m minidiff.metrics {name}"
        ) from error
    return net.eval().requires_grad_(False)


def features(images, name="digits"):
    """Features (n, 64) of images (n, 1, h, w) in the classifier ``name``; pixels cut to [-1, 1]."""
    if check_data("images", images).ndim != 4 or images.shape[1] != 1 or min(images.shape[2:]) < 8:
        raise ValueError("images must have shape (n, 1, h, w) with sides from 8 on, "
                         f"got {tuple(images.shape)}")
    return classifier(name).features(images.float().cpu().clamp(-1, 1))


def image_distance(images, reference, name="digits"):
    """Frechet distance of images in the classifier's features: our stand-in for FID, not FID."""
    return frechet_distance(features(images, name), features(reference, name))


def train_classifier(name="digits", steps=1500, seed=0):
    """Train the classifier "digits" or "fashion" on the train split: (net, test accuracy)."""
    from . import data
    from .nets import Classifier

    check_choice("name", name, ("digits", "fashion"))
    load = data.digits if name == "digits" else data.fashion16
    (images, labels), (test_images, test_labels) = load("train"), load("test")
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = Classifier()
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.05)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        pick = torch.randint(len(images), (128,), generator=generator)
        noisy = images[pick] + 0.1 * torch.randn(images[pick].shape, generator=generator)
        loss = torch.nn.functional.cross_entropy(net(noisy), labels[pick], label_smoothing=0.05)
        optimizer.zero_grad(), loss.backward(), optimizer.step(), rate.step()
    with torch.no_grad():
        accuracy = (net.eval()(test_images).argmax(1) == test_labels).float().mean().item()
    return net, accuracy


def _points(name, x, least=1):
    x = check_data(name, x)
    if x.ndim < 2 or len(x) < least:
        raise ValueError(
            f"{name} must hold at least {least} points, shape (n, *shape), "
            f"got shape {tuple(x.shape)}"
        )
    return x.detach().cpu().double().flatten(1)


def _line(name, x):
    x = check_data(name, x)
    if x.numel() != len(x) or not len(x):
        raise ValueError(f"{name} must be samples on a line, (n,) or (n, 1), "
                         f"got shape {tuple(x.shape)}")
    return x.detach().cpu().double().reshape(-1).sort().values


def _same_width(a, b):
    if a.shape[1] != b.shape[1]:
        raise ValueError("a and b must have the same numbers per example, "
                         f"got {a.shape[1]} and {b.shape[1]}")


def _power_mean(difference, order):
    return difference.abs().pow(order).mean().pow(1 / order).item()


def _sorted_distance(a, b, order):
    """(mean over columns of W_p^p)^(1/p) for samples in columns, (n, k) and (m, k)."""
    a, b = a.sort(dim=0).values, b.sort(dim=0).values
    if len(a) == len(b):
        return (a - b).abs().pow(order).mean().pow(1 / order)
    n, m = len(a), len(b)  # both quantile functions are constant between the levels i/n and j/m
    levels = torch.cat([torch.arange(1, n + 1) / n, torch.arange(1, m + 1) / m])
    levels = levels.double().sort().values
    width = levels.diff(prepend=levels.new_zeros(1))
    middle = levels - width / 2
    gap = a[(middle * n).long().clamp(max=n - 1)] - b[(middle * m).long().clamp(max=m - 1)]
    return (width[:, None] * gap.abs().pow(order)).sum(0).mean().pow(1 / order)


def _mean_distance(a, b, block=2048):
    """Mean of |a_i - b_j| over all pairs, by blocks."""
    total = sum(
        torch.cdist(part, b, compute_mode="donot_use_mm_for_euclid_dist").sum()
        for part in a.split(block)
    )
    return (total / (len(a) * len(b))).item()


def _trace_root(a, b):
    """tr (A B)^(1/2), the sum of the roots of the eigenvalues of A^(1/2) B A^(1/2); A, B >= 0."""
    values, vectors = torch.linalg.eigh(a)
    half = vectors * values.clamp(min=0).sqrt() @ vectors.T
    return torch.linalg.eigvalsh(half @ b @ half).clamp(min=0).sqrt().sum()


def _main(names):
    """Make the shipped weights again: float16, with command and test accuracy as metadata."""
    from safetensors.torch import save_file

    for name in names or ["digits", "fashion"]:
        net, accuracy = train_classifier(name)
        path = WEIGHTS / f"classifier_{name}.safetensors"
        weights = {key: value.half().contiguous() for key, value in net.state_dict().items()}
        facts = {"made by": f"python -m minidiff.metrics {name}",
                 "test accuracy": f"{accuracy:.4f}"}
        save_file(weights, path, facts)
        print(f"{path.name}: test accuracy {accuracy:.4f}")


if __name__ == "__main__":
    import sys

    _main(sys.argv[1:])
