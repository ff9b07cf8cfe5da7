"""One training loop: draw x0, t and noise; step down the loss; average the weights slowly.

The idea is :meth:`Training.advance`. The rest makes a run pleasant and safe: a progress bar,
checkpoints that survive ``kill -9``, and a resumed run that ends, on a CPU, bit for bit where an
uninterrupted one does.
"""

import copy
import hashlib
import json
import math
import os
import time as clock
from dataclasses import dataclass, field
from pathlib import Path

import torch

from . import losses
from .checks import (check_choice, check_count, check_data, check_generator, check_number,
                     check_tensor, shown)

FORMAT = "minidiff-checkpoint-1"


@dataclass
class Run:
    """What training leaves: sample with ``ema``; ``model`` is the last; ``history``: the losses."""

    model: torch.nn.Module = field(repr=False)
    ema: torch.nn.Module = field(repr=False)
    history: list = field(repr=False)
    seconds: float = 0.0  # of this call, without the steps that a resumed run had behind it
    rate: float = 0.0  # examples per second


def train(model, data, steps, *, batch=128, lr=1e-3, schedule="constant", ema=0.999, loss="simple",
          time="uniform", seed=0, generator=None, device=None, clip=None, progress=True,
          checkpoint=None, every=500, resume=True):
    """Train ``model`` on ``data`` for ``steps`` steps of Adam and return a :class:`Run`.

    model: a Denoiser, or any module when ``loss`` and ``time`` are functions. data: floating point
    (n, *shape), or a function data(count, generator) -> (count, *shape). loss: a weight of
    ``losses.denoising``, or a function loss(model, x0, t, noise) -> (B,). time: "uniform",
    "stratified", or a function time(count, generator) -> (count,). schedule of the learning rate:
    "constant", or "cosine" from lr to 0. ema: decay of the averaged weights. seed: of the run's own
    generator, or pass the ``generator``. device: by default where the model is. clip: largest norm
    of the gradient. checkpoint: a file written every ``every`` steps and at the end; if it is there
    and ``resume`` is true, the run goes on from it. After a kill at most ``every`` steps are lost.

    Raises TypeError or ValueError for wrong arguments, ValueError for a checkpoint that is corrupt,
    foreign, or of a run with other settings, FloatingPointError when the loss is no longer finite.
    """
    steps, batch = check_count("steps", steps), check_count("batch", batch)
    every = check_count("every", every)
    job = Training(model, lr, schedule, ema, clip, steps, seed, generator, device)
    draw_x0, draw_t, loss_of = _data(data, job), _times(time, job), _loss(loss)
    if checkpoint is not None:
        checkpoint = _checkpoint(checkpoint)
        job.settings |= {"batch": batch, "loss": _name(loss), "time": _name(time),
                         "data": _fingerprint(data)}
        if resume and checkpoint.exists():
            job.load(checkpoint)
    start, first = clock.perf_counter(), job.step
    with _Progress(job, batch, progress) as report:
        while job.step < steps:
            x0 = draw_x0(batch)
            noise = torch.randn(x0.shape, generator=job.generator, dtype=x0.dtype, device=x0.device)
            job.advance(x0, draw_t(batch), noise, loss_of)
            report(x0)
            if checkpoint is not None and (job.step % every == 0 or job.step == steps):
                job.save(checkpoint)
    seconds = clock.perf_counter() - start
    return job.finish(seconds, (steps - first) * batch / seconds)


