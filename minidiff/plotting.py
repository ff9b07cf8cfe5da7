"""Figures of one style, and the one way to show them: matplotlib is imported here and in widgets.

Importing this module sets matplotlib's style. Every function here takes tensors or arrays and an
optional ``ax``, draws, and returns the Figure; nothing is shown until ``show(fig, alt=...)``.
"""

import io
import sys

import matplotlib
import numpy as np
import torch
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from PIL import Image

# Okabe and Ito's palette, told apart by colour-blind readers; neighbours differ in grey print too.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#444444"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
DENSITY = LinearSegmentedColormap.from_list("density", ["#ffffff", "#9ecae1", "#0072B2", "#08306b"])
STRENGTH = LinearSegmentedColormap.from_list(
    "strength", ["#8cc5e8", "#0072B2", "#061f45"]
)  # never too pale for white paper
STYLE = {
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "axes.facecolor": "white",
    "axes.prop_cycle": matplotlib.cycler(color=COLORS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.labelcolor": "#222222",
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "font.size": 10,
    "image.cmap": "gray",
    "image.interpolation": "nearest",
    "mathtext.fontset": "dejavusans",
}
matplotlib.rcParams.update(STYLE)


def figure(rows=1, columns=1, size=None, **kwargs):
    """A figure in the book's style and its axes: ``fig, (left, right) = figure(1, 2)``.

    size in inches; by default 3.4 x 2.8 for each panel. Not registered with pyplot, so nothing has
    to be closed.
    """
    fig = Figure(figsize=size or (3.4 * columns, 2.8 * rows))
    return fig, fig.subplots(rows, columns, **kwargs)


def png(fig, dpi=100, colors=64):
    """The figure as PNG bytes, small by a palette of ``colors`` colours (0: matplotlib's own)."""
    raw = io.BytesIO()
    fig.savefig(raw, format="png", dpi=dpi, facecolor="white")
    if not colors:
        return raw.getvalue()
    small = io.BytesIO()
    picture = Image.open(raw).convert("RGB")
    picture.quantize(colors, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        small, "PNG", optimize=True
    )
    return small.getvalue()


def show(fig, alt, dpi=100, colors=64):
    """Display a figure as a small PNG and close it; ``alt`` says what is seen, in a sentence.

    Raises ValueError for an empty alt text: a reader who cannot see the picture needs it.
    """
    from IPython.display import display

    alt, picture = check_alt(alt), png(fig, dpi, colors)
    display(
        {"image/png": picture, "text/plain": f"[figure: {alt}]"},
        raw=True,
        metadata={"image/png": {"alt": alt}},
    )
    fig.clear()
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close(fig)


def check_alt(alt):
    """Return the alt text, or raise ValueError when it is empty."""
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(f"alt must say in words what the figure shows, got {alt!r}")
    return alt.strip()


def _array(x):
    return x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)


def _axes(ax, size=None):
    """(figure, axes): the given axes, or one new panel."""
    if ax is None:
        return figure(size=size)
    return ax.figure, ax


def _plain_ticks(axis, values):
    """Plain numbers, 1, 2, 5 times 10^k, on a logarithmic axis of less than two decades."""
    low, high = float(np.min(values)), float(np.max(values))
    if low <= 0 or high / low > 100:
        return
    ticks = [m * 10.0**k for k in range(-9, 10) for m in (1, 2, 5)]
    fitting = [tick for tick in ticks if low * 0.8 <= tick <= high * 1.25]
    axis.set_major_locator(FixedLocator(fitting if len(fitting) > 1 else [low, high]))
    axis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:.{3 if tick < 1000 else 12}g}"))
    axis.set_minor_locator(NullLocator())


def points(x, ax=None, title=None, limit=None, color=COLORS[0], size=3, label=None, most=3000):
    """Scatter of at most ``most`` samples (n, 2), equal scales; limit: half width of the window."""
    fig, ax = _axes(ax, (3.2, 3.2))
    x = _array(x)[:most]
    ax.scatter(x[:, 0], x[:, 1], s=size, color=color, alpha=0.5, linewidths=0, label=label)
    _square(ax, limit, title)
    return fig


