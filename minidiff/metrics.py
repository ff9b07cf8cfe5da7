"""How far apart are two sets of samples? Known distances, and a Frechet distance for small images.

Samples come first: (n, *shape), flattened where needed; distances are computed in float64 and
returned as floats. A distance between finite samples is never zero: print the floor, the same
distance between two samples of the data.
"""

import functools
import time
from pathlib import Path

import torch

from .checks import check_choice, check_count, check_data, check_number, shown
from .losses import kernel_distance

WEIGHTS = Path(__file__).parent / "weights"
# What has a classifier: the data sets of data.load, with the shape of one image.
SHAPES = {"digits8": (1, 8, 8), "fashion16": (1, 16, 16),
          "fashion32": (1, 32, 32), "cifar10": (3, 32, 32)}
STEPS = {"digits8": 1500, "fashion16": 1500, "fashion32": 2000, "cifar10": 2600}  # of training


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
    return kernel_distance(a, b).item()


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
def classifier(name="digits8", device="cpu"):
    """The shipped classifier of a data set, one of the names in ``SHAPES``, for measuring only.

    ``classifier(name).features(images)`` -> (n, 64); calling it gives logits. Trained on the train
    split alone by ``python -m minidiff.metrics NAME``; see weights/PROVENANCE.md. Raises ValueError
    for a damaged file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from .nets import Classifier

    check_choice("name", name, SHAPES)
    path, net = WEIGHTS / f"classifier_{name}.safetensors", Classifier(SHAPES[name][0])
    try:
        net.load_state_dict({key: value.float() for key, value in load_file(path).items()})
    except (SafetensorError, OSError, RuntimeError) as error:
        raise ValueError(
            f"{path} is missing or damaged ({error}); reinstall minidiff, or make the file again: "
            f"python -m minidiff.metrics {name}"
        ) from error
    return net.eval().requires_grad_(False).to(device)


def features(images, name="digits8"):
    """Features (n, 64) of images (n, *SHAPES[name]) in the classifier ``name``.

    Computed where the images are, 500 at a time; pixels are cut to [-1, 1]. Raises ValueError for
    images of another shape.
    """
    net = classifier(name, _check_images(images, name).device)
    return _by_parts(net.features, images)


def image_distance(images, reference, name="digits8"):
    """Frechet distance of images in the classifier's features: our stand-in for FID, not FID."""
    return frechet_distance(features(images, name), features(reference, name))


def image_floor(name="digits8", count=None, picks=5, generator=None):
    """What ``image_distance`` says of real images: ``count`` from train against as many from test.

    The mean over ``picks`` random choices, since one alone is off by a fifth with a few hundred
    images. No sampler can be expected below it at the same count. ``count``: all that the smaller
    split has when None. ``generator``: seed 0 when None. Raises ValueError for more images than
    there are.
    """
    from . import data

    check_choice("name", name, SHAPES)
    splits = [data.load(name, split)[0] for split in ("train", "test")]
    picks, most = check_count("picks", picks), min(map(len, splits))
    count = most if count is None else check_count("count", count, least=2)
    if count > most:
        raise ValueError(f"count must be at most {most}, the smaller split of {name}, got {count}")
    generator = torch.Generator().manual_seed(0) if generator is None else generator

    def some(x, n):
        return x[torch.randperm(len(x), generator=generator)[:n]]

    pools = [features(some(images, picks * count), name) for images in splits]
    return sum(frechet_distance(*(some(x, count) for x in pools)) for _ in range(picks)) / picks


