"""Training learns, is reproducible, survives a kill, resumes bit for bit, refuses wrong input in words."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from minidiff import DDPM, NCSN, VP, Denoiser, losses
from minidiff.data import ring
from minidiff.nets import MLP
from minidiff.train import FORMAT, Training, train

ROOT = Path(__file__).parents[2]
POINTS = ring(500, generator=torch.Generator().manual_seed(0))


def small(process=None, seed=0):
    torch.manual_seed(seed)
    return Denoiser(MLP(2, width=16, depth=2, frequencies=2), process or VP())


def quick(model=None, data=POINTS, steps=6, **knobs):
    return train(small() if model is None else model, data, steps, progress=False, batch=32, **knobs)


def same(a, b):
    return all(
        torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


def test_the_loss_falls_towards_that_of_the_exact_denoiser():
    from minidiff.exact import Gaussian

    target, process = Gaussian([0.0], 0.5), VP()
    torch.manual_seed(0)
    model = Denoiser(MLP(1, width=32, depth=2), process)
    run = train(
        model,
        lambda n, generator: target.sample(n, generator=generator, dtype=torch.float32),
        400,
        batch=256,
        lr=3e-3,
        schedule="cosine",
        ema=0.98,
        progress=False,
        seed=1,
    )
    generator = torch.Generator().manual_seed(2)
    x0, noise = torch.randn(20_000, 1, generator=generator) * 0.5, torch.randn(20_000, 1, generator=generator)
    t = torch.rand(20_000, generator=generator) * 0.999 + 0.001
    best = losses.denoising(target.denoiser(process), x0, t, noise).mean().item()
    with torch.no_grad():
        learned = losses.denoising(run.ema, x0, t, noise).mean().item()
        blank = losses.denoising(Denoiser(lambda x, t: 0 * x, process), x0, t, noise).mean().item()
    assert best <= learned * 1.001 and learned - best < 0.05 * (blank - best)


def test_result():
    model = small()
    run = quick(model, steps=7)
    assert run.model is model and not model.training and len(run.history) == 7
    assert all(isinstance(value, float) and value > 0 for value in run.history)
    assert run.seconds > 0 and run.rate > 0
    assert not any(p.requires_grad for p in run.ema.parameters()) and not same(run.ema, run.model)
    assert "history" not in repr(run)


def test_seed_decides_the_run_and_nothing_else_does():
    a = quick(small(), seed=5)
    torch.manual_seed(123)
    b = quick(small(), seed=5)
    assert same(a.ema, b.ema) and a.history == b.history
    assert quick(small(), seed=6).history != a.history
    assert quick(small(), generator=torch.Generator().manual_seed(5)).history == a.history


def test_the_average_is_the_recursion_with_warm_up():
    model = small()
    slow, weights = [p.detach().clone() for p in model.parameters()], []
    run = quick(
        model,
        steps=5,
        ema=0.3,
        loss=lambda m, *rest: (
            weights.append([p.detach().clone() for p in m.parameters()]) or losses.denoising(m, *rest)
        ),
    )
    weights = weights[1:] + [list(run.model.parameters())]
    for step, now in enumerate(weights):
        keep = min(0.3, (1 + step) / (10 + step))
        slow = [keep * s + (1 - keep) * w for s, w in zip(slow, now)]
    for mine, theirs in zip(run.ema.parameters(), slow):
        torch.testing.assert_close(mine, theirs)


def test_buffers_are_copied_into_the_average():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.line, self.norm = torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2)

        def forward(self, x, t):
            return self.norm(self.line(x))

    run = quick(Denoiser(Net(), VP()))
    assert torch.equal(run.ema.net.norm.running_mean, run.model.net.norm.running_mean)
    assert run.ema.net.norm.num_batches_tracked == 6


def times_seen(process, how="uniform", batch=400):
    seen = []
    train(
        small(process),
        POINTS,
        5,
        batch=batch,
        time=how,
        progress=False,
        loss=lambda model, x0, t, noise: seen.append(t) or losses.denoising(model, x0, t, noise),
    )
    return torch.cat(seen)


def test_times_of_a_continuous_process():
    t = times_seen(VP())
    assert t.is_floating_point() and t.min() >= VP().t_min and t.max() <= 1 and abs(t.mean() - 0.5) < 0.05


@pytest.mark.parametrize("chain, count", [(DDPM.linear(50), 50), (NCSN.geometric(5.0, 0.1, 10), 10)])
def test_times_of_a_chain_are_all_its_steps(chain, count):
    for how in ("uniform", "stratified"):
        t = times_seen(chain, how)
        assert t.dtype == torch.int64 and t.unique().tolist() == list(range(1, count + 1))


def test_stratified_times_leave_no_gap():
    t = times_seen(VP(), "stratified", batch=100)
    cell = ((t - VP().t_min) / (1 - VP().t_min) * 100).floor().clamp(max=99).reshape(5, 100)
    assert all(row.sort().values.diff().max() <= 2 for row in cell) and cell.unique().numel() == 100


def test_own_times_and_a_model_without_a_process():
    net = torch.nn.Linear(2, 2)
    run = quick(
        net,
        time=lambda count, generator: torch.rand(count, generator=generator),
        loss=lambda model, x0, t, noise: (model(x0 + noise) - x0).square().sum(1),
    )
    assert run.model is net
    with pytest.raises(ValueError, match="time must be a function"):
        quick(torch.nn.Linear(2, 2))


def test_cosine_schedule_ends_at_zero_and_clip_limits_the_gradient():
    rates = []
    job = Training(small(), "simple", 4, lr=1.0, schedule="cosine", ema=0.9, clip=0.01)
    x0 = POINTS[:8]
    for _ in range(4):
        job.advance(x0, torch.full((8,), 0.5), torch.randn(8, 2))
        rates.append(job.optimizer.param_groups[0]["lr"])
        norm = torch.stack([p.grad.norm() for p in job.weights]).norm()
        assert norm <= 0.01 * 1.001
    assert rates == pytest.approx([1.0, 0.8535534, 0.5, 0.1464466])


def test_weights_of_the_loss_change_the_run():
    assert quick(loss="likelihood").history != quick().history


def test_float64():
    run = quick(small().double(), data=POINTS.double())
    assert next(run.ema.parameters()).dtype == torch.float64


def test_a_batch_may_be_larger_than_the_data():
    assert len(quick(data=POINTS[:3]).history) == 6


def test_frozen_weights_stay():
    model = small()
    model.net.out.requires_grad_(False)
    before = model.net.out.weight.clone()
    assert torch.equal(quick(model).model.net.out.weight, before)


def test_progress_bar_shows_loss_and_rate(capfd):
    train(small(), POINTS, 30, batch=8)
    shown = capfd.readouterr().err
    assert "loss" in shown and "points/s" in shown and "30/30" in shown


# Labels, precision, watching


class Told(torch.nn.Module):
    """A network that remembers which labels it was told."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.table, self.seen = torch.nn.Embedding(4, 2), []

    def forward(self, x, t, labels=None):
        self.seen.append(labels)
        return x * 0.1 + self.table(torch.zeros(len(x), dtype=torch.long) if labels is None else labels + 1)


