"""Sliders over frames: linked in the browser, with alt text and a static picture."""

import base64

import ipywidgets
import pytest
import torch
from ipywidgets.widgets.widget import _instances

from minidiff import plotting, widgets


def draw(value):
    return plotting.points(torch.randn(50, 2) * value, limit=3)


@pytest.fixture
def displayed(monkeypatch):
    calls = []
    monkeypatch.setattr("IPython.display.display", lambda data, **kwargs: calls.append((data, kwargs)))
    return calls


def box_of(displayed):
    return _instances[displayed[0][0]["application/vnd.jupyter.widget-view+json"]["model_id"]]


def test_frames_are_small_pngs():
    made = widgets.frames(draw, [0.1, 0.5, 1.0])
    assert len(made) == 3 and all(frame.startswith(b"\x89PNG") and len(frame) < 20_000 for frame in made)


@pytest.mark.parametrize("values", [[], range(13)])
def test_count_of_frames(values):
    with pytest.raises(ValueError, match="1 to 12"):
        widgets.frames(draw, values)


def test_scrub_links_a_slider_to_the_frames(displayed):
    made = widgets.frames(draw, [0.1, 0.5, 1.0])
    assert widgets.scrub(made, ["t = 0.1", "t = 0.5", 1], 'a "cloud" grows', description="spread") is None
    box = box_of(displayed)
    slider, stack = box.children
    assert (
        slider.options == (("t = 0.1", 0), ("t = 0.5", 1), ("1", 2))
        and slider.index == 1
        and stack.selected_index == 1
    )
    assert slider.description == "spread"
    assert base64.b64encode(made[2]).decode() in stack.children[2].value
    assert 'alt="a &quot;cloud&quot; grows (t = 0.1)"' in stack.children[0].value
    data, kwargs = displayed[0]
    assert data["image/png"] == made[1] and kwargs["metadata"]["image/png"]["alt"] == 'a "cloud" grows'


def test_the_link_lives_in_the_browser(displayed):
    widgets.scrub(widgets.frames(draw, [1, 2]), ["a", "b"], "cloud", start=0)
    links = [w for w in _instances.values() if isinstance(w, ipywidgets.widgets.widget_link.Link)]
    assert any(link.target[1] == "selected_index" and link.source[1] == "index" for link in links)
    assert box_of(displayed).children[1].selected_index == 0


@pytest.mark.parametrize(
    "arguments, words",
    [
        (([], [], "cloud"), "frames must be 1 to 12"),
        ((["not bytes"], ["a"], "cloud"), "frames must be 1 to 12"),
        (([b"x"] * 13, range(13), "cloud"), "frames must be 1 to 12"),
        (([b"x"], ["a", "b"], "cloud"), "labels must be 1"),
        (([b"x"], ["a"], " "), "alt must say"),
    ],
)
def test_wrong_input_is_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        widgets.scrub(*arguments)


def test_choose_links_a_menu_to_sliders(displayed):
    series = {name: widgets.frames(lambda value, k=k: draw(k * value), [0.1, 1.0]) for k, name in ((1, "small"), (2, "large"))}
    assert widgets.choose(series, ["few", "many"], "cloud", description="points") is None
    menu, stack = box_of(displayed).children
    assert menu.options == (("small", 0), ("large", 1)) and stack.selected_index == menu.index == 0
    slider, pictures = stack.children[1].children
    assert slider.options == (("few", 0), ("many", 1)) and slider.description == "points"
    assert base64.b64encode(series["large"][0]).decode() in pictures.children[0].value
    assert 'alt="cloud (large, few)"' in pictures.children[0].value
    data, kwargs = displayed[0]
    assert data["image/png"] == series["small"][1] and kwargs["metadata"]["image/png"]["alt"] == "cloud"
    links = [w for w in _instances.values() if isinstance(w, ipywidgets.widgets.widget_link.Link)]
    assert any(link.source == (menu, "index") and link.target == (stack, "selected_index") for link in links)


@pytest.mark.parametrize("series, labels, words", [({}, ["a"], "series must hold 1 frames"), ({"x": [b"1"]}, ["a", "b"], "must hold 2 frames each"),
                                                   ({"x": []}, [], "series must hold")])
def test_choose_names_wrong_input(series, labels, words):
    with pytest.raises(ValueError, match=words):
        widgets.choose(series, labels, "cloud")
