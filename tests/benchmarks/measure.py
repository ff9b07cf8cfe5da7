"""How time and memory are measured, so that a busy machine shifts all sides alike."""

import importlib
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROWS = {
    "minidiff": "rows_minidiff",
    "by hand": "rows_hand",
    "diffusers": "rows_diffusers",
    "azula": "rows_azula",
}


def libraries(function):
    """Name -> the function of that name in the rows of each library that is installed and has one."""
    found = {}
    for name, module in ROWS.items():
        try:
            rows = importlib.import_module(f"benchmarks.{module}")
        except ModuleNotFoundError as error:
            if error.name.split(".")[0] != name:
                raise
            continue
        if hasattr(rows, function):
            found[name] = getattr(rows, function)
    return found


def cpu_seconds(work):
    """CPU seconds of this process for one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def over_bare(bare, works, repeats):
    """{name: function} -> {name: median of its CPU time over that of `bare`}; all are called in turn."""
    for work in (bare, *works.values()):
        work(), work()
    ratios = {name: [] for name in works}
    for _ in range(repeats):
        floor = cpu_seconds(bare)
        for name, work in works.items():
            ratios[name].append(cpu_seconds(work) / floor)
    return {name: statistics.median(found) for name, found in ratios.items()}


def peak_megabytes():
    """The most memory that this process has held. getrusage would also count the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s*(\d+) kB", status.read_text())[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS: bytes


def fresh(code, repeats=3):
    """Median of the number that a fresh Python prints when it runs `code`; it can import these files."""
    here = str(Path(__file__).resolve().parents[1])
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what a reader imports is compiled already
    environment["PYTHONPATH"] = os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    command, values = [sys.executable, "-c", code], []
    for _ in range(repeats):
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise RuntimeError(f"{code!r} failed: {done.stderr.strip()[-500:]}")
        values.append(float(done.stdout.split()[-1]))
    return statistics.median(values)
