"""Interactive figures that also move without a kernel, in the static site.

A pure function draws one frame per value; the browser links a slider to the frames. The static
picture that is shown first is what print, search engines and viewers without widgets keep.
"""

import base64
import html

from .checks import shown
from .plotting import check_alt, png

MOST_FRAMES = 12


def frames(draw, values, dpi=80, colors=32):
    """PNG bytes of ``draw(value)``, a Figure, for each value (at most 12: pages stay small)."""
    values = list(values)
    if not 1 <= len(values) <= MOST_FRAMES:
        raise ValueError(f"values must hold 1 to {MOST_FRAMES} settings, got {len(values)}")
    return [png(draw(value), dpi, colors) for value in values]


def scrub(frames, labels, alt, description="", start=None):
    """Show a slider over frames, linked in the browser, so that it moves on the built page as well.

    frames: list of PNG bytes, all of one size (see :func:`frames`). labels: one text for each. alt:
    what is seen and how it changes, in words. description: what the slider sets. start: the frame
    that is shown first (default: the middle one). Displays the widget with a static PNG and its alt
    text behind it. Raises ValueError for no frames, too many, labels of another number, empty alt.
    """
    from IPython.display import display

    frames, labels, alt = list(frames), [str(label) for label in labels], check_alt(alt)
    if not 1 <= len(frames) <= MOST_FRAMES or not all(isinstance(frame, bytes) for frame in frames):
        raise ValueError(f"frames must be 1 to {MOST_FRAMES} PNG pictures as bytes, "
                         f"got {shown(frames)}")
    if len(labels) != len(frames):
        raise ValueError(f"labels must be {len(frames)}, one for each frame, got {len(labels)}")
    start = len(frames) // 2 if start is None else range(len(frames))[start]
    pictures = [_img(frame, f"{alt} ({label})") for frame, label in zip(frames, labels)]
    box = _linked(pictures, labels, description, start)
    display(_bundle(box, frames[start], alt), raw=True, metadata={"image/png": {"alt": alt}})


def choose(series, labels, alt, description=""):
    """A menu of series, each a slider over its frames, linked in the browser like :func:`scrub`.

    series: {name: list of PNG bytes}, all lists as long as `labels`, the settings of the slider.
    The middle frame of the first series is the static picture. Raises ValueError as `scrub` does.
    """
    import ipywidgets
    from IPython.display import display

    alt, labels = check_alt(alt), [str(label) for label in labels]
    series = {str(name): list(frames) for name, frames in series.items()}
    if not series or any(len(frames) != len(labels) or not labels for frames in series.values()):
        raise ValueError(f"series must hold {len(labels)} frames each, one for each label, "
                         f"got {[len(frames) for frames in series.values()]}")
    middle = len(labels) // 2
    boxes = [_linked([_img(frame, f"{alt} ({name}, {label})")
                      for frame, label in zip(frames, labels)], labels, description, middle)
             for name, frames in series.items()]
    menu = ipywidgets.Dropdown(options=[(name, i) for i, name in enumerate(series)], index=0,
                               layout={"width": "min(100%, 480px)"})
    stack = ipywidgets.Stack(boxes, selected_index=0)
    ipywidgets.jslink((menu, "index"), (stack, "selected_index"))
    box = ipywidgets.VBox([menu, stack], layout={"max_width": "100%"})
    display(_bundle(box, next(iter(series.values()))[middle], alt), raw=True,
            metadata={"image/png": {"alt": alt}})


def _bundle(box, picture, alt):
    """The widget, and the static picture behind it."""
    return {"application/vnd.jupyter.widget-view+json": {"version_major": 2, "version_minor": 0,
                                                         "model_id": box.model_id},
            "image/png": picture, "text/plain": f"[interactive figure: {alt}]"}


def _linked(pictures, labels, description, start):
    """A slider above a stack of HTML pictures, linked in the browser."""
    import ipywidgets

    slider = ipywidgets.SelectionSlider(
        options=[(label, i) for i, label in enumerate(labels)],
        index=start,
        description=description,
        continuous_update=True,
        style={"description_width": "initial"},
        layout={"width": "min(100%, 480px)"},
    )
    children = [ipywidgets.HTML(picture) for picture in pictures]
    stack = ipywidgets.Stack(children, selected_index=start)
    ipywidgets.jslink((slider, "index"), (stack, "selected_index"))
    return ipywidgets.VBox([slider, stack], layout={"max_width": "100%"})


def _img(data, alt):
    """An HTML picture: unlike ipywidgets.Image it can carry alt text."""
    source = base64.b64encode(data).decode()
    alt = html.escape(alt, quote=True)
    return f'<img src="data:image/png;base64,{source}" alt="{alt}" style="max-width: 100%">'