LABELS = torch.arange(500) % 3


def test_labels_follow_their_examples_and_some_are_dropped():
    net, pairs = Told(), []

    def loss(model, x0, t, noise):
        values = losses.denoising(model, x0, t, noise)
        pairs.append((x0, net.seen[-1]))
        return values

    quick(Denoiser(net, VP()), steps=40, labels=LABELS, drop=0.25, loss=loss)
    of = {tuple(x): label for x, label in zip(POINTS.tolist(), LABELS.tolist())}
    told = [(label, of[tuple(x)]) for x0, labels in pairs for x, label in zip(x0.tolist(), labels.tolist())]
    assert all(label in (-1, right) for label, right in told)
    share = sum(label == -1 for label, _ in told) / len(told)
    assert abs(share - 0.25) < 4 * (0.25 * 0.75 / len(told)) ** 0.5
    net.seen.clear()
    quick(Denoiser(net, VP()), labels=LABELS, drop=0)
    assert all((labels >= 0).all() for labels in net.seen)


def test_without_labels_nothing_is_told_and_the_draws_are_the_same():
    net = Told()
    quick(Denoiser(net, VP()))
    assert net.seen == [None] * 6


def test_resume_with_labels_is_exact(tmp_path):
    def go(steps, **knobs):
        return quick(Denoiser(Told(), VP()), steps=steps, labels=LABELS, **knobs)

    go(5, checkpoint=tmp_path / "c")
    assert same(go(12, checkpoint=tmp_path / "c").ema, go(12).ema)
    with pytest.raises(ValueError, match="labels = "):
        quick(Denoiser(Told(), VP()), steps=12, labels=LABELS.flip(0), checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match="drop = 0.1, this has drop = 0.5"):
        go(12, drop=0.5, checkpoint=tmp_path / "c")