class Training:
    """Everything that a run carries from one step to the next, and all that a checkpoint holds."""

    def __init__(self, model, lr, schedule, ema, clip, steps, seed=0, generator=None, device=None):
        if not isinstance(model, torch.nn.Module):
            raise TypeError(f"model must be a torch module, got {type(model).__name__}")
        self.model = (model if device is None else model.to(_device(device))).train()
        self.weights = [p for p in model.parameters() if p.requires_grad]
        if not self.weights:
            raise ValueError("model must have weights to train, got a module without any")
        self.device, self.dtype = self.weights[0].device, self.weights[0].dtype
        self.lr = check_number("lr", lr, 0)
        self.decay = check_number("ema", ema, 0, 1, open_low=False)
        self.schedule = check_choice("schedule", schedule, ("constant", "cosine"))
        self.clip = clip if clip is None else check_number("clip", clip, 0)
        self.steps, self.step = steps, 0
        self.history = torch.zeros(steps, device=self.device, dtype=self.dtype)
        fused = self.device.type in ("cpu", "cuda")
        self.optimizer = torch.optim.Adam(self.weights, self.lr, fused=fused)
        self.average = copy.deepcopy(model).requires_grad_(False).eval()
        self.slow, self.fast = list(self.average.parameters()), [p.data for p in model.parameters()]
        self.buffers = list(zip(self.average.buffers(), model.buffers()))
        seed = check_count("seed", seed, least=0)
        if seed >= 2**63:
            raise ValueError(f"seed must be below 2^63, got {seed}")
        check_generator(generator)
        if generator is None:
            self.generator = torch.Generator(self.device).manual_seed(seed)
        else:
            self.generator = generator
        self.settings = {"lr": self.lr, "ema": self.decay, "clip": self.clip,
                         "schedule": self.schedule,
                         "seed": seed if generator is None else "generator"}
        if self.schedule == "cosine":
            self.settings["steps"] = steps

    def advance(self, x0, t, noise, loss_of):
        """One step: the mean loss of the batch, its gradient, Adam, the average of the weights.

        x0 and noise (B, *shape), t (B,). The noised x_t = alpha(t) x0 + sigma(t) noise is formed
        inside loss_of.
        """
        if self.schedule == "cosine":
            fall = (1 + math.cos(math.pi * self.step / self.steps)) / 2
            self.optimizer.param_groups[0]["lr"] = self.lr * fall
        loss = check_tensor("the loss", loss_of(self.model, x0, t, noise)).mean()
        if not loss.requires_grad:
            raise ValueError("the loss must depend on the model's weights, got a constant")
        self.optimizer.zero_grad()
        loss.backward()
        if self.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.weights, self.clip)
        self.optimizer.step()
        self.history[self.step] = loss.detach()
        self.follow()
        self.step += 1

    def follow(self):
        """w_ema <- d w_ema + (1 - d) w; d grows from 0.1 to ``ema``, to forget the random start."""
        decay = min(self.decay, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(self.slow, self.fast, 1 - decay)
        for mine, theirs in self.buffers:
            mine.copy_(theirs)

    def finish(self, seconds, rate):
        """The Run; the model is left in evaluation mode."""
        self.check_finite()
        return Run(self.model.eval(), self.average, self.history.tolist(), seconds, rate)

    def check_finite(self):
        """Raise FloatingPointError when a loss so far was NaN or infinite."""
        bad = (~torch.isfinite(self.history[: self.step])).nonzero()
        if len(bad):
            raise FloatingPointError(
                f"the loss stopped being finite at step {int(bad[0]) + 1}; try a smaller lr than "
                f"{self.lr:g}, or clip=1.0"
            )

    def tensors(self):
        """All state as a flat dictionary name -> tensor."""
        state = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        state |= {f"ema.{name}": value for name, value in self.average.state_dict().items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            state |= {f"adam.{index}.{name}": value for name, value in moments.items()}
        state["history"] = self.history[: self.step]
        state["random.run"] = self.generator.get_state()
        state["random.torch"] = torch.get_rng_state()
        if self.device.type == "cuda":
            state["random.cuda"] = torch.cuda.get_rng_state(self.device)
        return state

    def save(self, path):
        """Write a checkpoint beside its final name and move it there: readers find old or new."""
        from safetensors.torch import save_file

        self.check_finite()
        part = Path(f"{path}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        tensors = {name: value.detach().cpu().clone().contiguous()
                   for name, value in self.tensors().items()}
        facts = {"format": FORMAT, "step": str(self.step), "settings": json.dumps(self.settings)}
        facts["sha256"] = _digest(tensors)
        save_file(tensors, part, facts)
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)

    def load(self, path):
        """Go on from a checkpoint. Raises ValueError, with file and fault, before any change."""
        stored, facts = _read_checkpoint(path)
        step = _check_checkpoint(path, stored, facts, self)
        self.model.load_state_dict(_part(stored, "model."))
        self.average.load_state_dict(_part(stored, "ema."))
        moments = {}
        for name, value in _part(stored, "adam.").items():
            index, kind = name.split(".", 1)
            moments.setdefault(int(index), {})[kind] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        self.generator.set_state(stored["random.run"])
        torch.set_rng_state(stored["random.torch"])
        if "random.cuda" in stored and self.device.type == "cuda":
            torch.cuda.set_rng_state(stored["random.cuda"], self.device)
        self.history[:step] = stored["history"].to(self.device)
        self.step = step


def _device(device):
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, TypeError, AssertionError, NotImplementedError) as error:
        raise ValueError(f'device must be one of this machine, like "cpu" or "cuda:0", '
                         f"got {shown(device)}: {error}") from error


