"""CPU seconds of an import, and megabytes of memory, beyond a Python that has imported torch and numpy."""

import pytest

from benchmarks.cases import STEPS
from benchmarks.measure import ROWS, fresh, libraries

IMPORTS = {
    "minidiff": "import minidiff",
    "diffusers": "from diffusers import DDIMScheduler",
    "azula": "import azula.sample",
}
TIMED = "import torch, numpy, time; start = time.process_time(); {}; print(time.process_time() - start)"
WEIGHED = """
import torch, numpy
from benchmarks.measure import peak_megabytes
torch.set_num_threads(1)
before = peak_megabytes()
{}
print(peak_megabytes() - before)
"""
WORKS = {
    f"{STEPS} steps of DDIM": f"rows.samplers(*make('conv'), {STEPS})['DDIM']()",
    "50 training steps": "step = rows.trainers(*make('conv'))['one step']()\nfor _ in range(50): step()",
}


def test_import(benchmark):
    row = {"what": "import", "minidiff": None, "budget": 0.1}
    for name in libraries("samplers"):
        if name in IMPORTS:
            row[name] = round(fresh(TIMED.format(IMPORTS[name]), 3), 3)
    title = "Import: CPU seconds beyond torch and numpy"
    benchmark.extra_info.update(table="import", title=title, rows=[row])
    benchmark.pedantic(lambda: None, rounds=1)


@pytest.mark.parametrize("work", WORKS)
def test_memory(benchmark, work):
    row = {"what": work, "minidiff": None, "budget": None}
    for name in libraries("trainers" if "training" in work else "samplers"):
        start = f"from benchmarks.cases import make\nfrom benchmarks import {ROWS[name]} as rows"
        code = f"{start}\n{WORKS[work]}"
        row[name] = round(fresh(WEIGHED.format(code), 1), 1)
    title = "Peak memory, small convolutional network: megabytes beyond torch and numpy, the library included"
    benchmark.extra_info.update(table="memory", title=title, rows=[row])
    benchmark.pedantic(lambda: None, rounds=1)