@pytest.mark.parametrize(
    "knobs, words",
    [
        ({"labels": LABELS.float()}, "labels must be a tensor of whole numbers"),
        ({"labels": LABELS.tolist()}, "labels must be a tensor of whole numbers"),
        ({"labels": LABELS[:9]}, r"labels must have shape \(500,\)"),
        ({"labels": LABELS - 2}, "be -1"),
        ({"labels": LABELS, "drop": 1.5}, r"drop must lie in \[0, 1\]"),
        ({"precision": "fp16"}, "precision must be one of 'fp32', 'bf16'"),
    ],
)
def test_wrong_labels_and_precision(knobs, words):
    with pytest.raises((TypeError, ValueError), match=words):
        quick(Denoiser(Told(), VP()), **knobs)


def test_labels_need_a_tensor_of_data():
    with pytest.raises(ValueError, match="labels need data that is a tensor"):
        quick(Denoiser(Told(), VP()), data=lambda n, generator: torch.randn(n, 2), labels=LABELS)


def test_labels_need_a_model_that_can_be_told():
    with pytest.raises(TypeError, match="labels need a Denoiser, got the model Linear"):
        quick(torch.nn.Linear(2, 2), labels=LABELS, time=lambda n, generator: torch.rand(n),
              loss=lambda model, x0, t, noise: model(x0).square().sum(1))


def test_several_processes_without_accelerate(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ImportError, match="pip install accelerate"):
        quick()


def test_processes_that_do_not_share_a_folder(tmp_path, monkeypatch):
    """One machine finds a checkpoint, another does not: said, where both would wait forever."""
    from minidiff.train import loop

    class Engine:
        device, process_index, num_processes = torch.device("cpu"), 0, 2

        def prepare_model(self, module):
            return module

        def reduce(self, x, how):
            return x

        def gather(self, here):
            return torch.cat([here, here.new_tensor(others)])

    others = [0]
    monkeypatch.setattr(loop, "_engine", lambda device: Engine())
    quick(steps=4, checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match=r"folder that all processes share.*steps \[0, 4\]"):
        quick(steps=8, checkpoint=tmp_path / "c")
    others = [4]
    assert len(quick(steps=8, checkpoint=tmp_path / "c").history) == 8


def test_bf16_reaches_the_network_and_leaves_the_weights_in_float32():
    kinds = set()

    class Net(MLP):
        def forward(self, x, t):
            kinds.add(self.out(self.hidden[-1].weight.new_zeros(1, 16)).dtype)
            return super().forward(x, t)

    torch.manual_seed(0)
    run = quick(Denoiser(Net(2, width=16, depth=2), VP()), precision="bf16")
    assert kinds == {torch.bfloat16} and next(run.model.parameters()).dtype == torch.float32
    torch.manual_seed(0)
    exact = quick(Denoiser(MLP(2, width=16, depth=2), VP()))
    assert run.history != exact.history
    assert run.history == pytest.approx(exact.history, rel=0.03)


def test_channels_last_is_a_memory_order_only():
    from minidiff.nets import UNet

    def go(**knobs):
        torch.manual_seed(0)
        return quick(Denoiser(UNet(width=8), VP()), data=torch.randn(20, 1, 8, 8), **knobs)

    run = go(channels_last=True)
    assert run.model.net.first.weight.is_contiguous(memory_format=torch.channels_last)
    assert run.history == pytest.approx(go().history, rel=1e-4)


