"""How fast is a training step on this machine, and which of the three usual helps helps?"""

import json
import os
import shutil
import time
from pathlib import Path

import torch

from .. import data, losses
from .draws import spread
from .loop import train
from .run import device_name, versions, write

WAYS = {
    "float32": {},
    "bf16": {"precision": "bf16"},
    "channels_last": {"channels_last": True},
    "compile": {"compile": True},
    "all three": {"precision": "bf16", "channels_last": True, "compile": True},
}


class Enough(Exception):
    """Ends a training run that was only there to be timed."""


def speed(config, device, seconds=5.0, say=print):
    """Images per second of a config's training step: float32, each help alone, all together.

    Returns a dictionary: device, versions, batch, flops_per_image (forward and backward, counted),
    peak (FLOP/s of a square matrix product in that precision or a finer, measured), rows; each has
    images_per_second, utilisation (of that peak) and memory (bytes at most; GPU only).
    """
    images, labels = data.load(config.data, "train")
    device, shape, classes = torch.device(device), images.shape[1:], int(labels.max()) + 1
    flops = flops_per_image(config.model(shape, classes), shape, classes)
    peak = {"fp32": product_rate(device, torch.float32)}
    peak["bf16"] = max(peak["fp32"], product_rate(device, torch.bfloat16))  # many CPUs emulate it
    rows = []
    for name, how in WAYS.items():
        row = {"way": name} | measure(config, images, labels, device, seconds, how)
        if "images_per_second" in row:
            share = row["images_per_second"] * flops / peak[how.get("precision", "fp32")]
            row["utilisation"] = share
        rows.append(row)
        say(line_of(row))
    return {"config": config.facts(), "device": device_name(device), "versions": versions(),
            "batch": config.training.batch, "flops_per_image": flops, "peak": peak, "rows": rows}


def measure(config, images, labels, device, seconds, how):
    """Images per second and peak memory of one way to train, or {"skipped": why}."""
    if how.get("compile") and device.type == "cpu" and not compiler():
        return {"skipped": "torch.compile needs a C++ compiler on a CPU"}
    training, marks = config.training, []
    model = config.model(images.shape[1:], int(labels.max()) + 1)

    def watch(job):
        marks.append((job.step, job.seconds))  # the first mark ends the warm-up
        if marks[-1][1] - marks[0][1] >= seconds:
            raise Enough

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    try:
        train(model, images, 1_000_000, labels=labels, batch=training.batch, loss=training.loss,
              clip=training.clip or None, time=training.time, device=device, progress=False,
              every=10 if device.type == "cuda" else 2, watch=watch, **how)
    except Enough:
        pass
    except RuntimeError as error:  # no Triton, out of memory: the other ways still count
        return {"skipped": str(error).strip().splitlines()[0]}
    finally:
        torch.compiler.reset()
    (first, start), (last, end) = marks[0], marks[-1]
    memory = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
    return {"images_per_second": (last - first) * training.batch / (end - start), "memory": memory}


def flops_per_image(model, shape, classes, batch=4):
    """Floating-point operations of forward and backward, for one picture, as PyTorch counts."""
    from torch.utils.flop_counter import FlopCounterMode

    x0, labels = torch.zeros(batch, *shape), torch.arange(batch) % classes
    t = spread(model.process, torch.full((batch,), 0.5))
    with FlopCounterMode(display=False) as counter:
        losses.denoising(model.given(labels), x0, t, torch.ones_like(x0)).mean().backward()
    return counter.get_total_flops() / batch


def product_rate(device, dtype, seconds=1.0):
    """FLOP/s of a square matrix product: what this device can do in this precision."""
    size = 8192 if device.type == "cuda" else 1024
    a, b = torch.randn(2, size, size, device=device).to(dtype)

    def wait():
        return torch.cuda.synchronize(device) if device.type == "cuda" else None

    (a @ b), wait()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        (a @ b), wait()
        count += 1
    return 2 * size**3 * count / (time.perf_counter() - start)


def compiler():
    """The C++ compiler that torch.compile would call on a CPU, or None."""
    names = [os.environ.get("CXX"), "g++", "clang++", "c++"]
    return next((found for name in names if name and (found := shutil.which(name))), None)


def line_of(row):
    """A row of the table as text."""
    if "skipped" in row:
        return f"{row['way']:<14} skipped: {row['skipped']}"
    memory = "not measured" if row["memory"] is None else f"{row['memory'] / 2**20:,.0f} MiB"
    return (f"{row['way']:<14} {row['images_per_second']:>10,.0f} {row['utilisation']:>14.1%}"
            f" {memory:>14}")


def report(config, device, path=None):
    """Measure and print the table; store it as JSON at `path`."""
    print(f"training step of {config.data}, batch {config.training.batch}, on "
          f"{device_name(device)}, torch {torch.__version__}\n"
          f"{'':<14} {'images/s':>10} {'of the peak':>14} {'memory':>14}", flush=True)
    facts = speed(config, device, say=lambda line: print(line, flush=True))
    peaks = ", ".join(f"{rate / 1e12:.3g} in {kind}" for kind, rate in facts["peak"].items())
    print(f"{facts['flops_per_image'] / 1e9:.3g} GFLOP an image, forward and backward; peak: "
          f"TFLOP/s of a matrix product, {peaks}")
    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write(Path(path), json.dumps(facts, indent=1).encode() + b"\n")
