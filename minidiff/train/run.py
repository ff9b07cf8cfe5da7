"""A run from its config to its record: train, look at it now and then, measure, write it down.

The folder of a run holds config.toml, checkpoint.safetensors, loss.png, samples.png, quality.csv
and at the end weights.safetensors (the averaged weights, float16) and record.json.
"""

import csv
import hashlib
import io
import json
import os
import platform
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from .. import data, grids, guidance, losses, metrics, samplers
from . import checkpoint as files
from .config import SHIPPED, Config, load
from .draws import spread
from .loop import _device, train

COLUMNS = ("step", "seconds", "loss", "frechet")
FINAL = ("weights.safetensors", "record.json")
LEFT = ("checkpoint.safetensors", "quality.csv", *FINAL)  # what --fresh deletes


@dataclass
class Outcome:
    """What a run leaves: its folder, its record, and the Denoiser with the weights of the file.

    With several processes only the first has a record and a model; the others have None.
    """

    folder: Path
    record: dict | None = field(default=None, repr=False)
    model: torch.nn.Module | None = field(default=None, repr=False)


def run_config(config, folder=None, device=None, steps=None, resume=True, progress=True):
    """Train what a config describes and return its :class:`Outcome`.

    config: a Config, the path of a TOML file, or the name of a shipped one. folder: by default
    runs/NAME. device: by default CUDA where there is one, else the CPU. steps: other than the
    config's. resume: go on from the folder's checkpoint; False deletes it and starts again. A
    finished run is not trained again. progress: print, and show a bar.

    Raises ConfigError or DataError, and ValueError as `train` does, before anything is written.
    """
    config = (config if isinstance(config, Config) else load(config)).for_steps(steps)
    folder = Path(folder if folder is not None else Path("runs") / name_of(config))
    device = device_named(device)
    files.check_library()
    main = int(os.environ.get("RANK", 0)) == 0
    say = _printer(progress and main)
    if resume:
        check_folder(folder, config)
        if (done := finished(folder, config)) is not None:
            say(f"{folder} holds this run, finished.\n{table(done)}")
            return Outcome(folder, done, model_of(done, folder / "weights.safetensors"))
    judge = Judge(config)
    model = config.model(judge.shape, judge.classes)
    for line in heading(config, judge, model, device, folder, resume):
        say(line)
    with alone(folder, main):
        if main:
            prepare(folder, config, resume)
        report = Report(config, folder, judge, say)
        go(config, judge, model, device, folder, resume, progress, report)
        if not main:
            return Outcome(folder)
        record = finish(config, folder, judge, report, command(config, steps, report.job))
    say(table(record))
    return Outcome(folder, record, model_of(record, folder / "weights.safetensors"))


def go(config, judge, model, device, folder, resume, progress, report):
    """The training itself: all settings of the config, handed to the loop."""
    training = config.training
    train(model, judge.images, training.steps, labels=judge.labels, drop=training.drop,
          batch=training.batch, lr=training.lr, schedule=training.schedule, ema=training.ema,
          clip=training.clip or None, loss=training.loss, time=training.time, seed=training.seed,
          device=device, checkpoint=folder / "checkpoint.safetensors", resume=resume,
          every=config.report.every, progress=progress, watch=report, **training.on(device))