def test_resume_keeps_the_memory_order_of_channels_last(tmp_path):
    """Adam's moments lie in memory as their weights do; fused Adam pairs them by place, or refuses on a GPU."""
    from minidiff.nets import UNet

    def go(steps, **knobs):
        torch.manual_seed(0)
        data, model = torch.randn(20, 1, 8, 8), Denoiser(UNet(width=8), VP())
        return quick(model, data=data, steps=steps, channels_last=True, **knobs)

    jobs = []
    go(3, checkpoint=tmp_path / "c")
    rest, whole = go(6, checkpoint=tmp_path / "c", watch=jobs.append), go(6)
    assert same(rest.ema, whole.ema) and rest.history == whole.history
    for weight, state in jobs[-1].optimizer.state.items():
        assert state["exp_avg"].stride() == weight.stride() == state["exp_avg_sq"].stride()


def test_watch_sees_the_run_after_each_checkpoint(tmp_path):
    seen = []

    def watch(job):
        torch.randn(3)  # the global generator is the watcher's: the run has its own
        seen.append((job.step, step_of(tmp_path / "c"), len(job.losses()), job.seconds))

    run = quick(steps=11, every=4, checkpoint=tmp_path / "c", watch=watch)
    assert [row[:3] for row in seen] == [(4, 4, 4), (8, 8, 8), (11, 11, 11)]
    assert 0 < seen[0][3] < seen[1][3] < seen[2][3] and run.seconds == pytest.approx(seen[2][3])
    assert run.history == quick(steps=11).history


def test_seconds_of_all_resumed_stretches_add_up(tmp_path):
    jobs = []
    for steps in (4, 9):
        quick(steps=steps, checkpoint=tmp_path / "c", watch=jobs.append)
    assert jobs[1].seconds > jobs[0].seconds > 0


def test_a_compiled_network_learns_the_same(monkeypatch):
    """torch.compile is asked for the network only; what it compiles is not tested here."""
    asked = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: asked.append(type(self)))
    assert quick(compile=True).history == quick().history and asked == [MLP]


# Checkpoints


def test_resumed_run_equals_the_uninterrupted_one(tmp_path):
    path = tmp_path / "run.safetensors"
    whole = quick(steps=20)
    quick(steps=8, checkpoint=path)
    model = small(seed=9)  # another start: all of it must come from the file
    rest = quick(model, steps=20, checkpoint=path)
    assert same(rest.model, whole.model) and same(rest.ema, whole.ema) and rest.history == whole.history
    again = quick(small(seed=3), steps=20, checkpoint=path)  # nothing left to do
    assert same(again.ema, whole.ema) and again.history == whole.history
    assert [file.name for file in tmp_path.iterdir()] == ["run.safetensors"]


def test_resume_covers_the_global_random_state_too(tmp_path):
    def loss(model, x0, t, noise):
        xt = model.process.perturb(x0, t, noise)
        return (model.net[1](model.net[0](xt, t)) - noise).square().sum(1)

    def go(model, steps, **knobs):
        return quick(model, steps=steps, loss=loss, **knobs)

    class Callable(torch.nn.ModuleList):
        def forward(self, x, t):
            return self[0](x, t)

    def make():
        torch.manual_seed(0)
        return Denoiser(Callable([MLP(2, width=16, depth=2), torch.nn.Dropout()]), VP())

    whole = go(make(), 12)
    go(make(), 5, checkpoint=tmp_path / "c")
    torch.manual_seed(77)
    assert same(go(make(), 12, checkpoint=tmp_path / "c").ema, whole.ema)


def test_every_flipped_bit_of_the_head_is_found(tmp_path):
    """Step, seconds and settings stand in the head, beside names and shapes."""
    path = tmp_path / "c"
    quick(steps=4, checkpoint=path)
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    for place in [*range(8, 600, 3), raw.index(b'"seconds":"') + 12, raw.index(b'"step":"') + 8]:
        path.write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
        with pytest.raises(ValueError, match="checkpoint .* (damaged|was not written by)"):
            quick(steps=6, checkpoint=path)
    assert size > 600


def test_resume_false_starts_again(tmp_path):
    quick(steps=8, checkpoint=tmp_path / "c")
    assert quick(steps=5, checkpoint=tmp_path / "c", resume=False).history == quick(steps=5).history