def _checkpoint(path):
    """The path of a checkpoint, if it can be written: better now than after the first steps."""
    try:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
    except TypeError:
        raise TypeError(f"checkpoint must be the path of a file, got {shown(path)}") from None
    except OSError as error:
        raise ValueError(f"checkpoint must be a file in a folder that can be made, got {path} "
                         f"({error})") from error
    if path.is_dir():
        raise ValueError(f"checkpoint must be the path of a file, got the folder {path}")
    if not os.access(path.parent, os.W_OK):
        raise ValueError(f"checkpoint must be in a folder that can be written to, got {path}")
    return path


def _part(stored, prefix):
    return {name.removeprefix(prefix): value
            for name, value in stored.items() if name.startswith(prefix)}


def _read_checkpoint(path):
    from safetensors import SafetensorError, safe_open

    cure = "delete it, or pass resume=False to start again over it"
    try:
        with safe_open(path, framework="pt") as file:
            facts = file.metadata() or {}
            stored = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"checkpoint {path} is damaged or no safetensors file ({error}); "
                         f"{cure}") from error
    if facts.get("format") != FORMAT:
        raise ValueError(
            f"checkpoint {path} was not written by minidiff.train "
            f"(format {facts.get('format')!r}, expected {FORMAT!r}); {cure}"
        )
    if facts.get("sha256") != _digest(stored):
        raise ValueError(
            f"checkpoint {path} is damaged: its content does not have the SHA-256 "
            f"written into it; {cure}"
        )
    return stored, facts


def _check_checkpoint(path, stored, facts, job):
    """The step of a checkpoint that fits the job; ValueError in words when it does not."""
    settings, step = json.loads(facts["settings"]), int(facts["step"])
    for name in sorted(settings.keys() | job.settings.keys()):
        theirs, mine = settings.get(name), job.settings.get(name)
        if theirs != mine:
            raise ValueError(
                f"checkpoint {path} belongs to a run with {name} = {theirs!r}, "
                f"this has {name} = {mine!r}; use the same, or another file, or resume=False"
            )
    for kind, module in (("model.", job.model), ("ema.", job.average)):
        mine = {name: tuple(value.shape) for name, value in module.state_dict().items()}
        theirs = {name: tuple(value.shape) for name, value in _part(stored, kind).items()}
        names = mine.keys() | theirs.keys()
        wrong = sorted(name for name in names if mine.get(name) != theirs.get(name))
        if wrong:
            raise ValueError(
                f"checkpoint {path} is of another network: {wrong[0]} has shape "
                f"{theirs.get(wrong[0])}, here {mine.get(wrong[0])} ({len(wrong)} differences)"
            )
    if step > job.steps:
        raise ValueError(
            f"checkpoint {path} is already at step {step}, beyond steps = {job.steps}; "
            "ask for more steps, or pass resume=False"
        )
    return step


def _data(data, job):
    """draw(count) -> x0 (count, *shape), with replacement; data checked and moved once."""
    if callable(data) and not isinstance(data, torch.Tensor):
        def call(count):
            x0 = check_tensor("data(count, generator)", data(count, generator=job.generator))
            if x0.dtype != job.dtype or x0.ndim < 2 or len(x0) != count:
                raise ValueError("data(count, generator) must give a tensor (count, *shape) of "
                                 f"dtype {job.dtype}, got {shown(x0)} for count = {count}")
            return x0.to(job.device)

        return call
    check_data("data", data)
    if data.ndim < 2 or not data.numel():
        raise ValueError("data must have shape (n, *shape) with n at least 1, "
                         f"got {tuple(data.shape)}")
    if data.dtype != job.dtype:
        raise TypeError(f"data must have the dtype of the model's weights, {job.dtype}, "
                        f"got {data.dtype}")
    data = data.to(job.device)

    def draw(count):
        return data[torch.randint(len(data), (count,), generator=job.generator, device=job.device)]

    return draw