class Judge:
    """The data of a run, and how good samples are: the same noise and the same count each time."""

    def __init__(self, config):
        self.config, self.name = config, config.data
        self.images, self.labels = data.load(self.name, "train")
        self.test_images, self.test_labels = data.load(self.name, "test")
        self.shape, self.classes = tuple(self.images.shape[1:]), int(self.labels.max()) + 1
        self.count = min(config.report.samples, len(self.images), len(self.test_images))
        self.asked = torch.arange(self.count) % self.classes
        pick = torch.randperm(len(self.images), generator=_generator())[: self.count]
        self.reference = metrics.features(self.images[pick], self.name)

    def samples(self, model, weight=0.0, part=250):
        """``count`` pictures of the classes ``asked``, on the CPU, with guidance ``weight``."""
        noise = model.process.prior_sample((self.count, *self.shape), _generator(1))
        grid = grids.log_snr(model.process, self.config.report.calls)
        device, drawn = next(model.parameters()).device, []
        for x, labels in zip(noise.split(part), self.asked.split(part)):
            told = guidance.classifier_free(model, labels.to(device), weight)
            drawn.append(samplers.dpm_solver_pp(told, x.to(device), grid, order=2).cpu())
        return torch.cat(drawn)

    def frechet(self, images):
        """Distance of the pictures to as many of the training data, in the features."""
        return metrics.frechet_distance(metrics.features(images, self.name), self.reference)

    def sheet(self, images, columns=10):
        """The first pictures of each class, a row for each."""
        columns = min(columns, len(images) // self.classes)
        first = images[: columns * self.classes].unflatten(0, (columns, self.classes))
        return first.transpose(0, 1).flatten(0, 1), columns

    @torch.no_grad()
    def loss(self, model, images, labels, most=2000, part=250):
        """The training loss of a model on given pictures, on at most ``most`` of them."""
        device, generator, total = next(model.parameters()).device, _generator(2), 0.0
        images, labels = images[:most], labels[:most]
        u = (torch.arange(len(images)) + torch.rand(len(images), generator=generator)) / len(images)
        u = u[torch.randperm(len(u), generator=generator)]
        t = spread(model.process, u)
        noise = torch.randn(images.shape, generator=generator)
        for x0, label, step, eps in zip(*(x.split(part) for x in (images, labels, t, noise))):
            told = model.given(label.to(device))
            total += losses.denoising(told, x0.to(device), step.to(device), eps.to(device),
                                      weight=self.config.training.loss).sum().item()
        return total / len(images)

    def metrics(self, model):
        """All numbers of the table, as a dictionary."""
        weight, count = self.config.report.guidance, self.count
        plain, guided = self.samples(model), self.samples(model, weight)
        gaussian = metrics.gaussian_baseline(self.images, count, _generator(3))
        return {
            "samples": count, "calls": self.config.report.calls, "guidance": weight,
            "frechet": self.frechet(plain), "frechet_guided": self.frechet(guided),
            "frechet_floor": metrics.image_floor(self.name, count),
            "frechet_gaussian": self.frechet(gaussian),
            "recognised": metrics.recognised(plain, self.asked, self.name),
            "recognised_guided": metrics.recognised(guided, self.asked, self.name),
            "recognised_test": metrics.recognised(self.test_images, self.test_labels, self.name),
            "loss_train": self.loss(model, self.images, self.labels),
            "loss_test": self.loss(model, self.test_images, self.test_labels),
        }


class Report:
    """What the loop calls when a checkpoint was written: pictures, and a row of quality.csv."""

    def __init__(self, config, folder, judge, say):
        self.config, self.folder, self.judge, self.say = config, folder, judge, say
        self.rows, self.job = read_rows(folder / "quality.csv"), None
        self.pictures = find_spec("matplotlib") is not None
        if not self.pictures:
            say("no pictures: matplotlib is not installed")

    def __call__(self, job):
        self.job, history = job, job.losses().float().cpu()  # all processes must ask for the losses
        if not job.main:
            return
        known = [row for row in self.rows if row[0] <= job.step]  # not those after a resumed step
        if known and known[-1][0] == job.step:
            self.rows = known
            return
        loss = history[-min(100, self.config.report.every):].mean().item()
        images = self.judge.samples(job.average)
        row = (job.step, round(job.seconds, 3), loss, self.judge.frechet(images))
        if self.pictures:
            self.draw(history, images)
        self.rows = [*known, row]
        write_rows(self.folder / "quality.csv", self.rows)  # last: after a kill all is made again
        self.say(f"step {job.step}: loss {loss:.4g}, Frechet distance {row[3]:.4g}")

    def draw(self, history, images):
        """loss.png and samples.png."""
        from .. import plotting

        sheet, columns = self.judge.sheet(images)
        write(self.folder / "loss.png", plotting.png(plotting.losses(history.numpy())))
        write(self.folder / "samples.png", plotting.png(plotting.image_grid(sheet, columns)))


def finish(config, folder, judge, report, by):
    """Write weights and record; the metrics are those of the weights in the file."""
    job, path = report.job, folder / "weights.safetensors"
    halves = {name: value.half() for name, value in job.average.net.state_dict().items()}
    job.average.net.load_state_dict({name: value.float() for name, value in halves.items()})
    files.write_tensors(path, halves, {})
    record = {
        "command": by, "config": config.facts(), "shape": judge.shape, "classes": judge.classes,
        "seed": config.training.seed, "steps": job.step, "seconds": round(job.seconds, 1),
        "minutes": round(job.seconds / 60, 1), "device": device_name(job.device),
        "processes": job.processes,
        "images_per_second": round(job.step * config.training.batch / job.seconds, 1),
        "parameters": sum(weight.numel() for weight in job.average.parameters()),
        "date": datetime.now(timezone.utc).date().isoformat(), "versions": versions(),
        "metrics": judge.metrics(job.average), "curve": report.rows,
        "bytes": path.stat().st_size, "sha256": sha256(path),
    }
    write(folder / "record.json", json.dumps(record, indent=1).encode() + b"\n")
    return json.loads(json.dumps(record))  # as a reader of the file gets it


def model_of(record, path):
    """The Denoiser of a record with the weights of a file: on the CPU, eval mode, no gradients.

    Raises ValueError when the file is missing or is not the one of the record.
    """
    from safetensors.torch import load_file

    from .config import parse

    found = sha256(path) if Path(path).is_file() else "no file"
    if found != record["sha256"]:
        raise ValueError(f"{path} is missing or altered: SHA-256 {found[:12]}, its record says "
                         f"{record['sha256'][:12]}; restore it, or train again: "
                         f"{record['command']}")
    model = parse(record["config"]).model(record["shape"], record["classes"])
    model.net.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return model.eval().requires_grad_(False)


def finished(folder, config):
    """The record of a folder that holds this very run, finished and whole, else None."""
    try:
        record = json.loads((folder / "record.json").read_text())
        whole = record["sha256"] == sha256(folder / "weights.safetensors")
        return record if whole and record["config"] == config.facts() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def check_folder(folder, config):
    """Refuse to go on in the folder of another run: ValueError with the first difference.

    A run may be made longer, unless its learning rate fell along a cosine over all its steps.
    """
    if not (folder / "checkpoint.safetensors").exists() or not (folder / "config.toml").exists():
        return
    theirs, mine = load(folder / "config.toml").facts(), config.facts()
    free = () if config.training.schedule == "cosine" else ("training.steps",)
    for section in ("data", "process", "network", "training"):
        pairs = [(theirs[section], mine[section], section)]
        if section != "data":
            pairs = [(theirs[section][key], mine[section][key], f"{section}.{key}")
                     for key in mine[section]]
        for other, own, key in pairs:
            if own != other and key not in free:
                raise ValueError(f"{folder} holds a run with {key} = {other!r}, this has {own!r}: "
                                 "choose another --folder, or start again over it with --fresh")


@contextmanager
def alone(folder, main=True):
    """Make the folder and hold it; ValueError while another run does. A killed run lets go."""
    if not main or find_spec("fcntl") is None:  # there is none on Windows
        yield
        return
    import fcntl

    files.check_path(folder / "checkpoint.safetensors")
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise ValueError(f"another run is writing into {folder}: wait for its end, "
                         "or choose another --folder") from None
    except OSError:  # a file system without locks
        pass
    try:
        yield
    finally:
        os.close(handle)


def prepare(folder, config, resume):
    """Make the folder, with a copy of the config; take away what a fresh start does not want."""
    files.check_path(folder / "checkpoint.safetensors")
    for name in () if resume else LEFT:
        (folder / name).unlink(missing_ok=True)
    write(folder / "config.toml", config.text().encode())


def heading(config, judge, model, device, folder, resume):
    """What the run will do, in three lines."""
    count = sum(weight.numel() for weight in model.parameters())
    step = step_of(folder / "checkpoint.safetensors") if resume else 0
    begin = f"goes on from step {step}" if step else "begins"
    how = config.training.on(device)
    extras = [how["precision"], *(key for key in ("channels_last", "compile") if how[key])]
    yield (f"{config.data}: {len(judge.images)} pictures of shape {judge.shape}, "
           f"{judge.classes} classes; U-Net with {count:,} parameters")
    yield f"{device_name(device)}; {', '.join(extras)}"
    yield f"{begin}, {config.training.steps} steps of {config.training.batch} pictures -> {folder}"


def table(record):
    """The metrics of a record as lines of text."""
    m = record["metrics"]
    head = ["", "plain", f"guided, w = {m['guidance']:g}", "test images", "Gaussian"]
    distance = [m[f"frechet{end}"] for end in ("", "_guided", "_floor", "_gaussian")]
    share = [m[f"recognised{end}"] for end in ("", "_guided", "_test")]
    rows = [head, ["Frechet distance", *(f"{value:.3g}" for value in distance)],
            ["recognised as asked", *(f"{value:.1%}" for value in share), ""]]
    lines = [f"{record['config']['data']} after {record['steps']} steps: "
             f"{record['minutes']:g} minutes, {record['images_per_second']:.0f} images/s, "
             f"{record['parameters']:,} parameters, {record['device']}",
             f"loss {m['loss_train']:.4g} on training data, {m['loss_test']:.4g} on held-out data",
             f"{m['samples']} samples with {m['calls']} calls each, against as many training data:"]
    return "\n".join(lines + ["".join(f"{cell:<22}" if i == 0 else f"{cell:>16}"
                                      for i, cell in enumerate(row)) for row in rows])


def name_of(config):
    """The name of a run: that of its file, else of its data."""
    return Path(config.source.path).stem if config.source else config.data


def command(config, steps, job):
    """The command that makes this run again; the config by its name, not by its place."""
    path = Path(config.source.path) if config.source else Path("CONFIG.toml")
    name = path.stem if path.parent == SHIPPED else path.name
    start = "python" if job.processes == 1 else f"torchrun --nproc-per-node {job.processes}"
    extra = f" --steps {steps}" if steps is not None else ""
    return f"{start} -m minidiff.train {name}{extra}"


def device_named(device=None):
    """The torch device that was asked for, CUDA where there is one when none was."""
    return _device(device or ("cuda" if torch.cuda.is_available() else "cpu"))


def device_name(device):
    """The GPU's name, or the CPU's with the number of threads in use."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line[:10] == "model name")
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    threads = torch.get_num_threads()
    return f"CPU, {name}, {threads} thread{'s' * (threads > 1)}"


def versions():
    """Versions that a record names."""
    from .. import __version__

    return {"python": platform.python_version(), "torch": torch.__version__,
            "numpy": np.__version__, "minidiff": __version__}


def step_of(path):
    """The step of a checkpoint, from its head alone; 0 when there is none to read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return int((file.metadata() or {})["step"])
    except (SafetensorError, OSError, KeyError, ValueError):
        return 0


def read_rows(path):
    """The rows of quality.csv, [] when there is no such file; ValueError for another table."""
    if not path.exists():
        return []
    try:
        header, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
        if tuple(header) != COLUMNS:
            raise ValueError(f"its columns are {', '.join(header)}")
        return [(int(step), *map(float, rest)) for step, *rest in rows]
    except ValueError as error:
        raise ValueError(f"{path} is not the table of a run ({error}); delete it") from None


def write_rows(path, rows):
    """quality.csv, whole, in one move."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    write(path, text.getvalue().encode())


def write(path, content):
    """Bytes under a temporary name, then moved: a reader finds the old file or the new one."""
    with files.replacing(path) as part:
        part.write_bytes(content)


def sha256(path):
    """SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _printer(wanted):
    """A function that prints a line above the progress bar, or nothing."""
    def say(line):
        if wanted and find_spec("tqdm") is not None:
            from tqdm import tqdm

            tqdm.write(line)
        elif wanted:
            print(line, flush=True)

    return say
