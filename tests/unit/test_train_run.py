"""`python -m minidiff.train`: what a run leaves, that it survives kills, and what it refuses in words."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from minidiff.train import run as module
from minidiff.train import speed
from minidiff.train.__main__ import main
from minidiff.train.config import load, parse
from minidiff.train.run import COLUMNS, read_rows, run_config, sha256, step_of

ROOT = Path(__file__).parents[2]
TINY = """data = "digits8"
[process]
steps = 50
[network]
width = 8
levels = 2
[training]
steps = {steps}
batch = 16
schedule = "constant"
[report]
every = {every}
samples = 20
calls = 2
"""
FILES = ["checkpoint.safetensors", "config.toml", "loss.png", "quality.csv", "record.json", "samples.png",
         "weights.safetensors"]


def tiny(folder, steps=30, every=10):
    path = folder / "tiny.toml"
    path.write_text(TINY.format(steps=steps, every=every))
    return path


def quiet(path, folder, **knobs):
    return run_config(path, folder, device="cpu", progress=False, **knobs)


def start(path, folder, *more, launcher=("-m",)):
    """The real command, as a child."""
    threads = str(torch.get_num_threads())
    return subprocess.Popen(
        [sys.executable, *launcher, "minidiff.train", str(path), "--folder", str(folder), "--device", "cpu", *more],
        cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": threads, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )


def wait_for_step(process, folder, step):
    deadline = time.monotonic() + 60
    while step_of(folder / "checkpoint.safetensors") < step:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[1]
        time.sleep(0.002)


def untimed(folder):
    """quality.csv without its seconds."""
    return [(step, loss, frechet) for step, _, loss, frechet in read_rows(folder / "quality.csv")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run: (config file, folder, outcome)."""
    folder = tmp_path_factory.mktemp("whole")
    path = tiny(folder)
    return path, folder / "run", quiet(path, folder / "run")


def test_a_run_leaves_its_files_and_a_record(whole):
    path, folder, outcome = whole
    record = outcome.record
    assert sorted(file.name for file in folder.iterdir()) == FILES
    assert record == json.loads((folder / "record.json").read_text())
    assert record["steps"] == 30 and record["command"] == "python -m minidiff.train tiny.toml"
    assert record["config"] == load(path).facts() == load(folder / "config.toml").facts()
    assert record["sha256"] == sha256(folder / "weights.safetensors")
    assert record["bytes"] == (folder / "weights.safetensors").stat().st_size
    assert record["parameters"] == sum(p.numel() for p in outcome.model.parameters())
    assert [row[0] for row in record["curve"]] == [10, 20, 30]
    assert record["versions"]["torch"] == torch.__version__ and record["images_per_second"] > 0
    assert all(value > 0 for value in record["metrics"].values()), record["metrics"]
    text = json.dumps(record)
    assert str(folder.parent) not in text and socket.gethostname() not in text


def test_the_metrics_are_those_of_the_weights_in_the_file(whole):
    path, folder, outcome = whole
    judge, metrics = module.Judge(load(path)), outcome.record["metrics"]
    images = judge.samples(outcome.model)
    assert judge.frechet(images) == pytest.approx(metrics["frechet"], rel=1e-5)
    guided = judge.samples(outcome.model, metrics["guidance"])
    assert judge.frechet(guided) == pytest.approx(metrics["frechet_guided"], rel=1e-5)
    assert not torch.equal(images, guided)
    assert judge.loss(outcome.model, judge.test_images, judge.test_labels) == pytest.approx(metrics["loss_test"])
    last = read_rows(folder / "quality.csv")[-1]  # float32 weights: close, not equal
    assert last[3] == pytest.approx(metrics["frechet"], rel=0.02)


def test_the_sheet_has_a_row_for_each_class(whole):
    judge = module.Judge(load(whole[0]))
    labels, columns = judge.sheet(judge.asked.float().reshape(-1, 1, 1, 1))
    assert columns == 2 and labels.reshape(10, columns).tolist() == [[c, c] for c in range(10)]


