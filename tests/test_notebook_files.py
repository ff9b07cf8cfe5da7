"""The stored notebooks as files: outputs belong to the code, in order, small, and all pictures have words.

Each rule has a twin on a made-up notebook that breaks it.
"""

import json
import re
from pathlib import Path

import pytest

from minidiff import dev

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "book").rglob("*.ipynb"))
LARGEST = 300_000  # bytes of one page's notebook
LONGEST = 30  # lines of one code cell


def has_tag(cell, tag):
    return tag in cell["metadata"].get("tags", [])


def code_cells(notebook):
    return [c for c in notebook["cells"] if c["cell_type"] == "code" and "".join(c["source"]).strip()]


def stale(notebook):
    """Outputs are stored together with a digest of the code that made them."""
    how = notebook["metadata"].get("minidiff")
    if how is None:
        return ["no note of a run: store the outputs with `python -m minidiff.dev run NOTEBOOK`"]
    return (
        []
        if how["code"] == dev.code_digest(notebook)
        else ["the code was changed after its outputs were stored"]
    )


def out_of_order(notebook):
    """Cells were run once each, from the top (cells that wait for a GPU keep the count of their own run)."""
    counts = [c.get("execution_count") for c in code_cells(notebook) if not has_tag(c, "gpu")]
    if any(has_tag(c, "gpu") for c in code_cells(notebook)):
        fine = None not in counts and counts == sorted(set(counts))
    else:
        fine = counts == list(range(1, len(counts) + 1))
    return [] if fine else [f"execution counts {counts}"]


def raising(notebook):
    return [f"code cell {number} stores an error: {error}" for number, error in dev.failures(notebook)]


def without_words(notebook):
    """Pictures in outputs, in HTML outputs and in Markdown cells that have no alternative text."""
    found = []
    for place, cell in enumerate(notebook["cells"]):
        for output in cell.get("outputs", []):
            for kind in set(output.get("data", {})) & {"image/png", "image/jpeg", "image/svg+xml"}:
                if not output.get("metadata", {}).get(kind, {}).get("alt", "").strip():
                    found.append(f"cell {place}: {kind} without alt text")
            text = "".join(output.get("data", {}).get("text/html", ""))
            found += [
                f"cell {place}: <img> without alt"
                for tag in re.findall(r"<img\b[^>]*>", text)
                if not re.search(r'alt="[^"]+', tag)
            ]
        if cell["cell_type"] == "markdown":
            found += [
                f"cell {place}: Markdown picture without alt"
                for _ in re.findall(r"!\[\s*\]\(", "".join(cell["source"]))
            ]
    return found


def noisy(notebook):
    """Progress bars, warnings on stderr and memory addresses are not part of a page."""
    outputs = [out for c in code_cells(notebook) for out in c["outputs"]]
    bars = ["stderr is stored" for out in outputs if out.get("name") == "stderr"]
    texts = ["".join(out.get("text", "")) + "".join(out.get("data", {}).get("text/plain", "")) for out in outputs]
    return bars + [f"an address in memory: {text[:60]}" for text in texts if re.search(r" at 0x[0-9a-f]{6}", text)]


def long_cells(notebook):
    lengths = [len("".join(c["source"]).splitlines()) for c in code_cells(notebook)]
    return [f"code cell {n} has {length} lines" for n, length in enumerate(lengths, 1) if length > LONGEST]


def lost_backslash(notebook):
    """A LaTeX command whose backslash was read as an escape leaves a control character: \\alpha, \\beta, \\frac."""
    texts = ["".join(cell["source"]) for cell in notebook["cells"]]
    return [repr(found[0]) for text in texts for found in re.finditer(r"[\x00-\x08\x0b-\x1f].{0,20}", text)]


RULES = (stale, out_of_order, raising, without_words, noisy, long_cells, lost_backslash)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook(path, rule):
    assert rule(json.loads(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_is_small(path):
    assert path.stat().st_size <= LARGEST


# ------------------------------------------------------------------------------------- each rule can fail
def good():
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": "# A page\n\n![a line](line.png)"},
        {"cell_type": "code", "metadata": {}, "source": "x = 1", "execution_count": 1, "outputs": []},
        {
            "cell_type": "code",
            "metadata": {},
            "source": "draw(x)",
            "execution_count": 2,
            "outputs": [
                {
                    "output_type": "display_data",
                    "data": {"image/png": "AAAA"},
                    "metadata": {"image/png": {"alt": "a line"}},
                }
            ],
        },
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    notebook["metadata"]["minidiff"] = {"code": dev.code_digest(notebook)}
    return notebook


def edited(notebook):
    notebook["cells"][1]["source"] = "x = 2"


def never_run(notebook):
    del notebook["metadata"]["minidiff"]


def run_twice(notebook):
    notebook["cells"][1]["execution_count"] = 3


def not_run(notebook):
    notebook["cells"][2]["execution_count"] = None


def raised(notebook):
    notebook["cells"][1]["outputs"] = [
        {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []}
    ]


def silent_picture(notebook):
    notebook["cells"][2]["outputs"][0]["metadata"] = {}


def silent_html(notebook):
    notebook["cells"][2]["outputs"][0]["data"] = {"text/html": '<img src="x.png">'}


def silent_markdown(notebook):
    notebook["cells"][0]["source"] = "![](line.png)"


def progress_bar(notebook):
    notebook["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stderr", "text": "50%"}]


def address(notebook):
    data = {"text/plain": "<torch._C.Generator at 0x7fa784621410>"}
    notebook["cells"][1]["outputs"] = [{"output_type": "execute_result", "data": data}]


def endless_cell(notebook):
    notebook["cells"][1]["source"] = "\n".join(["x = 1"] * (LONGEST + 1))


def escaped_formula(notebook):
    notebook["cells"].append({"cell_type": "markdown", "metadata": {}, "source": "$\frac{1}{2}$"})


BROKEN = [
    (stale, edited),
    (stale, never_run),
    (out_of_order, run_twice),
    (out_of_order, not_run),
    (raising, raised),
    (without_words, silent_picture),
    (without_words, silent_html),
    (without_words, silent_markdown),
    (noisy, progress_bar),
    (noisy, address),
    (long_cells, endless_cell),
    (lost_backslash, escaped_formula),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_good_notebook_passes(rule):
    assert rule(good()) == []


@pytest.mark.parametrize("rule, breaks", BROKEN, ids=lambda function: function.__name__)
def test_a_broken_notebook_is_noticed(rule, breaks):
    notebook = good()
    breaks(notebook)
    assert rule(notebook)


def test_gpu_cells_may_keep_an_old_count():
    notebook = good()
    notebook["cells"][1]["metadata"]["tags"] = ["gpu"]
    notebook["cells"][1]["execution_count"] = 9
    assert out_of_order(notebook) == []
