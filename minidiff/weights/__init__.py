"""Weights that ship: ``minidiff.pretrained("digits8")``, each with the record of its training."""

import json
from pathlib import Path

from ..checks import check_choice

__all__ = ["names", "pretrained", "record", "records"]
HERE = Path(__file__).parent


def names():
    """The names of the shipped models, which have weights and a record."""
    return [name for name in recorded() if (HERE / f"{name}.safetensors").exists()]


def recorded():
    """The names of all records: some runs ship theirs only."""
    return sorted(path.stem for path in HERE.glob("*.json"))


def record(name):
    """How a model was made: command, config, device, date, minutes, metrics, versions.

    A dictionary as `python -m minidiff.train` wrote it; "curve" has the rows (step, seconds, loss,
    Frechet distance). Raises ValueError for another name.
    """
    check_choice("name", name, recorded())
    return json.loads(_path(name).read_text(encoding="utf-8"))


def records(name):
    """The record of `name` and those of the same run on other devices, files NAME.DEVICE.json."""
    others = sorted(path.stem for path in HERE.glob(f"{name}.*.json"))
    return [record(each) for each in (name, *others)]


def _path(name):
    return HERE / f"{name}.json"


def pretrained(name, device=None):
    """A shipped model: a Denoiser in evaluation mode, without gradients, on a device (the CPU).

    Tell it the classes with ``.given(labels)`` or ``guidance.classifier_free(model, labels, w)``.
    Raises ValueError for another name, and when the file is missing or does not have the SHA-256 of
    its record.
    """
    from ..train.run import model_of

    if name not in recorded():
        check_choice("name", name, names())
    model = model_of(record(name), HERE / f"{name}.safetensors")
    return model if device is None else model.to(device)