def test_weights_are_float16_and_one_file_is_like_the_next(whole, tmp_path):
    path, folder, _ = whole
    with safe_open(folder / "weights.safetensors", framework="pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}
    quiet(path, tmp_path / "again")
    assert sha256(tmp_path / "again" / "weights.safetensors") == sha256(folder / "weights.safetensors")


def test_a_finished_run_only_shows_its_table(whole, monkeypatch, capsys):
    path, folder, outcome = whole
    monkeypatch.setattr(module, "train", lambda *a, **k: pytest.fail("trained again"))
    assert main([str(path), "--folder", str(folder), "--device", "cpu"]) == 0
    shown = capsys.readouterr().out
    assert "finished" in shown and f"{outcome.record['metrics']['frechet']:.3g}" in shown
    assert "held-out data" in shown and "recognised as asked" in shown
    with pytest.raises(pytest.fail.Exception, match="trained again"):
        quiet(path, folder, steps=40)


def test_killed_and_resumed_it_ends_bit_for_bit_where_it_would_have(tmp_path):
    """kill -9 of the real command, then the same command to its end."""
    folder, path = tmp_path / "run", tiny(tmp_path, steps=10**6, every=5)
    process = start(path, folder)
    wait_for_step(process, folder, 10)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    reached = step_of(folder / "checkpoint.safetensors")
    steps = reached + 8
    process = start(path, folder, "--steps", str(steps))
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    assert f"goes on from step {reached}, {steps} steps" in out and "loss" in err and "images/s" in err
    quiet(path, tmp_path / "whole", steps=steps)
    assert sha256(folder / "weights.safetensors") == sha256(tmp_path / "whole" / "weights.safetensors")
    assert untimed(folder) == untimed(tmp_path / "whole")
    assert [row[0] for row in untimed(folder)] == [*range(5, reached + 8, 5), steps]
    assert not list(folder.glob("*.part"))


def test_a_kill_between_checkpoint_and_table(whole, tmp_path, monkeypatch):
    path, folder, _ = whole

    def dies(file, rows):
        if rows[-1][0] == 20:
            raise KeyboardInterrupt
        module.write(file, b"")
        real(file, rows)

    real = module.write_rows
    monkeypatch.setattr(module, "write_rows", dies)
    with pytest.raises(KeyboardInterrupt):
        quiet(path, tmp_path / "run")
    assert step_of(tmp_path / "run" / "checkpoint.safetensors") == 20
    assert [row[0] for row in read_rows(tmp_path / "run" / "quality.csv")] == [10]
    monkeypatch.setattr(module, "write_rows", real)
    quiet(path, tmp_path / "run")
    assert untimed(tmp_path / "run") == untimed(folder)


def test_a_kill_while_pictures_are_drawn(whole, tmp_path, monkeypatch):
    """The row is written last, so the pictures of the last step are made again too."""
    path, folder, _ = whole

    def dies(report, *_):
        raise KeyboardInterrupt

    quiet(path, tmp_path / "run", steps=20)
    (tmp_path / "run" / "samples.png").write_bytes(b"old")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module.Report, "draw", dies)
        quiet(path, tmp_path / "run")
    quiet(path, tmp_path / "run")
    assert (tmp_path / "run" / "samples.png").read_bytes() != b"old" and untimed(tmp_path / "run") == untimed(folder)


def test_a_full_disk(whole, tmp_path, monkeypatch, capsys):
    import safetensors.torch

    def full(tensors, part, facts):
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    path, folder, _ = whole
    quiet(path, tmp_path / "run", steps=20)
    before = sha256(tmp_path / "run" / FILES[0])
    with monkeypatch.context() as patch:
        patch.setattr(safetensors.torch, "save_file", full)
        assert main([str(path), "--folder", str(tmp_path / "run"), "--device", "cpu"]) == 2
    shown = capsys.readouterr().err
    assert "checkpoint.safetensors could not be written" in shown and "No space left" in shown
    assert sha256(tmp_path / "run" / FILES[0]) == before and not list((tmp_path / "run").glob("*.part"))
    quiet(path, tmp_path / "run")
    assert sha256(tmp_path / "run" / "weights.safetensors") == sha256(folder / "weights.safetensors")