SCRIPT = """
import torch
from minidiff import VP, Denoiser
from minidiff.data import ring
from minidiff.nets import MLP
from minidiff.train import train
torch.manual_seed(0)
model = Denoiser(MLP(2, width=16, depth=2, frequencies=2), VP())
points = ring(500, generator=torch.Generator().manual_seed(0))
train(model, points, {steps}, batch=32, progress=False, checkpoint={path!r}, every={every})
"""


def start(path, steps, every):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(path=str(path), steps=steps, every=every)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads()), "PYTHONPATH": str(ROOT)},
    )


def step_of(path):
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return int(file.metadata()["step"])


def test_killed_run_goes_on_bit_for_bit(tmp_path):
    """kill -9 while it writes a checkpoint every second step, again and again; then finish and compare."""
    path, steps = tmp_path / "run.safetensors", 400
    for goal in (2, 60, 120):
        process = start(path, 10**7, every=2)
        deadline = time.monotonic() + 60
        while not (path.exists() and step_of(path) >= goal):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        reached = step_of(path)  # whole and readable, whenever the kill came
        assert reached >= goal
    steps = reached + 40
    resumed = quick(steps=steps, checkpoint=path, every=2)
    whole = quick(steps=steps)
    assert (
        same(resumed.model, whole.model) and same(resumed.ema, whole.ema) and resumed.history == whole.history
    )


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "c"
    quick(steps=4, checkpoint=path)
    before = path.read_bytes()
    monkeypatch.setattr("os.replace", lambda *a: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(OSError, match="no space"):
        quick(steps=8, checkpoint=path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw[:-100],
        lambda raw: b"",
        lambda raw: b"not a checkpoint at all" * 40,
        lambda raw: b"\x80\x04" + raw,
    ],
    ids=["truncated", "empty", "text", "pickle-like"],
)
def test_damaged_checkpoint(tmp_path, spoil):
    path = tmp_path / "c.safetensors"
    quick(checkpoint=path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ValueError, match=r"c\.safetensors is damaged.*delete it"):
        quick(checkpoint=path)


def test_pickle_is_never_opened(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "boom"),))

    path = tmp_path / "c.pt"
    torch.save({"model": Bomb()}, path)
    with pytest.raises(ValueError, match="damaged or no safetensors"):
        quick(checkpoint=path)
    assert not (tmp_path / "boom").exists()


def test_foreign_safetensors_file(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "c"
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match="not written by minidiff.train"):
        quick(checkpoint=path)
    save_file({"weight": torch.zeros(3)}, path, {"format": FORMAT, "step": "x", "settings": "{"})
    with pytest.raises(ValueError, match="damaged"):
        quick(checkpoint=path)


def test_one_flipped_bit_in_a_weight(tmp_path):
    path = tmp_path / "c"
    quick(checkpoint=path)
    raw = bytearray(path.read_bytes())
    raw[-1000] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ValueError, match="damaged"):
        quick(checkpoint=path)


@pytest.mark.parametrize(
    "missing", ["history", "random.run", "random.torch", "adam.0.exp_avg", "model.net.out.bias"]
)
def test_checkpoint_without_a_part(tmp_path, missing):
    from safetensors import safe_open
    from safetensors.torch import save_file

    path, model = tmp_path / "c", small()
    quick(checkpoint=path)
    with safe_open(path, framework="pt") as file:
        facts, stored = (
            file.metadata(),
            {name: file.get_tensor(name) for name in file.keys() if name != missing},
        )
    save_file(stored, path, facts)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match="damaged"):
        quick(model, checkpoint=path)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    "other",
    [
        dict(lr=2e-3),
        dict(ema=0.5),
        dict(loss="x0"),
        dict(seed=1),
        dict(time="stratified"),
        dict(data=POINTS + 1),
        dict(schedule="cosine"),
        dict(clip=1.0),
    ],
    ids=lambda d: next(iter(d)),
)
def test_checkpoint_of_a_run_with_other_settings(tmp_path, other):
    quick(checkpoint=tmp_path / "c")
    with pytest.raises(
        ValueError, match=f"belongs to a run with {'clip' if 'clip' in other else next(iter(other))}"
    ):
        quick(checkpoint=tmp_path / "c", **other)


def test_checkpoint_of_another_network_or_beyond_the_end(tmp_path):
    quick(checkpoint=tmp_path / "c", steps=6)
    with pytest.raises(ValueError, match="another network"):
        quick(Denoiser(MLP(2, width=8, depth=2), VP()), checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match="already at step 6, beyond steps = 3"):
        quick(checkpoint=tmp_path / "c", steps=3)


