"""Shipped weights: one call, their hash checked, their record whole; what is altered or missing is refused."""

import json
import shutil

import pytest
import torch

import minidiff
from minidiff import guidance, weights
from minidiff.train.run import run_config, sha256

TINY = """data = "digits8"
process = {steps = 50}
network = {width = 8, levels = 2}
training = {steps = 5, batch = 8}
report = {samples = 20, calls = 2}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of the command, to be shipped."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "tiny.toml").write_text(TINY)
    return run_config(folder / "tiny.toml", folder / "run", device="cpu", progress=False)


@pytest.fixture
def shipped(made, tmp_path, monkeypatch):
    """A folder of weights with one model, "tiny", put there by the two copies of CONTRIBUTING.md."""
    shutil.copy(made.folder / "weights.safetensors", tmp_path / "tiny.safetensors")
    shutil.copy(made.folder / "record.json", tmp_path / "tiny.json")
    monkeypatch.setattr(weights, "HERE", tmp_path)
    return tmp_path


def test_a_shipped_model_is_the_one_that_was_made(made, shipped):
    model = minidiff.pretrained("tiny")
    x, labels = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 3, 9, -1])
    ours, theirs = (guidance.classifier_free(m, labels, 1.0)(x, 0.5) for m in (model, made.model))
    assert torch.equal(ours, theirs) and not torch.equal(ours, model(x, 0.5))
    assert isinstance(model, minidiff.Denoiser) and isinstance(model.process, minidiff.DDPM)
    assert not model.training and not any(p.requires_grad for p in model.parameters())
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert weights.record("tiny") == made.record


def test_a_device_may_be_asked_for(shipped):
    assert next(minidiff.pretrained("tiny", device="meta").parameters()).device.type == "meta"


def test_one_altered_byte_is_refused(shipped):
    path = shipped / "tiny.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-7] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ValueError, match="tiny.safetensors is missing or altered.*python -m minidiff.train tiny.toml"):
        minidiff.pretrained("tiny")


def test_a_missing_file_is_refused(shipped):
    (shipped / "tiny.safetensors").unlink()
    with pytest.raises(ValueError, match="tiny.safetensors is missing or altered"):
        minidiff.pretrained("tiny")


@pytest.mark.parametrize("call", [minidiff.pretrained, weights.record])
def test_an_unknown_name_is_refused_with_the_known_ones(shipped, call):
    with pytest.raises(ValueError, match="name must be one of 'tiny', got 'digits9'"):
        call("digits9")
    with pytest.raises(ValueError, match="name must be one of 'tiny'"):
        call(["tiny"])


def test_minidiff_has_no_other_lazy_names():
    with pytest.raises(AttributeError, match="no attribute 'trained'"):
        minidiff.trained


@pytest.mark.parametrize("name", weights.names())
def test_every_shipped_model(name):
    model, record = minidiff.pretrained(name), weights.record(name)
    assert {"command", "config", "seed", "device", "date", "minutes", "metrics", "versions", "curve"} <= set(record)
    assert record["command"].startswith("python -m minidiff.train ")
    assert record["bytes"] == (weights.HERE / f"{name}.safetensors").stat().st_size < 4e6
    assert record["parameters"] == sum(p.numel() for p in model.parameters())
    assert record["metrics"]["frechet"] < record["metrics"]["frechet_gaussian"]
    labels = torch.arange(10)
    x = guidance.classifier_free(model, labels, 0.0)(torch.randn(10, *record["shape"]), 1.0)
    assert x.shape == (10, *record["shape"]) and torch.isfinite(x).all()
    assert "/" not in json.dumps(record["versions"]) + record["device"]
    assert record["sha256"] == sha256(weights.HERE / f"{name}.safetensors")
