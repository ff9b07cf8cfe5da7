"""What every page uses: its seed, its device, the library's source, the check that codes agree."""
import inspect
import os

import torch

from .checks import check_number


def seed():
    """The seed of this run of a page: 0, or MINIDIFF_SEED, to see how firm its claims are."""
    given = os.environ.get("MINIDIFF_SEED", "0")
    if not given.isdecimal():
        raise ValueError(f"MINIDIFF_SEED must be a whole number of at least 0, got {given!r}")
    return int(given)


def generator(offset=0):
    """A fresh generator on the CPU, seeded for this run; streams of a page differ by offset."""
    return torch.Generator().manual_seed(1000 * seed() + offset)


def device():
    """CUDA where there is one, else the CPU; says which."""
    if torch.cuda.is_available():
        print(f"running on {torch.cuda.get_device_name()}")
        return torch.device("cuda")
    print("running on the CPU")
    return torch.device("cpu")


def larger(name):
    """Train a shipped config on a GPU and return its record; elsewhere show the one that ships.

    name: of a file in minidiff/configs, like "fashion32". Training writes to runs/NAME, is resumed
    when it was broken off, and prints its progress and its table. Raises ValueError for a name
    without a record where there is no GPU.
    """
    from . import weights
    from .train.run import run_config, table

    if torch.cuda.is_available():
        return run_config(name, device="cuda").record
    record = weights.record(name)
    print(f"no GPU here; this is the record of {record['command']}, made on {record['date']}\n")
    print(table(record))
    return record


def source(thing):
    """Show the library's own source of a function, method or class, read from its file."""
    from IPython.display import display

    code = inspect.cleandoc("\n" + inspect.getsource(inspect.unwrap(thing)))
    display({"text/markdown": f"```python\n{code}\n```", "text/plain": code}, raw=True)


def same(what, ours, theirs, tolerance=1e-6):
    """Check that page and library agree, and say so in a line that does not depend on the machine.

    Raises AssertionError with the largest difference when they do not.
    """
    check_number("tolerance", tolerance, 0)
    ours, theirs = torch.as_tensor(ours), torch.as_tensor(theirs)
    if ours.shape != theirs.shape:
        raise AssertionError(f"{what}: shapes {tuple(ours.shape)} and {tuple(theirs.shape)} differ")
    gap = (ours.double() - theirs.double()).abs().max().item()
    if not gap <= tolerance:
        raise AssertionError(f"{what}: page and library differ by {gap:.3g}, allowed {tolerance:g}")
    print(f"{what}: page and library agree to {tolerance:g}")
