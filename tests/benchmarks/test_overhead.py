"""What the library adds around the network: figures, not verdicts. Run with `make bench`.

Each benchmark times the library; `extra_info` holds the ratio to the bare work, from CPU seconds of alternating repeats,
so that a busy machine shifts both sides alike. Budgets: DDIM 1.35, DPM-Solver++(2M) 1.5, a training step 1.15, with an
average of the weights 1.25, import 0.1 s.
"""
import copy
import resource
import statistics
import subprocess
import sys
import time

import pytest
import torch

from minidiff import DDPM, VP, Denoiser, grids, losses, samplers
from minidiff.train import Training

STEPS, BATCH = 20, 512


class Net(torch.nn.Module):
    """A network of the size a chapter would use: 3 layers of 128, time as one more input."""

    def __init__(self):
        super().__init__()
        sizes = [3, 128, 128, 128]
        layers = [layer for a, b in zip(sizes, sizes[1:]) for layer in (torch.nn.Linear(a, b), torch.nn.SiLU())]
        self.body, self.calls = torch.nn.Sequential(*layers, torch.nn.Linear(128, 2)), 0

    def forward(self, x, t):
        self.calls += 1
        return self.body(torch.cat([x, t.reshape(-1, 1).expand(len(x), 1)], 1))


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def cpu_seconds(work):
    start = time.process_time()
    work()
    return time.process_time() - start


def ratio(work, bare, repeats=15):
    """Median CPU time of `work` over that of `bare`, taken in turns."""
    work(), bare()
    pairs = [(cpu_seconds(work), cpu_seconds(bare)) for _ in range(repeats)]
    return statistics.median(a for a, _ in pairs) / statistics.median(b for _, b in pairs)


SAMPLERS = {
    "ddim": lambda model, x, grid: samplers.ddim(model, x, grid),
    "ancestral": lambda model, x, grid: samplers.ancestral(model, x, grid),
    "euler": lambda model, x, grid: samplers.euler(model, x, grid),
    "heun": lambda model, x, grid: samplers.heun(model, x, grid),
    "dpm_solver_pp-2": lambda model, x, grid: samplers.dpm_solver_pp(model, x, grid, order=2),
    "dpm_solver_pp-3": lambda model, x, grid: samplers.dpm_solver_pp(model, x, grid, order=3),
}


@pytest.mark.parametrize("process", [VP(), DDPM.linear(1000)], ids=["VP", "DDPM"])
@pytest.mark.parametrize("name", SAMPLERS)
def test_sampler(benchmark, name, process):
    net, x, t = Net(), torch.randn(BATCH, 2), torch.tensor(0.5)
    model, grid = Denoiser(net, process), grids.uniform(STEPS)

    def bare():
        with torch.no_grad():
            for _ in range(calls):
                net(x, t)

    SAMPLERS[name](model, x, grid)
    calls = net.calls
    benchmark.extra_info["calls"] = calls
    benchmark.extra_info["time over bare network calls"] = round(ratio(lambda: SAMPLERS[name](model, x, grid), bare), 3)
    benchmark(SAMPLERS[name], model, x, grid)


def bare_step(net, data):
    """Forward, loss, backward and Adam, with the noising done beforehand."""
    model = copy.deepcopy(net)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    noise, t = torch.randn_like(data), torch.rand(len(data))

    def step():
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(data, t), noise).backward()
        optimizer.step()
    return step


def test_training_step_with_average(benchmark):
    """One step of the library's loop: draw, noise, loss, backward, Adam, average of the weights."""
    net, data = Net(), torch.randn(BATCH, 2)
    job = Training(Denoiser(copy.deepcopy(net), VP()), 1e-3, "constant", 0.999, None, 100_000)

    def step():
        noise, t = torch.randn(data.shape, generator=job.generator), torch.rand(BATCH, generator=job.generator)
        job.advance(data, t, noise, losses.denoising)

    benchmark.extra_info["time over forward, loss, backward, Adam"] = round(ratio(step, bare_step(net, data), 40), 3)
    benchmark(step)


def test_training_step(benchmark):
    """The same without the average, as one would write it in a page."""
    net, data = Net(), torch.randn(BATCH, 2)
    model = Denoiser(copy.deepcopy(net), VP())
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)

    def step():
        optimizer.zero_grad()
        losses.denoising(model, data, torch.rand(BATCH), torch.randn_like(data)).mean().backward()
        optimizer.step()

    benchmark.extra_info["time over forward, loss, backward, Adam"] = round(ratio(step, bare_step(net, data), 40), 3)
    benchmark(step)


def import_seconds(statement):
    """Least CPU time, user and system, of a fresh Python that runs the statement."""
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", statement], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times)


def test_import(benchmark):
    benchmark.extra_info["seconds beyond torch and numpy"] = round(
        import_seconds("import torch, numpy, minidiff") - import_seconds("import torch, numpy"), 3)
    code = "import torch, numpy, time; start = time.process_time(); import minidiff; print(time.process_time() - start)"
    inside = [float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout) for _ in range(3)]
    benchmark.extra_info["seconds inside a process that has torch"] = round(min(inside), 3)
    benchmark.pedantic(lambda: None, rounds=1)
