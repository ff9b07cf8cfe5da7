"""One training loop: draw x0, t and noise; step down the loss; average the weights slowly.

The idea is :meth:`Training.advance`. The rest makes a run pleasant and safe: a progress bar,
checkpoints that survive ``kill -9``, a resumed run that ends, on a CPU, bit for bit where an
uninterrupted one does, and several processes that share one batch.
"""

import copy
import math
import os
import time as clock
from dataclasses import dataclass, field

import torch

from ..checks import (check_choice, check_count, check_generator, check_number, check_tensor, shown)
from . import checkpoint as files
from .draws import draws, fingerprint, loss_named, name_of
from .progress import Progress


@dataclass
class Run:
    """What training leaves: sample with ``ema``; ``model`` is the last; ``history``: the losses."""

    model: torch.nn.Module = field(repr=False)
    ema: torch.nn.Module = field(repr=False)
    history: list = field(repr=False)
    seconds: float = 0.0  # of this call, without the steps that a resumed run had behind it
    rate: float = 0.0  # examples per second


def train(model, data, steps, *, labels=None, drop=0.1, batch=128, lr=1e-3, schedule="constant",
          ema=0.999, loss="simple", time="uniform", seed=0, generator=None, device=None, clip=None,
          precision="fp32", channels_last=False, compile=False, progress=True, checkpoint=None,
          every=500, resume=True, watch=None):
    """Train ``model`` on ``data`` for ``steps`` steps of Adam and return a :class:`Run`.

    model: a Denoiser, or any module when ``loss`` and ``time`` are functions. data: floating point
    (n, *shape), or a function data(count, generator) -> (count, *shape). labels: None, or (n,)
    whole numbers; each is hidden (-1) with probability ``drop``, for guidance (Ho & Salimans 2022).
    loss: a weight of ``losses.denoising``, or a function loss(model, x0, t, noise) -> (B,). time:
    "uniform", "stratified", or a function time(count, generator) -> (count,). schedule of the
    learning rate: "constant", or "cosine" from lr to 0. ema: decay of the averaged weights. seed:
    of the run's own generator, or pass the ``generator``. device: by default where the model is.
    clip: largest norm of the gradient. precision: "fp32", or "bf16" for the network's products
    (autocast). channels_last, compile: a memory order and a compiled network, for GPUs. checkpoint:
    a file written every ``every`` steps and at the end; if there and ``resume`` is true, the run
    goes on from it. watch(job) gets the :class:`Training` at each checkpoint, written or read.
    Several processes (``torchrun``) share each batch.

    Raises TypeError or ValueError for wrong arguments, ValueError for a checkpoint that is corrupt,
    foreign, or of a run with other settings, FloatingPointError when the loss is no longer finite.
    """
    batch, every = check_count("batch", batch), check_count("every", every)
    job = Training(model, loss, steps, lr=lr, schedule=schedule, ema=ema, clip=clip, seed=seed,
                   generator=generator, device=device, precision=precision,
                   channels_last=channels_last, compile=compile)
    draw = draws(data, labels, drop, time, batch, job)
    if checkpoint is not None:
        checkpoint = files.check_path(checkpoint)
        job.settings |= {"batch": batch, "loss": name_of(loss), "time": name_of(time),
                         "data": fingerprint(data)}
        if labels is not None:
            job.settings |= {"labels": fingerprint(labels), "drop": drop}
        if resume and checkpoint.exists():
            files.load(job, checkpoint)
        job.agree()
    before, first = job.seconds, job.step
    with Progress(job, batch, progress) as report:
        job.run(draw, report, every, checkpoint, watch)
    return job.finish(job.seconds - before, (job.steps - first) * batch)


class Objective(torch.nn.Module):
    """The model and its loss as one module: all that crosses to other processes is one forward."""

    def __init__(self, model, loss):
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, x0, t, noise, labels=None):
        model = self.model if labels is None else self.model.given(labels)
        return self.loss(model, x0, t, noise)