def _square(ax, limit, title):
    ax.set_aspect("equal")
    if limit is not None:
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit))
    if title:
        ax.set_title(title)


def image_grid(images, columns=10, ax=None, title=None, low=-1.0, high=1.0, scale=0.45):
    """A sheet of images (n, 1 or 3, h, w) in [low, high], ``columns`` a row; scale: inches each."""
    images = _array(images).clip(low, high)
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"images must have shape (n, 1 or 3, h, w), got {images.shape}")
    n, channels, height, width = images.shape
    rows = -(-n // columns)
    sheet = np.full(
        (rows * (height + 1) + 1, columns * (width + 1) + 1, channels), high
    )  # lines of one pixel between
    for i, picture in enumerate(images):
        top, left = 1 + i // columns * (height + 1), 1 + i % columns * (width + 1)
        sheet[top : top + height, left : left + width] = picture.transpose(1, 2, 0)
    fig, ax = _axes(ax, (columns * scale, rows * scale * height / width + (0.3 if title else 0)))
    ax.imshow(((sheet - low) / (high - low)).squeeze(), vmin=0, vmax=1)
    ax.set_axis_off()
    if title:
        ax.set_title(title)
    return fig


def arrows(field, limit=2.5, count=19, ax=None, title=None, longest=None):
    """A vector field (n, 2) -> (n, 2), such as a score, as arrows; darker: longer (log scale)."""
    fig, ax = _axes(ax, (3.2, 3.2))
    line = torch.linspace(-limit, limit, count)
    at = torch.cartesian_prod(line, line)
    vectors, at = _array(field(at)), _array(at)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    typical = longest or np.median(length) + 1e-12
    shown = vectors / np.maximum(length, 1e-12) * np.tanh(length / typical)
    ax.quiver(
        at[:, 0],
        at[:, 1],
        shown[:, 0],
        shown[:, 1],
        np.log(length[:, 0] + 1e-12),
        cmap=STRENGTH,
        angles="xy",
        scale_units="xy",
        scale=count / (2 * limit) * 0.85,
        width=0.006,
    )
    _square(ax, limit * 1.05, title)
    return fig


def paths(times, values, ax=None, title=None, color=COLORS[0], label=None, most=40):
    """Trajectories of numbers: times (steps,), values (steps, n); noise at the left, data right."""
    fig, ax = _axes(ax)
    values = _array(values).reshape(len(times), -1)[:, :most]
    lines = ax.plot(_array(times), values, color=color, linewidth=0.8, alpha=0.55)
    lines[0].set_label(label)
    ax.set(xlabel="time t", xlim=(float(max(times)), float(min(times))))
    if title:
        ax.set_title(title)
    return fig


def paths_2d(values, ax=None, title=None, limit=None, color=COLORS[0], most=60):
    """Trajectories in the plane, values (steps, n, 2); a ring at the start, a dot at the end."""
    fig, ax = _axes(ax, (3.2, 3.2))
    values = _array(values)[:, :most]
    ax.plot(values[..., 0], values[..., 1], color=color, linewidth=0.7, alpha=0.5)
    ax.scatter(*values[0].T, s=10, facecolors="none", edgecolors="#888888", linewidths=0.6)
    ax.scatter(*values[-1].T, s=10, color=color, linewidths=0, zorder=3)
    _square(ax, limit, title)
    return fig


def density(samples, curve=None, ax=None, title=None, bins=80, limits=None, label="samples"):
    """Histogram of samples (n,) on the line; over it the true density ``curve``, (k,) -> (k,)."""
    fig, ax = _axes(ax)
    samples = _array(samples).reshape(-1)
    low, high = limits or (samples.min(), samples.max())
    ax.hist(samples, bins=bins, range=(low, high), density=True, color=COLORS[5], alpha=0.6,
            label=label)
    if curve is not None:
        x = torch.linspace(float(low), float(high), 400, dtype=torch.float64)
        ax.plot(x, _array(curve(x)), color=COLORS[6], label="exact")
        ax.legend()
    ax.set(xlabel="x", ylabel="density")
    if title:
        ax.set_title(title)
    return fig


def heatmap(log_density, limit=2.5, count=120, ax=None, title=None):
    """The density exp(log_density) on a square window; log_density: (n, 2) -> (n,)."""
    fig, ax = _axes(ax, (3.2, 3.2))
    line = torch.linspace(-limit, limit, count, dtype=torch.float64)
    value = _array(log_density(torch.cartesian_prod(line, line)).exp()).reshape(count, count).T
    ax.imshow(
        value, extent=(-limit, limit, -limit, limit), origin="lower", cmap=DENSITY,
        interpolation="bilinear"
    )
    _square(ax, None, title)
    ax.grid(False)
    return fig


def losses(history, ax=None, title=None, window=50, label=None, color=COLORS[0], floor=None):
    """Loss against step, a running mean over ``window`` steps; floor: the smallest possible."""
    fig, ax = _axes(ax)
    history = np.asarray(history, dtype=float)
    window = max(1, min(window, len(history) // 4))
    mean = np.convolve(history, np.ones(window) / window, mode="valid")
    ax.plot(np.arange(len(mean)) + window, mean, color=color, label=label)
    if floor is not None:
        ax.axhline(floor, color=COLORS[6], linestyle="--", linewidth=1, label="smallest possible")
    ax.set(xlabel="step", ylabel=f"loss (mean of {window})", yscale="log")
    _plain_ticks(ax.yaxis, mean)
    if label or floor is not None:
        ax.legend()
    if title:
        ax.set_title(title)
    return fig


def curves(x, lines, ax=None, title=None, xlabel="", ylabel="", log="", markers=False):
    """Several curves over one axis: lines = {label: y}; log: logarithmic axes, "x", "y" or "xy"."""
    fig, ax = _axes(ax)
    for i, (label, y) in enumerate(lines.items()):
        ax.plot(
            _array(x),
            _array(y),
            label=label,
            color=COLORS[i % 7],
            linestyle=["-", "--", "-.", ":"][i % 4],
            marker=MARKERS[i % 7] if markers else None,
            markersize=5,
        )
    ax.set(
        xlabel=xlabel,
        ylabel=ylabel,
        xscale="log" if "x" in log else "linear",
        yscale="log" if "y" in log else "linear",
    )
    if len(lines) > 1:
        ax.legend()
    if title:
        ax.set_title(title)
    return fig


def errors(rows, ax=None, title=None, floor=None, xlabel="network calls", ylabel="error",
           floor_label="floor: two exact samples"):
    """Error against calls, log-log: rows = {sampler: (calls, errors)}; floor: a dotted line."""
    fig, ax = _axes(ax, (4.6, 3.2))
    for i, (label, (calls, error)) in enumerate(rows.items()):
        ax.plot(
            calls,
            error,
            label=label,
            marker=MARKERS[i % 7],
            markersize=5,
            linestyle=["-", "--", "-.", ":"][i % 4],
        )
    if floor is not None:
        ax.axhline(floor, color="#888888", linestyle=":", linewidth=1.2, label=floor_label)
    ax.set(xlabel=xlabel, ylabel=ylabel, xscale="log", yscale="log")
    for axis, part in ((ax.xaxis, 0), (ax.yaxis, 1)):
        _plain_ticks(axis, [float(number) for row in rows.values() for number in row[part]])
    ax.legend()
    if title:
        ax.set_title(title)
    return fig


def training(records):
    """What runs cost and gave, from their records: loss against step, quality against seconds.

    Right: Frechet distance of samples against seconds of training, a line for each device; the
    dotted line is the distance of held-out pictures. records: as `minidiff.weights.records` gives.
    """
    fig, (left, right) = figure(1, 2, size=(7.2, 2.7))
    rows = {}
    for i, record in enumerate(records):
        step, seconds, loss, frechet = zip(*record["curve"])
        left.plot(step, loss, color=COLORS[i], marker=MARKERS[i], markersize=4)
        rows[record["device"].split(",")[0]] = (seconds, frechet)
    left.set(xlabel="step", ylabel="training loss", title="loss")
    errors(rows, right, "quality", records[0]["metrics"]["frechet_floor"], "seconds of training",
           "Frechet distance", "held-out pictures")
    return fig
