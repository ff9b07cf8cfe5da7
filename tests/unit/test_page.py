"""What every page of the book uses."""
import pytest
import torch

from minidiff import page, samplers, weights
from minidiff.train import run


def test_seed_comes_from_the_environment(monkeypatch):
    monkeypatch.delenv("MINIDIFF_SEED", raising=False)
    assert page.seed() == 0
    first = torch.randn(3, generator=page.generator())
    assert torch.equal(first, torch.randn(3, generator=page.generator()))
    assert not torch.equal(first, torch.randn(3, generator=page.generator(1)))
    monkeypatch.setenv("MINIDIFF_SEED", "3")
    assert page.seed() == 3
    assert not torch.equal(first, torch.randn(3, generator=page.generator()))
    for wrong in ("-1", "many"):
        monkeypatch.setenv("MINIDIFF_SEED", wrong)
        with pytest.raises(ValueError, match="MINIDIFF_SEED"):
            page.seed()


def test_device_says_what_it_is(capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert page.device() == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a fast card")
    assert page.device() == torch.device("cuda")
    assert capsys.readouterr().out.splitlines() == ["running on the CPU", "running on a fast card"]


def test_source_is_read_from_the_file(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data["text/plain"]))
    page.source(samplers.ddim_step)
    page.source(samplers.ddim.__wrapped__ if hasattr(samplers.ddim, "__wrapped__") else samplers.ddim)
    from minidiff import VP
    page.source(VP.alpha)
    assert shown[0].startswith("def ddim_step(process, t, s, eta=0.0):") and "def alpha(self, t):" in shown[2]


def test_same(capsys):
    page.same("the step", torch.ones(2), torch.ones(2, dtype=torch.float64) + 1e-9)
    page.same("numbers", [1.0, 2.0], [1.0, 2.0], tolerance=1e-12)
    assert capsys.readouterr().out.splitlines() == ["the step: page and library agree to 1e-06", "numbers: page and library agree to 1e-12"]
    with pytest.raises(AssertionError, match="the step: page and library differ by 0.1"):
        page.same("the step", torch.ones(2), torch.ones(2) + 0.1)
    with pytest.raises(AssertionError, match="shapes"):
        page.same("the step", torch.ones(2), torch.ones(3))
    with pytest.raises(AssertionError):
        page.same("the step", torch.tensor(float("nan")), torch.tensor(float("nan")))
    with pytest.raises(ValueError, match="tolerance"):
        page.same("the step", torch.ones(2), torch.ones(2), tolerance=0)


def test_larger_shows_the_shipped_record_where_there_is_no_gpu(capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    record = page.larger("digits8")
    shown = capsys.readouterr().out
    assert record == weights.record("digits8")
    assert "no GPU here" in shown and record["command"] in shown and record["device"] in shown
    assert f"{record['metrics']['frechet']:.3g}" in shown
    with pytest.raises(ValueError, match="name must be one of"):
        page.larger("digits9")


def test_larger_trains_on_a_gpu(monkeypatch):
    asked = []

    def run_config(name, device):
        asked.append((name, device))
        return run.Outcome(None, {"trained": True})

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(run, "run_config", run_config)
    assert page.larger("digits8") == {"trained": True} and asked == [("digits8", "cuda")]