def test_two_runs_in_one_folder(tmp_path, capsys):
    pytest.importorskip("fcntl")
    path = tiny(tmp_path, steps=10)
    with module.alone(tmp_path / "run"):
        assert main([str(path), "--folder", str(tmp_path / "run"), "--device", "cpu"]) == 2
        assert "another run is writing into" in capsys.readouterr().err and not list((tmp_path / "run").iterdir())
    quiet(path, tmp_path / "run")


def test_without_safetensors(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module.files, "find_spec", lambda name: None)
    assert main([str(tiny(tmp_path)), "--folder", str(tmp_path / "run"), "--device", "cpu"]) == 2
    assert "pip install safetensors" in capsys.readouterr().err and not (tmp_path / "run").exists()


@pytest.mark.parametrize("error, code", [(RuntimeError("CUDA out of memory. Tried"), 2), (MemoryError(), 2),
                                         (OSError(5, "Input/output error"), 2), (RuntimeError("a bug"), None)])
def test_errors_of_the_machine_are_said_in_words(tmp_path, monkeypatch, error, code, capsys):
    def fails(*a, **k):
        raise error

    monkeypatch.setattr(module, "train", fails)
    words = [str(tiny(tmp_path)), "--folder", str(tmp_path / "run"), "--device", "cpu"]
    if code is None:  # a bug keeps its traceback
        with pytest.raises(RuntimeError, match="a bug"):
            main(words)
    else:
        assert main(words) == code and capsys.readouterr().err.startswith("minidiff.train: ")


def test_rows_beyond_the_resumed_step_are_dropped(whole, tmp_path):
    path, folder, _ = whole
    quiet(path, tmp_path / "run", steps=20)
    rows = read_rows(tmp_path / "run" / "quality.csv")
    module.write_rows(tmp_path / "run" / "quality.csv", [*rows, (25, 1.0, 1.0, 1.0), (30, 1.0, 1.0, 1.0)])
    quiet(path, tmp_path / "run")
    assert untimed(tmp_path / "run") == untimed(folder)


def test_pictures_do_not_change_training(whole, tmp_path):
    path, folder, _ = whole
    seldom = tiny(tmp_path, every=30)
    quiet(seldom, tmp_path / "run")
    assert sha256(tmp_path / "run" / "weights.safetensors") == sha256(folder / "weights.safetensors")


def test_ctrl_c_says_how_to_go_on(tmp_path):
    process = start(tiny(tmp_path, steps=10**6, every=5), tmp_path / "run")
    wait_for_step(process, tmp_path / "run", 5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err
    step = step_of(tmp_path / "run" / "checkpoint.safetensors")
    assert f"keeps the run up to step {step}; the same command goes on" in err


def test_two_processes_train_as_one_does(whole, tmp_path):
    pytest.importorskip("accelerate")
    path, folder, outcome = whole
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launcher = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(port), "-m")
    process = start(path, tmp_path / "run", launcher=launcher)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out.count("U-Net with") == 1 and sorted(f.name for f in (tmp_path / "run").iterdir()) == FILES
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert record["processes"] == 2 and record["command"].startswith("torchrun --nproc-per-node 2 -m minidiff.train")
    one, two = (safe_open(f / "checkpoint.safetensors", framework="pt") for f in (folder, tmp_path / "run"))
    torch.testing.assert_close(two.get_tensor("history"), one.get_tensor("history"), rtol=1e-5, atol=0)
    begin = dict(load(path).model((1, 8, 8), 10).state_dict())
    for kind in ("model.", "ema."):  # Adam turns rounding into steps where a gradient is zero: compare lengths
        ours, theirs, origin = (torch.cat([get(name).flatten() for name in begin]) for get in (
            lambda name: two.get_tensor(kind + name), lambda name: one.get_tensor(kind + name), begin.get))
        assert (ours - theirs).norm() < 0.02 * (theirs - origin).norm()  # measured: 0.002
    assert record["metrics"]["frechet"] == pytest.approx(outcome.record["metrics"]["frechet"], rel=1e-2)


