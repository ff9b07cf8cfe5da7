"""Figures: drawn from tensors, small as PNG, shown with alt text, and closed."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from minidiff import plotting

X = torch.randn(300, 2, generator=torch.Generator().manual_seed(0))
DRAWN = {
    "points": lambda ax=None: plotting.points(X, ax, "samples", limit=3),
    "images": lambda ax=None: plotting.image_grid(torch.rand(23, 1, 8, 8) * 2 - 1, 8, ax, "sheet"),
    "colour images": lambda ax=None: plotting.image_grid(torch.rand(3, 3, 8, 8), 8, ax, low=0),
    "arrows": lambda ax=None: plotting.arrows(lambda x: -x, ax=ax, title="score"),
    "paths": lambda ax=None: plotting.paths(
        torch.linspace(1, 0, 20), torch.randn(20, 9, 1), ax, "flow", label="ODE"
    ),
    "paths in the plane": lambda ax=None: plotting.paths_2d(torch.randn(5, 7, 2), ax, "flow", limit=3),
    "density": lambda ax=None: plotting.density(X[:, 0], lambda x: (-(x**2) / 2).exp(), ax, "density"),
    "histogram only": lambda ax=None: plotting.density(X[:, 0], ax=ax, limits=(-2, 2)),
    "heatmap": lambda ax=None: plotting.heatmap(
        lambda x: -x.square().sum(1), ax=ax, title="density", count=20
    ),
    "losses": lambda ax=None: plotting.losses(
        np.linspace(3, 1, 400).tolist(), ax, "training", label="run", floor=0.9
    ),
    "short losses": lambda ax=None: plotting.losses([3.0, 2.0], ax),
    "curves": lambda ax=None: plotting.curves(
        [1, 2, 4], {"a": [1, 2, 3], "b": [3, 2, 1]}, ax, "t", "x", "y", log="xy", markers=True
    ),
    "errors": lambda ax=None: plotting.errors(
        {"DDIM": ([5, 10], [0.3, 0.1]), "Heun": ([5, 10], [0.2, 0.02])}, ax, "t", floor=0.01
    ),
}


@pytest.mark.parametrize("name", DRAWN)
def test_every_figure_is_drawn_alone_and_in_a_panel_and_is_small(name):
    data = plotting.png(DRAWN[name]())
    assert data.startswith(b"\x89PNG") and len(data) < 40_000
    fig, axes = plotting.figure(1, 2)
    assert DRAWN[name](axes[0]) is fig and axes[0].has_data() and not axes[1].has_data()


def test_training_has_a_line_for_each_device():
    def record(device, pace):
        rows = [[step, step * pace, 3.0 / step, 9.0 / step] for step in (100, 200, 300)]
        return {"device": device, "curve": rows, "metrics": {"frechet_floor": 0.02}}

    fig = plotting.training([record("CPU, of some kind, 1 thread", 0.5), record("a fast card", 0.01)])
    left, right = fig.axes
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["CPU", "a fast card", "held-out pictures"]
    assert right.lines[0].get_xdata().tolist() == [50, 100, 150] and right.lines[1].get_ydata().tolist() == [0.09, 0.045, 0.03]
    assert len(left.lines) == 2 and right.get_xlabel() == "seconds of training"
    assert len(plotting.png(fig)) < 30_000


def test_the_palette_makes_files_smaller_and_keeps_the_background_white():
    fig = DRAWN["points"]()
    small, full = plotting.png(fig), plotting.png(fig, colors=0)
    assert len(small) < 0.7 * len(full)
    picture = Image.open(io.BytesIO(small))
    assert picture.mode == "P" and picture.convert("RGB").getpixel((1, 1)) == (255, 255, 255)


def test_palette_colours_differ_for_colour_blind_readers_and_in_grey():
    """No two of the first five come close, also without red or green cones (Vienot 1999)."""
    rgb = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in plotting.COLORS[:5]]) ** 2.2
    protan = np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]])
    deutan = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])
    for view in (np.eye(3), protan, deutan):
        seen = (rgb @ view.T).clip(0) ** (1 / 2.2)
        apart = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]]
        assert min(apart) > 0.1


def test_image_grid_keeps_the_pixels():
    images = torch.linspace(-1, 1, 4).reshape(4, 1, 1, 1).expand(4, 1, 2, 2)
    fig = plotting.image_grid(images, columns=2)
    sheet = np.asarray(fig.axes[0].images[0].get_array())
    assert sheet.shape == (7, 7) and sheet[1, 1] == 0 and sheet[4, 4] == 1 and sheet[0, 0] == 1
    assert fig.axes[0].images[0].get_cmap().name == "gray"


def test_images_of_a_wrong_shape_are_refused():
    with pytest.raises(ValueError, match=r"images must have shape \(n, 1 or 3, h, w\)"):
        plotting.image_grid(torch.zeros(4, 8, 8))


@pytest.fixture
def displayed(monkeypatch):
    calls = []
    monkeypatch.setattr("IPython.display.display", lambda data, **kwargs: calls.append((data, kwargs)))
    return calls


def test_show_has_alt_text_and_clears_the_figure(displayed):
    fig = DRAWN["points"]()
    assert plotting.show(fig, alt="two blobs ") is None
    data, kwargs = displayed[0]
    assert kwargs["metadata"] == {"image/png": {"alt": "two blobs"}} and kwargs["raw"]
    assert Image.open(io.BytesIO(data["image/png"])).format == "PNG" and "two blobs" in data["text/plain"]
    assert not fig.axes


def test_show_closes_a_pyplot_figure(displayed):
    import matplotlib.pyplot as plt

    fig = plt.figure()
    plotting.show(fig, alt="nothing")
    assert fig.number not in plt.get_fignums()


@pytest.mark.parametrize("alt", ["", "  ", None, 3])
def test_show_refuses_a_figure_without_alt_text(alt, displayed):
    with pytest.raises(ValueError, match="alt must say in words"):
        plotting.show(DRAWN["points"](), alt=alt)
    assert not displayed


def test_in_a_notebook_the_output_is_png_with_metadata(tmp_path):
    """Through IPython's own display machinery."""
    from IPython.utils.capture import capture_output
    from IPython.testing.globalipapp import get_ipython, start_ipython

    (get_ipython() or start_ipython())
    with capture_output() as captured:
        plotting.show(DRAWN["points"](), alt="points")
    output = captured.outputs[0]
    assert output.metadata == {"image/png": {"alt": "points"}} and "image/png" in output.data


def test_the_core_does_not_import_matplotlib():
    code = (
        "import sys, json, minidiff, minidiff.nets, minidiff.data, minidiff.train, minidiff.metrics;"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    for name in ("matplotlib", "sklearn", "scipy", "pooch", "safetensors", "IPython", "ipywidgets", "PIL"):
        assert name not in loaded
