"""Files of tensors that survive a kill and are never executed: safetensors, with a SHA-256 inside.

A file is written beside its final name and moved there, so a reader finds the old one or the new
one and never a half. Nothing here opens a pickle.
"""

import hashlib
import json
import os
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from ..checks import shown

FORMAT = "minidiff-checkpoint-1"
CURE = "delete it, or pass resume=False to start again over it"


def write_tensors(path, tensors, facts):
    """Write name -> tensor and name -> text in one move, with the SHA-256 of both inside."""
    from safetensors.torch import save_file

    tensors = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    with replacing(path) as part:
        save_file(tensors, part, facts | {"sha256": digest(tensors, facts)})


@contextmanager
def replacing(path):
    """A temporary name beside `path`, moved there when the block has ended well.

    Raises OSError with the path when it cannot be written; the file before it stays.
    """
    from safetensors import SafetensorError

    path, part = Path(path), Path(f"{path}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    except (SafetensorError, OSError) as error:
        raise OSError(f"{path} could not be written ({error}); "
                      "what was there before still is") from error
    finally:
        part.unlink(missing_ok=True)  # there only if something went wrong


def read_tensors(path, expected=FORMAT):
    """(tensors, facts) of a file; ValueError, with file and fault, when damaged or foreign."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            facts = file.metadata() or {}
            stored = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"checkpoint {path} is damaged or no safetensors file ({error}); "
                         f"{CURE}") from error
    if facts.get("format") != expected:
        raise ValueError(
            f"checkpoint {path} was not written by minidiff.train "
            f"(format {facts.get('format')!r}, expected {expected!r}); {CURE}"
        )
    if facts.pop("sha256", None) != digest(stored, facts):
        raise ValueError(
            f"checkpoint {path} is damaged: its content does not have the SHA-256 "
            f"written into it; {CURE}"
        )
    return stored, facts


def save(job, path):
    """Write all that a Training carries from one step to the next."""
    facts = {"format": FORMAT, "step": str(job.step), "seconds": repr(job.seconds),
             "settings": json.dumps(job.settings)}
    write_tensors(path, job.tensors(), facts)


def load(job, path):
    """Let a Training go on from a checkpoint. Raises ValueError before anything is changed."""
    stored, facts = read_tensors(path)
    check_settings(path, json.loads(facts["settings"]), job.settings)
    check_networks(path, stored, job)
    step = int(facts["step"])
    if step > job.steps:
        raise ValueError(
            f"checkpoint {path} is already at step {step}, beyond steps = {job.steps}; "
            "ask for more steps, or pass resume=False"
        )
    if stored["random.run"].shape != job.generator.get_state().shape:
        raise ValueError(
            f"checkpoint {path} was written on another kind of device than {job.device}; its "
            "random numbers cannot go on here: use that device, or resume=False"
        )
    job.restore(stored, step, float(facts["seconds"]))


def check_settings(path, theirs, mine):
    """Refuse a checkpoint of a run whose settings differ, and say which."""
    for name in sorted(theirs.keys() | mine.keys()):
        if theirs.get(name) != mine.get(name):
            raise ValueError(
                f"checkpoint {path} belongs to a run with {name} = {theirs.get(name)!r}, "
                f"this has {name} = {mine.get(name)!r}; use the same, or another file, "
                "or resume=False"
            )


def check_networks(path, stored, job):
    """Refuse a checkpoint whose tensors are not those of the job's networks."""
    for kind, module in (("model.", job.model), ("ema.", job.average)):
        mine = {name: tuple(value.shape) for name, value in module.state_dict().items()}
        theirs = {name: tuple(value.shape) for name, value in part(stored, kind).items()}
        names = mine.keys() | theirs.keys()
        wrong = sorted(name for name in names if mine.get(name) != theirs.get(name))
        if wrong:
            raise ValueError(
                f"checkpoint {path} is of another network: {wrong[0]} has shape "
                f"{theirs.get(wrong[0])}, here {mine.get(wrong[0])} ({len(wrong)} differences)"
            )


def check_library():
    """Say at the beginning, not at the first checkpoint, that safetensors is missing."""
    if find_spec("safetensors") is None:
        raise ImportError("checkpoints need the package safetensors; run: pip install safetensors")


def check_path(path):
    """The path of a checkpoint, if it can be written: better now than after the first steps."""
    check_library()
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


def part(stored, prefix):
    """The tensors whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): value
            for name, value in stored.items() if name.startswith(prefix)}


def digest(tensors, facts=None):
    """SHA-256 over names, dtypes, shapes and bytes, and over a file's facts."""
    from torch import uint8

    total = hashlib.sha256("".join(f"{key}={facts[key]}\n" for key in sorted(facts or ())).encode())
    for name, value in sorted(tensors.items()):
        total.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        total.update(value.detach().cpu().contiguous().reshape(-1).view(uint8).numpy())
    return total.hexdigest()