def recognised(images, labels, name="digits8"):
    """Share of images (n, *SHAPES[name]) that the classifier puts into their class, labels (n,).

    For images made on request, labels are the classes that were asked for. Compare with the
    classifier's accuracy on real images (weights/PROVENANCE.md), which is below 1.
    """
    logits = _by_parts(classifier(name, _check_images(images, name).device), images)
    if not isinstance(labels, torch.Tensor) or labels.dtype != torch.int64:
        raise TypeError(f"labels must be a tensor of int64, got {shown(labels)}")
    if labels.shape != (len(images),) or not 0 <= labels.min() <= labels.max() < logits.shape[1]:
        raise ValueError(f"labels must be ({len(images)},), one class from 0 to "
                         f"{logits.shape[1] - 1} for each image, got {shown(labels)}")
    return (logits.argmax(1) == labels.to(logits.device)).double().mean().item()


def _check_images(images, name):
    shape = SHAPES[check_choice("name", name, SHAPES)]
    if check_data("images", images).shape[1:] != shape:
        raise ValueError(f"images must have shape (n, {', '.join(map(str, shape))}), as {name} "
                         f"has, got {tuple(images.shape)}")
    return images


def _by_parts(function, images, size=500):
    """function(images), ``size`` images at a time, pixels cut to [-1, 1]."""
    return torch.cat([function(part.float().clamp(-1, 1)) for part in images.split(size)])


def train_classifier(name="digits8", steps=None, seed=0):
    """Train the classifier ``name`` on its train split: (net, accuracy on the test split).

    ``steps`` of AdamW at batch 128; None takes what the shipped one had.
    """
    from . import data
    from .nets import Classifier

    check_choice("name", name, SHAPES)
    steps = STEPS[name] if steps is None else check_count("steps", steps)
    images, labels = data.load(name, "train")
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = Classifier(SHAPES[name][0])
    if images.shape[-1] >= 32:
        net = net.to(memory_format=torch.channels_last)  # a third faster on a CPU
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.05)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        pick = torch.randint(len(images), (128,), generator=generator)
        batch = _jitter(images[pick], generator) if name == "cifar10" else images[pick]
        noisy = batch + 0.1 * torch.randn(batch.shape, generator=generator)
        loss = torch.nn.functional.cross_entropy(net(noisy), labels[pick], label_smoothing=0.05)
        optimizer.zero_grad(), loss.backward(), optimizer.step(), rate.step()
    test_images, test_labels = data.load(name, "test")
    with torch.no_grad():
        logits = _by_parts(net.eval(), test_images)
    return net, (logits.argmax(1) == test_labels).float().mean().item()


def _jitter(images, generator, reach=2):
    """Half of the photographs mirrored, and the whole batch shifted by up to ``reach`` pixels."""
    mirror = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
    images = torch.where(mirror, images.flip(-1), images)
    down, right = torch.randint(2 * reach + 1, (2,), generator=generator).tolist()
    wide = torch.nn.functional.pad(images, (reach,) * 4, mode="reflect")
    return wide[:, :, down : down + images.shape[2], right : right + images.shape[3]]


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


def _trace_root(a, b):
    """tr (A B)^(1/2), the sum of the roots of the eigenvalues of A^(1/2) B A^(1/2); A, B >= 0."""
    values, vectors = torch.linalg.eigh(a)
    half = vectors * values.clamp(min=0).sqrt() @ vectors.T
    return torch.linalg.eigvalsh(half @ b @ half).clamp(min=0).sqrt().sum()


def _main(names):
    """Make the shipped weights again: float16, with command and test accuracy as metadata."""
    from safetensors.torch import save_file

    for name in names or SHAPES:
        start = time.perf_counter()
        net, accuracy = train_classifier(name)
        seconds = time.perf_counter() - start
        path = WEIGHTS / f"classifier_{name}.safetensors"
        weights = {key: value.half().contiguous() for key, value in net.state_dict().items()}
        facts = {"made by": f"python -m minidiff.metrics {name}",
                 "test accuracy": f"{accuracy:.4f}"}
        save_file(weights, path, facts)
        print(f"{path.name}: test accuracy {accuracy:.4f}, {seconds:.0f} seconds")


if __name__ == "__main__":
    import sys

    _main(sys.argv[1:])