def _times(time, job):
    """draw(count) -> times (count,): whole steps 1..T of a chain, else uniform on [t_min, 1].

    "stratified" puts one time into each of ``count`` equal parts: the same mean loss with less
    noise (the low-discrepancy sampler of Kingma et al. 2021, arXiv 2107.00630).
    """
    if callable(time):
        def call(count):
            t = time(count, generator=job.generator)
            if not isinstance(t, torch.Tensor) or t.shape != (count,):
                raise ValueError("time(count, generator) must give a tensor (count,), "
                                 f"got {shown(t)} for count = {count}")
            return t.to(job.device)

        return call
    check_choice("time", time, ("uniform", "stratified"))
    process = getattr(job.model, "process", None)
    if process is None:
        raise ValueError("time must be a function time(count, generator) "
                         "when the model has no process")
    steps = chain_length(process)

    def draw(count):
        u = torch.rand(count, generator=job.generator, device=job.device, dtype=job.dtype)
        if time == "stratified":
            u = (u + torch.arange(count, device=job.device)) / count
        if steps:
            return (u * steps).long().clamp(max=steps - 1) + 1
        return process.t_min + (1 - process.t_min) * u

    return draw


def chain_length(process):
    """T for a chain of T steps (DDPM, NCSN), None when time is continuous."""
    return getattr(process, "num_steps", getattr(process, "num_levels", None))


def _loss(loss):
    """The function loss(model, x0, t, noise) -> (B,) that was asked for."""
    if callable(loss):
        return loss
    if not isinstance(loss, str):
        raise TypeError(
            "loss must be the name of a weight or a function loss(model, x0, t, noise), "
            f"got {shown(loss)}"
        )
    check_choice("loss", loss, losses.WEIGHTS)
    return lambda model, x0, t, noise: losses.denoising(model, x0, t, noise, weight=loss)


def _name(value):
    return value if isinstance(value, str) else getattr(value, "__qualname__", type(value).__name__)


def _fingerprint(data):
    if not isinstance(data, torch.Tensor):
        return _name(data)
    return f"{tuple(data.shape)} {_digest({'': data})[:16]}"


def _digest(tensors):
    """SHA-256 over names, dtypes, shapes and bytes."""
    digest = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


class _Progress:
    """A tqdm bar with the loss (mean of the last hundred steps) and images or points per second.

    Looks at the loss twice a second only: reading a number back from a GPU makes it wait. Stops a
    run whose loss is NaN.
    """

    def __init__(self, job, batch, wanted):
        self.job, self.batch, self.wanted, self.bar = job, batch, wanted, None

    def __enter__(self):
        if self.wanted:
            from tqdm.auto import tqdm

            steps, first = self.job.steps, self.job.step
            self.bar = tqdm(total=steps, initial=first, unit="step", desc="training")
        self.first, self.start = self.job.step, clock.perf_counter()
        self.due, self.unit = 0.0, "points"
        return self

    def __call__(self, x0):
        if self.bar is not None:
            self.bar.update()
        now = clock.perf_counter()
        if now > self.due:
            self.due, self.unit = now + 0.5, "images" if x0.ndim == 4 else "points"
            self.report(now)

    def report(self, now):
        """Look at the losses, and write them behind the bar."""
        self.job.check_finite()
        if self.bar is not None:
            loss = self.job.history[max(0, self.job.step - 100) : self.job.step].mean().item()
            rate = (self.job.step - self.first) * self.batch / (now - self.start)
            self.bar.set_postfix_str(f"loss {loss:.4g}, {rate:.0f} {self.unit}/s")

    def __exit__(self, kind, *_):
        if self.bar is not None:
            if kind is None and self.job.step > self.first:
                self.report(clock.perf_counter())
            self.bar.close()
