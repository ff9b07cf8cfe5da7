"""Every claim stored in the book: it holds, its mutant breaks it, its spread is known and its margin is wide enough."""
import copy
import json
import math
import operator
from pathlib import Path

import pytest
import yaml

from minidiff.claims import MIME

BOOK = Path(__file__).resolve().parents[1] / "book"
ROWS = {row["id"] for row in yaml.safe_load((BOOK / "systems.yml").read_text(encoding="utf-8"))}
RELATIONS = {"<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt, "==": operator.eq}


def stored():
    """(notebook, claim) for every claim card in the outputs of book/**/*.ipynb."""
    for path in sorted(BOOK.rglob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                if MIME in output.get("data", {}):
                    facts = output["data"][MIME]
                    yield pytest.param(facts, id=f"{path.stem}-{facts.get('system')}-{str(facts.get('statement'))[:40]}")


CLAIMS = list(stored())


def faults(claim):
    """What is wrong with one stored claim, in words."""
    wanted = {"system", "statement", "measured", "relation", "bound", "holds", "spread", "mutant"}
    if set(claim) != wanted or set(claim["mutant"] or {}) != {"mistake", "measured", "holds"}:
        return [f"fields {sorted(set(claim) ^ wanted)}, mutant {claim['mutant']}"]
    found, mutant = [], claim["mutant"]
    holds = RELATIONS[claim["relation"]]
    numbers = {"measured": claim["measured"], "bound": claim["bound"], "mutant": mutant["measured"]}
    found += [f"{name} is {value!r}" for name, value in numbers.items() if not isinstance(value, (int, float)) or not math.isfinite(value)]
    if found:
        return found
    if claim["system"] not in ROWS:
        found.append(f"no row {claim['system']} in systems.yml")
    if claim["holds"] is not True or not holds(claim["measured"], claim["bound"]):
        found.append("does not hold")
    if mutant["holds"] is not False or holds(mutant["measured"], claim["bound"]) or not mutant["mistake"].strip():
        found.append("its mutant passes")
    if claim["spread"] is None:
        found.append("no spread: python -m minidiff.dev calibrate NOTEBOOK")
    elif claim["relation"] != "==" and abs(claim["bound"] - claim["measured"]) < 2 * claim["spread"]:
        found.append(f"margin {abs(claim['bound'] - claim['measured']):.3g} is less than twice the spread {claim['spread']:.3g}")
    elif claim["relation"] == "==" and claim["spread"] != 0:
        found.append(f"an equality with a spread of {claim['spread']:.3g}")
    return found


@pytest.mark.parametrize("claim", CLAIMS)
def test_stored_claim(claim):
    assert faults(claim) == []


GOOD = {"system": sorted(ROWS)[0], "statement": "errors are small", "measured": 0.5, "relation": "<=", "bound": 1.0, "holds": True,
        "spread": 0.2, "mutant": {"mistake": "noise twice", "measured": 2.0, "holds": False}}
BROKEN = [("measured", 1.5), ("measured", math.nan), ("measured", None), ("holds", False), ("spread", None), ("spread", 0.3),
          ("system", "nothing"), ("relation", ">="), ("relation", "=="), ("mutant", {}), ("mutant", {**GOOD["mutant"], "measured": 0.9}),
          ("mutant", {**GOOD["mutant"], "holds": True}), ("mutant", {**GOOD["mutant"], "mistake": " "}),
          ("mutant", {**GOOD["mutant"], "measured": math.inf})]


def test_a_good_claim_has_no_faults():
    assert faults(GOOD) == []
    assert faults({**GOOD, "relation": "==", "measured": 1.0, "spread": 0.0}) == []


@pytest.mark.parametrize("field, value", BROKEN, ids=[f"{field}={value}" for field, value in BROKEN])
def test_a_broken_claim_is_noticed(field, value):
    assert faults({**copy.deepcopy(GOOD), field: value})
