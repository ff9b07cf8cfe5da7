"""Claims: sentences that a cell measures, with the classic mistake the same cell must catch."""
import html
import json
import math
import operator
import os
from pathlib import Path

from .checks import check_choice, shown

HUGE = 1.7e308   # stands for infinity, which JSON cannot hold
MIME = "application/vnd.minidiff.claim+json"
RELATIONS = {"<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt,
             "==": operator.eq}


class ClaimError(AssertionError):
    """A claim that does not hold, or a check that could not have failed."""


class Claim:
    """A claim that was measured and holds; shows itself as a card and carries its facts as data."""

    def __init__(self, facts):
        self.facts = facts

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {MIME: self.facts, "text/html": self.card(), "text/plain": self.line()}

    def line(self):
        """The claim in one line."""
        facts = self.facts
        return (f"claim [{facts['system']}] {facts['statement']}: "
                f"measured {number(facts['measured'])} "
                f"{facts['relation']} {number(facts['bound'])}; "
                f"mutant {number(facts['mutant']['measured'])}")

    def card(self):
        """The claim as a small HTML card, styled by the site; readable without a style too."""
        facts, mutant = self.facts, self.facts["mutant"]
        spread = ""
        if facts["spread"] is not None:
            spread = f" (spread over seeds {number(facts['spread'])})"
        return (f'<div class="claim"><div class="claim-statement">'
                f'<strong>{html.escape(facts["system"])}</strong>: '
                f'{html.escape(facts["statement"])}</div>'
                f'<div class="claim-measure">measured <b>{number(facts["measured"])}</b>{spread} '
                f'{html.escape(facts["relation"])} {number(facts["bound"])}</div>'
                f'<div class="claim-mutant">caught: {html.escape(mutant["mistake"])} gives '
                f'{number(mutant["measured"])}</div></div>')


def number(value):
    """A measured value for a reader: three significant digits."""
    return f"{value:.3g}"


def claim(system, statement, measured, relation, bound, *, mutant, spread=None):
    """Assert `measured relation bound`, and that the mutant breaks it; return the card.

    system     id of a row in book/systems.yml
    statement  the claim in words
    mutant     (the classic mistake in words, the value that the wrong variant measured)
    spread     standard deviation over seeds; by default the one in book/calibration.json, None when
               not recorded

    Raises ClaimError when the claim does not hold, and when the mutant satisfies it too: such a
    check cannot fail.
    """
    check_choice("relation", relation, RELATIONS)
    mistake, wrong = mutant
    measured, bound = finite("measured", measured), finite("bound", bound)
    wrong = finite("the mutant's value", wrong)
    for name, value in (("measured", measured), ("bound", bound)):
        if not abs(value) < HUGE:
            raise ClaimError(f"{system}: {statement}: {name} must be finite, got {value:g}")
    if math.isnan(wrong):
        raise ClaimError(f"{system}: {mistake!r} measures NaN, which no check can catch: "
                         "measure it where it is a number")
    if not RELATIONS[relation](measured, bound):
        raise ClaimError(f"{system}: {statement}: measured {measured:.6g}, "
                         f"which is not {relation} {bound:.6g}")
    if RELATIONS[relation](wrong, bound):
        raise ClaimError(f"{system}: this check cannot fail: {mistake!r} measures {wrong:.6g}, "
                         f"which is also {relation} {bound:.6g}")
    if spread is None:
        spread = recorded_spread(system, statement)
    return Claim({"system": system, "statement": statement,
                  "measured": measured, "relation": relation, "bound": bound, "holds": True,
                  "spread": None if spread is None else float(spread),
                  "mutant": {"mistake": mistake, "measured": wrong, "holds": False}})


def finite(name, value):
    """A plain float. A mutant may explode: infinity becomes the largest float, for JSON's sake."""
    try:
        value = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be one number, got {shown(value)}") from None
    return math.copysign(HUGE, value) if math.isinf(value) else value


def recorded_spread(system, statement):
    """The spread over 5 seeds that book/calibration.json holds for this claim, or None."""
    for folder in (Path(os.getcwd()), *Path(os.getcwd()).parents):
        for path in (folder / "calibration.json", folder / "book" / "calibration.json"):
            if path.is_file():
                recorded = json.loads(path.read_text("utf8"))
                return recorded.get(f"{system}|{statement}", {}).get("spread")
    return None