# Wrong arguments


@pytest.mark.parametrize(
    "knobs, kind, words",
    [
        (dict(steps=0), ValueError, "steps must be a whole number of at least 1"),
        (dict(steps=2.5), ValueError, "steps"),
        (dict(steps="10"), TypeError, "steps"),
        (dict(batch=0), ValueError, "batch"),
        (dict(every=-1), ValueError, "every"),
        (dict(lr=0), ValueError, "lr"),
        (dict(lr=float("nan")), ValueError, "lr"),
        (dict(ema=1.0), ValueError, "ema"),
        (dict(clip=0), ValueError, "clip"),
        (dict(loss="mse"), ValueError, "loss must be one of 'simple'"),
        (dict(loss=3), TypeError, "loss must be"),
        (dict(time="random"), ValueError, "time must be one of"),
        (dict(schedule="linear"), ValueError, "schedule must be one of"),
        (dict(data=torch.zeros(0, 2)), ValueError, "data must have shape"),
        (dict(data=torch.zeros(5)), ValueError, "data must have shape"),
        (dict(data=torch.zeros(5, 2, dtype=torch.int64)), TypeError, "data must hold floating-point"),
        (dict(data=torch.full((5, 2), float("nan"))), ValueError, "data must be finite"),
        (dict(data=[[0.0, 1.0]]), TypeError, "data must be a torch tensor"),
        (dict(data=POINTS.double()), TypeError, "data must have the dtype of the model's weights"),
        (dict(device="nonsense"), ValueError, "device"),
        (dict(device="meta:x"), ValueError, "device must be one of this machine"),
        (dict(generator=4), TypeError, "generator must be a torch.Generator"),
        (dict(checkpoint=5), TypeError, "checkpoint must be the path of a file"),
        (dict(checkpoint="."), ValueError, "checkpoint must be the path of a file, got the folder"),
        (dict(checkpoint="/dev/null/run"), ValueError, "checkpoint must be a file in a folder"),
        (dict(data=lambda count, generator: None), TypeError, "data.count, generator. must be"),
        (dict(data=lambda count, generator: POINTS[:1]), ValueError, "data.count, generator. must give"),
        (dict(time=lambda count, generator: torch.rand(7)), ValueError, "time.count, generator. must give"),
        (dict(loss=lambda model, x0, t, noise: 3.0), TypeError, "the loss must be a tensor"),
        (dict(loss=lambda model, x0, t, noise: x0.sum(1)), ValueError, "the loss must depend on"),
    ],
    ids=lambda part: next(iter(part)) if isinstance(part, dict) else getattr(part, "__name__", part),
)
def test_wrong_arguments_are_named(knobs, kind, words):
    knobs = dict(data=POINTS, steps=3, batch=4, progress=False) | knobs
    with pytest.raises(kind, match=words):
        train(small(), knobs.pop("data"), knobs.pop("steps"), **knobs)


def test_wrong_models_are_named():
    with pytest.raises(TypeError, match="model must be a torch module"):
        quick(lambda x, t: x)
    with pytest.raises(ValueError, match="weights to train"):
        quick(Denoiser(lambda x, t: x, VP()))


def test_a_diverging_run_stops_and_spares_the_checkpoint(tmp_path):
    with pytest.raises(FloatingPointError, match="step 3"):
        quick(
            steps=8,
            checkpoint=tmp_path / "c",
            every=2,
            loss=lambda model, x0, t, noise: (
                losses.denoising(model, x0, t, noise) * (float("nan") if calls.pop() else 1)
            ),
        ) if (calls := [1, 1, 1, 1, 1, 1, 0, 0]) else None
    assert step_of(tmp_path / "c") == 2
    with pytest.raises(FloatingPointError):
        quick(small(), data=POINTS * 1e30)


@pytest.mark.gpu
def test_cuda_resume(tmp_path):
    model = quick(small(), device="cuda", steps=6, checkpoint=tmp_path / "c").ema
    assert next(model.parameters()).is_cuda
    assert len(quick(small(), device="cuda", steps=9, checkpoint=tmp_path / "c").history) == 9