@pytest.mark.parametrize("spoil", [lambda raw: raw[:-100], lambda raw: b"", lambda raw: b"\x80\x04" + raw,
                                   lambda raw: raw[:-50] + bytes([raw[-50] ^ 1]) + raw[-49:]],
                         ids=["truncated", "empty", "pickle-like", "one bit"])
def test_a_corrupt_checkpoint_is_refused(whole, tmp_path, spoil, capsys):
    path, folder, _ = whole
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint.safetensors").write_bytes(spoil((folder / FILES[0]).read_bytes()))
    assert main([str(path), "--folder", str(tmp_path / "run"), "--device", "cpu"]) == 2
    shown = capsys.readouterr().err
    assert "is damaged" in shown and "--fresh" in shown and "Traceback" not in shown
    assert not (tmp_path / "run" / "weights.safetensors").exists()


def test_a_pickle_is_never_opened(tmp_path, capsys):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "boom"),)

    (tmp_path / "run").mkdir()
    torch.save({"model": Bomb()}, tmp_path / "run" / "checkpoint.safetensors")
    assert main([str(tiny(tmp_path)), "--folder", str(tmp_path / "run"), "--device", "cpu"]) == 2
    assert "damaged or no safetensors file" in capsys.readouterr().err and not (tmp_path / "boom").exists()


def test_the_folder_of_another_run_is_refused(whole, tmp_path, capsys):
    path, folder, _ = whole
    other = tmp_path / "other.toml"
    other.write_text(path.read_text().replace("width = 8", "width = 16"))
    before = sorted((file.name, sha256(file)) for file in folder.iterdir())
    assert main([str(other), "--folder", str(folder), "--device", "cpu"]) == 2
    shown = capsys.readouterr().err
    assert "network.width = 8, this has 16" in shown and "--fresh" in shown
    assert sorted((file.name, sha256(file)) for file in folder.iterdir()) == before


def test_a_cosine_cannot_be_made_longer(tmp_path, capsys):
    path = tiny(tmp_path, steps=10)
    path.write_text(path.read_text().replace("constant", "cosine"))
    quiet(path, tmp_path / "run")
    before = sha256(tmp_path / "run" / "config.toml")
    assert main([str(path), "--folder", str(tmp_path / "run"), "--device", "cpu", "--steps", "20"]) == 2
    assert "training.steps = 10, this has 20" in capsys.readouterr().err
    assert sha256(tmp_path / "run" / "config.toml") == before


def test_fresh_starts_again(whole, tmp_path):
    path, folder, _ = whole
    other = tmp_path / "other.toml"
    other.write_text(path.read_text().replace("width = 8", "width = 16"))
    quiet(other, tmp_path / "run")
    quiet(path, tmp_path / "run", resume=False)
    assert sha256(tmp_path / "run" / "weights.safetensors") == sha256(folder / "weights.safetensors")
    assert untimed(tmp_path / "run") == untimed(folder)


