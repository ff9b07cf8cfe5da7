"""Error against network calls on a ring of eight modes with the exact score: no network error.

Deterministic samplers: root mean square distance to the end of the probability flow from the same noise
(1024 points, modes on the unit circle, standard deviation 0.08, the noise levels of DDPM's linear schedule).
Where a peer runs the same method on the same grid, three digits must agree. Samplers that draw noise: sliced
Wasserstein distance to fresh samples.
"""

import pytest
import torch

from benchmarks import rows_minidiff
from benchmarks.measure import libraries
from benchmarks.rows_minidiff import CHAIN
from minidiff import exact, grids, metrics, samplers

TARGET = exact.ring(8, 1.0, 0.08)
MODEL = TARGET.denoiser(CHAIN)
CALLS = (5, 10, 20, 50)
ROWS = {library: rows(MODEL) for library, rows in libraries("solvers").items()}
LIBRARIES = list(ROWS)
SOLVERS = sorted(((key, library) for library in ROWS for key in ROWS[library]),
                 key=lambda solver: (solver[0], LIBRARIES.index(solver[1])))


def start(count, seed=0):
    return torch.randn(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def flow():
    """Noise at t = 1 and where the flow takes it: third-order steps, short enough for five digits."""
    x = start(1024)
    fine = torch.cat([grids.log_snr(CHAIN, 4000, end=1e-5), torch.zeros(1, dtype=torch.float64)])
    return x, samplers.dpm_solver_pp(MODEL, x, fine, order=3)


def errors(run, flow):
    x, end = flow
    return [float(f"{(run(x, calls) - end).square().sum(1).mean().sqrt().item():.4g}") for calls in CALLS]


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: "-".join([*s[0], s[1]]))
def test_error_against_calls(benchmark, flow, solver):
    (method, grid), library = solver
    found = benchmark.pedantic(lambda: errors(ROWS[library][method, grid], flow), rounds=1)
    row = {"sampler": method, "grid": grid, "library": library, **dict(zip(map(str, CALLS), found))}
    if library != "minidiff" and (method, grid) in ROWS["minidiff"]:
        mine = errors(ROWS["minidiff"][method, grid], flow)
        row["as minidiff"] = "yes" if all(abs(a / b - 1) < 1e-3 for a, b in zip(found, mine)) else "no"
    title = "Error against network calls, exact score: distance to the end of the flow"
    benchmark.extra_info.update(table="error", title=title, rows=[row])


@pytest.mark.parametrize("rtol", [1e-1, 1e-2, 1e-3, 1e-4])
def test_adaptive(benchmark, flow, rtol):
    x, end = flow
    calls = []
    counter = MODEL.register_forward_hook(lambda *_: calls.append(1))
    ends = benchmark.pedantic(
        lambda: samplers.adaptive_ode(MODEL, x, [1.0, CHAIN.t_min, 0.0], rtol=rtol, atol=rtol / 10), rounds=1)
    counter.remove()
    error = (ends - end).square().sum(1).mean().sqrt().item()
    row = {"tolerance": rtol, "calls": len(calls), "error": float(f"{error:.4g}")}
    title = "Adaptive Runge-Kutta: it chooses its own number of calls"
    benchmark.extra_info.update(table="error-adaptive", title=title, rows=[row])


@pytest.fixture(scope="module")
def fresh_samples():
    return TARGET.sample(65536, torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["exact samples", *rows_minidiff.random_walks(MODEL)])
def test_distance_against_calls(benchmark, fresh_samples, name):
    generator, budgets, count = torch.Generator().manual_seed(2), (20, 50, 200), 8192
    if name == "exact samples":
        ends = [TARGET.sample(count, generator)] * len(budgets)
    else:
        walk, x = rows_minidiff.random_walks(MODEL)[name], start(count)
        ends = [walk(x, calls, generator) for calls in budgets]
    found = [float(f"{metrics.sliced_wasserstein(points, fresh_samples, 32):.3g}") for points in ends]
    row = {"sampler": name, **dict(zip(map(str, budgets), found))}
    title = "Samplers that draw noise: sliced Wasserstein distance to exact samples, against network calls"
    benchmark.extra_info.update(table="distance", title=title, rows=[row])
    benchmark.pedantic(lambda: None, rounds=1)
