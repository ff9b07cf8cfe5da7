"""The claim cell: what it raises, what it shows, what it stores."""
import json
import math

import pytest
import torch

from minidiff import claims
from minidiff.claims import MIME, ClaimError, claim

MUTANT = ("the noise added twice", 3.0)


def good(**changes):
    facts = dict(system="ddpm", statement="errors are small", measured=0.5, relation="<=", bound=1.0, mutant=MUTANT, spread=0.1)
    facts |= changes
    first = [facts.pop(name) for name in ("system", "statement", "measured", "relation", "bound")]
    return claim(*first, **facts)


def test_a_claim_shows_itself_three_ways():
    shown = good()._repr_mimebundle_()
    assert shown[MIME] == {"system": "ddpm", "statement": "errors are small", "measured": 0.5, "relation": "<=", "bound": 1.0,
                           "holds": True, "spread": 0.1,
                           "mutant": {"mistake": "the noise added twice", "measured": 3.0, "holds": False}}
    assert "errors are small" in shown["text/html"] and "spread over seeds 0.1" in shown["text/html"] and "&lt;=" in shown["text/html"]
    assert shown["text/plain"] == "claim [ddpm] errors are small: measured 0.5 <= 1; mutant 3"


def test_words_are_escaped():
    assert "<b>bold</b>" not in good(statement="<b>bold</b>").card() and "&lt;b&gt;" in good(statement="<b>bold</b>").card()


@pytest.mark.parametrize("relation, measured, bound, mutant", [
    ("<=", 1.0, 1.0, 1.1), ("<", 0.9, 1.0, 1.0), (">=", 1.0, 1.0, 0.9), (">", 1.1, 1.0, 1.0), ("==", 1.0, 1.0, 2.0)])
def test_relations(relation, measured, bound, mutant):
    assert good(relation=relation, measured=measured, bound=bound, mutant=("m", mutant)).facts["holds"] is True


@pytest.mark.parametrize("changes, words", [
    ({"measured": 1.5}, "measured 1.5, which is not <= 1"),
    ({"measured": math.nan}, "nan"),
    ({"measured": math.inf}, "finite"),
    ({"measured": math.inf, "relation": ">=", "mutant": ("m", 0.0)}, "finite"),
    ({"bound": math.nan}, "finite"),
    ({"mutant": ("the noise added twice", 0.9)}, "this check cannot fail: 'the noise added twice' measures 0.9"),
    ({"mutant": ("the noise added twice", 1.0)}, "cannot fail"),
    ({"mutant": ("it explodes", math.nan)}, "NaN"),
])
def test_a_claim_that_is_false_or_cannot_fail_raises(changes, words):
    with pytest.raises(ClaimError, match=words):
        good(**changes)
    assert issubclass(ClaimError, AssertionError)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="relation must be one of '<=', .* got '~'"):
        good(relation="~")
    with pytest.raises(TypeError, match="measured must be one number, got 'small'"):
        good(measured="small")
    with pytest.raises(TypeError, match="the mutant's value must be one number"):
        good(mutant=("m", torch.zeros(2)))
    with pytest.raises(TypeError, match="mutant"):
        claim("ddpm", "no mutant", 1.0, "<=", 2.0)


def test_a_mutant_may_explode_and_still_be_json():
    facts = good(mutant=("it explodes", math.inf)).facts
    assert json.loads(json.dumps(facts, allow_nan=False))["mutant"]["measured"] > 1e300
    assert good(relation=">=", measured=2.0, mutant=("it explodes", -math.inf)).facts["mutant"]["measured"] < -1e300


def test_tensors_are_numbers():
    facts = good(measured=torch.tensor(0.25), bound=torch.tensor(1.0), mutant=("m", torch.tensor(3.0))).facts
    assert facts["measured"] == 0.25 and type(facts["measured"]) is float
    json.dumps(facts, allow_nan=False)


def test_spread_comes_from_the_calibration(tmp_path, monkeypatch):
    inner = tmp_path / "book" / "ch2"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert good(spread=None).facts["spread"] is None
    assert "spread" not in good(spread=None).card()
    (tmp_path / "book" / "calibration.json").write_text(json.dumps({"ddpm|errors are small": {"spread": 0.07}}))
    assert good(spread=None).facts["spread"] == 0.07
    assert good(spread=None, statement="another").facts["spread"] is None
    assert good(spread=0.2).facts["spread"] == 0.2
    monkeypatch.chdir(tmp_path)
    assert claims.recorded_spread("ddpm", "errors are small") == 0.07