@pytest.mark.parametrize("words, expected", [
    (["nothing"], "no config file nothing"),
    (["digits8", "--steps", "0"], "steps must be a whole number of at least 1, got 0"),
    (["digits8", "--device", "tpu:0"], "device must be one of this machine"),
])
def test_wrong_words_write_nothing(tmp_path, words, expected, capsys):
    assert main([*words, "--folder", str(tmp_path / "run")]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("minidiff.train: ") and expected in shown and not (tmp_path / "run").exists()


def test_a_wrong_config_writes_nothing(tmp_path, capsys):
    path = tmp_path / "x.toml"
    path.write_text('data = "digits8"\n[network]\nlevels = 7')
    assert main([str(path), "--folder", str(tmp_path / "run")]) == 2
    assert f"{path}, line 3: in [network], levels" in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_missing_data_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert main([str(tiny(tmp_path)), "--folder", str(tmp_path / "run")]) == 2
    assert "scikit-learn" in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_a_foreign_table_is_refused(whole, tmp_path):
    path = tmp_path / "quality.csv"
    assert read_rows(path) == []
    for text in ("", "a,b\n1,2\n", ",".join(COLUMNS) + "\n1,2,x,4\n"):
        path.write_text(text)
        with pytest.raises(ValueError, match="not the table of a run"):
            read_rows(path)


def test_without_matplotlib_and_tqdm(whole, tmp_path, monkeypatch, capsys):
    for name in ("matplotlib", "tqdm"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setitem(sys.modules, "minidiff.plotting", None)
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    run_config(whole[0], tmp_path / "run", device="cpu")
    shown = capsys.readouterr().out
    assert "no pictures: matplotlib is not installed" in shown and "without a progress bar" in shown
    assert "step 10: loss" in shown and "Frechet distance" in shown
    assert sorted(file.name for file in (tmp_path / "run").iterdir()) == [f for f in FILES if "png" not in f]
    assert sha256(tmp_path / "run" / "weights.safetensors") == sha256(whole[1] / "weights.safetensors")


# --speed


def test_flops_are_those_of_the_convolution():
    from minidiff import DDPM, Denoiser

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(1, 1, 3, padding=1, bias=False)

        def forward(self, x, t, labels=None):
            return self.conv(x)

    forward = 2 * 9 * 64  # products and sums of a 3x3 kernel at 64 pixels; as many for its gradient
    assert speed.flops_per_image(Denoiser(Net(), DDPM.linear(50)), (1, 8, 8), 10) == 2 * forward


def test_speed_prints_and_stores_its_table(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(speed, "compiler", lambda: None)
    monkeypatch.setattr(speed, "speed", lambda *a, real=speed.speed, **k: real(*a, seconds=0.05, **k))
    monkeypatch.setattr(speed, "product_rate", lambda device, dtype: 1e11)
    path = tmp_path / "new" / "speed.json"
    assert main([str(tiny(tmp_path)), "--device", "cpu", "--speed", str(path)]) == 0
    facts, shown = json.loads(path.read_text()), capsys.readouterr().out
    rows = {row["way"]: row for row in facts["rows"]}
    assert list(rows) == list(speed.WAYS) and facts["device"] in shown and "GFLOP an image" in shown
    for way in ("float32", "bf16", "channels_last"):
        rate = rows[way]["images_per_second"]
        assert rate > 0 and rows[way]["utilisation"] == pytest.approx(rate * facts["flops_per_image"] / 1e11)
    assert "C++ compiler" in rows["compile"]["skipped"] and "C++ compiler" in rows["all three"]["skipped"]
    assert not (tmp_path / "runs").exists()


def test_a_way_that_fails_is_skipped_with_its_reason(monkeypatch):
    def broken(*a, **k):
        raise RuntimeError("cannot find Triton\nmore")

    monkeypatch.setattr(speed, "train", broken)
    config = parse({"data": "digits8", "network": {"width": 8, "levels": 2}})
    images, labels = torch.zeros(20, 1, 8, 8), torch.arange(20) % 10
    assert speed.measure(config, images, labels, torch.device("cpu"), 1, {}) == {"skipped": "cannot find Triton"}


def test_a_product_is_timed():
    assert 1e7 < speed.product_rate(torch.device("cpu"), torch.float32, seconds=0.01) < 1e15