class Training:
    """Everything that a run carries from one step to the next, and all that a checkpoint holds."""

    def __init__(self, model, loss, steps, *, lr=1e-3, schedule="constant", ema=0.999, clip=None,
                 seed=0, generator=None, device=None, precision="fp32", channels_last=False,
                 compile=False):
        if not isinstance(model, torch.nn.Module):
            raise TypeError(f"model must be a torch module, got {type(model).__name__}")
        self.lr = check_number("lr", lr, 0)
        self.decay = check_number("ema", ema, 0, 1, open_low=False)
        self.schedule = check_choice("schedule", schedule, ("constant", "cosine"))
        self.clip = clip if clip is None else check_number("clip", clip, 0)
        self.bf16 = check_choice("precision", precision, ("fp32", "bf16")) == "bf16"
        self.channels_last = channels_last
        self.steps, self.step, self.seconds = check_count("steps", steps), 0, 0.0
        self.place(model, device)
        self.history = torch.zeros(self.steps, device=self.device, dtype=self.dtype)
        self.average = copy.deepcopy(model).requires_grad_(False).eval()
        self.slow, self.fast = list(self.average.parameters()), list(model.parameters())
        self.buffers = list(zip(self.average.buffers(), model.buffers()))
        fused = self.device.type in ("cpu", "cuda")
        self.optimizer = torch.optim.Adam(self.weights, self.lr, fused=fused)
        self.objective = Objective(model, loss_named(loss))
        if compile:
            getattr(model, "net", model).compile()
        if self.engine is not None:
            self.objective = self.engine.prepare_model(self.objective)
        self.generator = _generator(seed, generator, self.device)
        self.settings = {"lr": self.lr, "ema": self.decay, "clip": self.clip,
                         "schedule": self.schedule,
                         "seed": seed if generator is None else "generator"}
        if self.schedule == "cosine":
            self.settings["steps"] = self.steps

    def place(self, model, device):
        """Move the model to its device; find out which of how many processes this is."""
        self.engine = _engine(device)
        if self.engine is not None:
            device = self.engine.device
        self.model = (model if device is None else model.to(_device(device))).train()
        if self.channels_last:
            model.to(memory_format=torch.channels_last)
        self.weights = [p for p in model.parameters() if p.requires_grad]
        if not self.weights:
            raise ValueError("model must have weights to train, got a module without any")
        self.device, self.dtype = self.weights[0].device, self.weights[0].dtype
        self.rank = 0 if self.engine is None else self.engine.process_index
        self.processes = 1 if self.engine is None else self.engine.num_processes
        self.main = self.rank == 0  # the one that writes files and shows progress

    def run(self, draw, report, every, checkpoint=None, watch=None):
        """Advance to the last step; leave a checkpoint every ``every`` steps and at the end."""
        if self.step and watch is not None:  # a kill may have come before it saw this checkpoint
            watch(self)
        start = clock.perf_counter()
        while self.step < self.steps:
            x0, *rest = draw()
            self.advance(x0, *rest)
            report(x0)
            if self.step % every == 0 or self.step == self.steps:
                report.now()  # looks at the losses, which waits for the GPU
                self.seconds += clock.perf_counter() - start
                self.leave(checkpoint, watch)
                report.pause()
                start = clock.perf_counter()

    def advance(self, x0, t, noise, labels=None):
        """One step: the mean loss of the batch, its gradient, Adam, the average of the weights.

        x0 and noise (B, *shape), t (B,), labels (B,) or None. The noised x_t = alpha(t) x0 +
        sigma(t) noise is formed inside the loss.
        """
        if self.schedule == "cosine":
            fall = (1 + math.cos(math.pi * self.step / self.steps)) / 2
            self.optimizer.param_groups[0]["lr"] = self.lr * fall
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            loss = check_tensor("the loss", self.objective(x0, t, noise, labels)).mean()
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

    @torch.no_grad()
    def follow(self):
        """w_ema <- d w_ema + (1 - d) w; d grows from 0.1 to ``ema``, to forget the random start."""
        decay = min(self.decay, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(self.slow, self.fast, 1 - decay)
        for mine, theirs in self.buffers:
            mine.copy_(theirs)

    def losses(self):
        """The losses so far, (step,): each the mean over the batch, over all its processes."""
        mine = self.history[: self.step]
        return mine if self.engine is None else self.engine.reduce(mine.clone(), "mean")

    def leave(self, checkpoint, watch):
        """Write the checkpoint, then let `watch` look at the run."""
        self.history[: self.step] = self.losses()
        if checkpoint is not None and self.main:
            files.save(self, checkpoint)
        if watch is not None:
            watch(self)

    def agree(self):
        """Refuse processes at different steps: they would wait for each other forever."""
        if self.engine is not None:
            here = torch.tensor([self.step], device=self.device)
            steps = sorted(set(self.engine.gather(here).tolist()))
            if len(steps) > 1:
                raise ValueError("checkpoint must be in a folder that all processes share: "
                                 f"they found different ones, of steps {steps}")

    def finish(self, seconds, examples):
        """The Run; the model is left in evaluation mode."""
        self.check_finite()
        rate = examples / seconds if seconds else 0.0
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

    def restore(self, stored, step, seconds):
        """Take over the state that `tensors` gave at `step`."""
        self.model.load_state_dict(files.part(stored, "model."))
        self.average.load_state_dict(files.part(stored, "ema."))
        moments = {}
        for name, value in files.part(stored, "adam.").items():
            index, kind = name.split(".", 1)
            weight = self.weights[int(index)]
            if value.shape == weight.shape:  # fused Adam wants the memory order of the weight
                value = torch.empty_like(weight).copy_(value)
            moments.setdefault(int(index), {})[kind] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        self.generator.set_state(stored["random.run"])
        torch.set_rng_state(stored["random.torch"])
        if "random.cuda" in stored and self.device.type == "cuda":
            torch.cuda.set_rng_state(stored["random.cuda"], self.device)
        self.history[:step] = stored["history"].to(self.device)
        self.step, self.seconds = step, seconds


def _engine(device):
    """Hugging Face Accelerate when this is one of several processes, else None."""
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        return None
    try:
        from accelerate import Accelerator
    except ImportError as error:
        raise ImportError("several processes need Hugging Face Accelerate; "
                          "run: pip install accelerate") from error
    cpu = device is not None and _device(device).type == "cpu"
    return Accelerator(cpu=cpu, mixed_precision="no")


def _device(device):
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, TypeError, AssertionError, NotImplementedError) as error:
        raise ValueError(f'device must be one of this machine, like "cpu" or "cuda:0", '
                         f"got {shown(device)}: {error}") from error


def _generator(seed, generator, device):
    """The run's own generator, seeded, or the one that was passed."""
    seed = check_count("seed", seed, least=0)
    if seed >= 2**63:
        raise ValueError(f"seed must be below 2^63, got {seed}")
    if check_generator(generator) is None:
        return torch.Generator(device).manual_seed(seed)
    return generator
