"""Every name in the code column of the notation page exists, and so does every argument that it names."""
import inspect
import re
from pathlib import Path

import pytest

import minidiff
from minidiff import DDPM, NCSN, VP, Denoiser, exact, ncsn

PAGE = Path(__file__).resolve().parents[1] / "book" / "notation.md"
COLUMN = 3          # of | symbol | meaning | shape | in code | survey |


def names():
    """What the words of the code column stand for, as the page says."""
    sde = VP()
    return {"process": sde, "sde": sde, "chain": DDPM.linear(100), "levels": NCSN.geometric(10.0, 0.01, 10),
            "model": Denoiser(lambda x, t: x, sde), "target": exact.three_bumps(), "ncsn": ncsn,
            **{module: getattr(minidiff, module) for module in ("losses", "samplers", "grids", "guidance", "likelihood", "vdm")}}


def entries(text):
    """The code spans in the code column of the first table, and in the text from there to the next title."""
    section = text.split("## Symbols and code")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    cells = [re.split(r"(?<!\\)\|", row.replace(r"\mid", ""))[COLUMN + 1] for row in rows]
    below = section.split(rows[-1])[1].replace("```", "")
    return [code for cell in [*cells, below] for code in re.findall(r"`([^`]+)`", cell)]


def problem(entry, known):
    """What is wrong with `name.attribute(argument, ...)`, or None."""
    parts = re.fullmatch(r"([a-z_][\w.]*)(?:\(([\w, ]*)\))?", entry)
    if parts is None:
        return f"{entry}: not a name with arguments"
    head, *rest = parts[1].split(".")
    if head not in known:
        return f"{entry}: the page does not say what {head} is"
    thing = known[head]
    for name in rest:
        if not hasattr(thing, name):
            return f"{entry}: {type(thing).__name__} has no {name}"
        thing = getattr(thing, name)
    if parts[2] is None:
        return None
    if not callable(thing):
        return f"{entry}: cannot be called"
    call = thing.forward if hasattr(thing, "forward") else thing
    missing = {name.strip() for name in parts[2].split(",")} - set(inspect.signature(call).parameters)
    return f"{entry}: no argument {', '.join(sorted(missing))}" if missing else None


def test_the_page_has_its_table():
    found = entries(PAGE.read_text(encoding="utf-8"))
    assert len(found) > 30
    assert {"process.alpha(t)", "model.score(x, t)", "likelihood.bits_per_dim(log_prob, dims)"} <= set(found)


def test_every_name_exists():
    known = names()
    found = entries(PAGE.read_text(encoding="utf-8"))
    assert [wrong for entry in found if (wrong := problem(entry, known))] == []


WRONG = ["process.alphas(t)", "process.alpha(time)", "chain.alpha_bars(t)", "a.alpha(t)", "model(y)", "a b"]


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_name_is_noticed(text):
    assert problem(text, names())


def test_the_column_is_read():
    head = "| a | b | c | in code | e |\n|---|---|---|---|---|"
    row = "| $q(x \\mid y)$ | `no` | | `yes(x)`, `z` | |"
    page = f"## Symbols and code\n\n```{{table}}\n{head}\n{row}\n```\n\nand `w`\n\n## Next"
    assert entries(page) == ["yes(x)", "z", "w"]
