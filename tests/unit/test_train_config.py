"""A config says what it means; a wrong one is refused with its line, what was given and what is allowed."""

import dataclasses

import pytest
import torch

from minidiff.train.config import SECTIONS, SHIPPED, Config, ConfigError, TrainingSection, load, parse

FAULTS = {  # a file -> (line, words)
    'data = "fashion3"': (1, "data must be one of 'digits8'.*got 'fashion3'; did you mean 'fashion32'"),
    "\ndata = 8": (2, "data must be one of 'digits8'.*got 8"),
    'date = "digits8"': (1, "unknown name 'date'.*did you mean 'data'"),
    "[training]\nsteps = 10": (None, "data must be given, one of 'digits8'"),
    'data = "digits8"\n\n[proces]\nsteps = 5': (3, "unknown name 'proces'.*did you mean 'process'"),
    'data = "digits8"\nsteps = 5': (2, r"unknown name 'steps'.*belongs into \[process\] or \[training\]"),
    'data = "digits8"\nprocess = 3': (2, r"process must be a section \[process\], got 3"),
    'data = "digits8"\n[network]\n# wider\nwidht = 8': (4, r"\[network\], unknown name 'widht'.*mean 'width'"),
    'data = "digits8"\n[network]\nwidth = 8\nlevels = "two"': (4, "levels must be a whole number, got 'two'"),
    'data = "digits8"\n[network]\nattention = 1': (3, "attention must be true or false, got 1"),
    'data = "digits8"\n[process]\n\nkind = "cosin"': (4, "kind must be one of 'cosine'.*mean 'cosine'"),
    'data = "digits8"\nprocess.steps = 0': (2, "steps must be a whole number of at least 1, got 0"),
    'data = "digits8"\nprocess = {steps = 0}': (2, "steps must be a whole number of at least 1, got 0"),
    'data = "digits8"\n[training]\nlr = "fast"': (3, "lr must be a number, got 'fast'"),
    'data = "digits8"\n[training]\nlr = 0': (3, "lr must lie in"),
    'data = "digits8"\n[training]\nlr = nan': (3, "lr must lie in"),
    'data = "digits8"\n[training]\nsteps = 1e4': (3, "steps must be a whole number, got 10000.0"),
    'data = "digits8"\n[training]\nsteps = true': (3, "steps must be a whole number, got True"),
    'data = "digits8"\n[process]\nsteps = 9\n[training]\nlr = 1\nsteps = 0': (6, "steps must be .* got 0"),
    'data = "digits8"\n[training]\nschedule = "linear"': (3, "schedule must be one of 'constant', 'cosine'"),
    'data = "digits8"\n[training]\n\n"ema" = 1.0': (4, r"ema must lie in \[0, 1\), got 1"),
    'data = "digits8"\n[training]\ndrop = -0.1': (3, "drop must lie in"),
    'data = "digits8"\n[training]\nprecision = "fp16"': (3, "precision must be one of 'auto', 'fp32', 'bf16'"),
    'data = "digits8"\n[training]\ncompile = "yes"': (3, "compile must be one of True, False, 'auto'"),
    'data = "digits8"\n[training]\nseed = -1': (3, "seed must be a whole number of at least 0"),
    'data = "digits8"\n[report]\nsamples = 1': (3, "samples must be a whole number of at least 10"),
    'data = "digits8"\n[report]\nguidance = 0': (3, "guidance must lie in"),
    'data = "digits8"\n[training.more]\nx = 1': (2, "unknown name 'more'"),
    'data = "digits8"\n[training]\nsteps = = 5': (3, "not TOML"),
    'data = "digits8"\n[training]\nlr = 1' + "0" * 400: (3, r"lr must be below 2\^63, got 1000"),
    'data = "digits8"\n[training]\nseed = 18446744073709551616': (3, r"seed must be below 2\^63"),
    'data = "digits8"\n[[training]]\nsteps = 5': (2, r"training must be a section \[training\], got \["),
    'data = "digits8"\nx = ' + "[" * 5000 + "]" * 5000: (2, "not TOML"),
    'data = "digits8"\ndata = "digits8"': (2, "not TOML"),
    # what only the library can judge: the objects are built first
    'data = "digits8"\n[process]\nkind = "linear"\nsteps = 5': (4, "steps must be at least 21"),
    'data = "digits8"\n[process]\nkind = "ncsn"\nsteps = 1': (4, "steps must be a whole number of at least 2"),
    'data = "digits8"\n[network]\nwidth = 8\nlevels = 60': (3, "width and levels are too large"),
    'data = "digits8"\n[network]\nwidth = 80_000\nlevels = 8': (4, "divisible by 128; got shape"),  # 100 TB of weights
    'data = "digits8"\n[network]\nlevels = 2\nwidth = 12': (4, "width must be a multiple of 8"),
    'data = "digits8"\n[network]\nlevels = 0': (3, "levels must be a whole number of at least 1"),
    'data = "digits8"\n[network]\nwidth = 8\nlevels = 5': (4, "divisible by 16; got shape"),
    'data = "digits8"\n[network]\nlevels = 1\npatch = 3': (3, "divisible by 3; got shape"),
}


@pytest.mark.parametrize("text", FAULTS, ids=lambda text: text.replace("\n", " | "))
def test_a_fault_is_named_with_its_line(tmp_path, text):
    line, words = FAULTS[text]
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words) as caught:
        load(path).model((1, 8, 8), 10)
    assert str(caught.value).startswith(f"{path}, line {line}: " if line else f"{path}: ")


def test_files_that_are_none(tmp_path):
    with pytest.raises(ConfigError, match="no config file digits9.*shipped: cifar10, digits8.*mean 'digits8'"):
        load("digits9")
    with pytest.raises(ConfigError, match="no config file"):
        load(tmp_path)
    (tmp_path / "x.toml").write_bytes(b"data = '\xff'")
    with pytest.raises(ConfigError, match="cannot be read as text"):
        load(tmp_path / "x.toml")


def test_a_file_of_another_editor(tmp_path):
    """A byte order mark and Windows newlines change nothing."""
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xef\xbb\xbf" + b'data = "digits8"\r\n[training]\r\nsteps = 7\r\n')
    assert load(path) == parse({"data": "digits8", "training": {"steps": 7}})


def test_defaults_and_what_was_given(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text('data = "fashion16"\n[training]\nlr = 1\nsteps = 7\n[network]\nattention = false')
    config = load(path)
    assert (config.training.steps, config.training.lr, config.network.attention) == (7, 1, False)
    assert config.training.batch == TrainingSection().batch and config.for_steps(9).training.steps == 9
    assert config.for_steps(None) is config
    with pytest.raises(ValueError, match="steps must be"):
        config.for_steps(0)


def test_text_is_the_same_config_again(tmp_path):
    config = parse({"data": "cifar10", "training": {"lr": 1e-5, "compile": False}, "process": {"kind": "linear"}})
    path = tmp_path / "x.toml"
    path.write_text(config.text())
    assert load(path) == config and parse(config.facts()) == config
    assert load(path) != config.for_steps(11)


def test_sections_made_in_python_are_checked_too():
    with pytest.raises(ValueError, match="batch must be"):
        TrainingSection(batch=0)
    with pytest.raises(ValueError, match="data must be one of"):
        Config("mnist")
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config("digits8").data = "cifar10"


def test_auto_means_what_helps_on_the_device():
    on_gpu = {"precision": "bf16", "channels_last": True, "compile": True}
    assert TrainingSection().on("cuda") == on_gpu
    assert TrainingSection().on("cpu") == {"precision": "fp32", "channels_last": False, "compile": False}
    given = TrainingSection(precision="bf16", channels_last=True, compile=False)
    assert given.on("cpu") == {"precision": "bf16", "channels_last": True, "compile": False}


def test_the_seed_decides_the_first_weights_and_leaves_the_global_state_alone():
    config, other = parse({"data": "digits8"}), parse({"data": "digits8", "training": {"seed": 1}})
    before = torch.get_rng_state()
    a, b, c = (each.model((1, 8, 8), 10).net.first.weight for each in (config, config, other))
    assert torch.equal(a, b) and not torch.equal(a, c) and torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_configs_build(path):
    config = load(path.stem)
    shape = {"digits8": (1, 8, 8), "fashion16": (1, 16, 16), "fashion32": (1, 32, 32), "cifar10": (3, 32, 32)}
    model = config.model(shape[config.data], 10)
    assert config.process.make().as_time(0.5) == model.process.as_time(0.5)
    assert 10_000 < sum(p.numel() for p in model.parameters()) < 2e7


def test_every_field_is_described():
    source = (SHIPPED.parent / "train" / "config.py").read_text()
    for kind in (Config, *SECTIONS.values()):
        for item in dataclasses.fields(kind):
            lines = [line for line in source.splitlines() if line.startswith(f"    {item.name}: ")]
            assert lines and all("#" in line for line in lines if "Section" not in line and "source" not in line)
