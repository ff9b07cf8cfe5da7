"""Error against network calls on an eight-mode ring with the exact score: figures in `extra_info`.

The error is the root mean square distance to the end of the probability flow from the same noise (1024 points, modes on
the unit circle, standard deviation 0.08, the noise levels of the linear DDPM schedule).
"""
import pytest
import torch

from minidiff import DDPM, exact, grids, samplers

CHAIN = DDPM.linear(1000)
TARGET = exact.ring(8, 1.0, 0.08)
MODEL = TARGET.denoiser(CHAIN)

GRIDS = {"log_snr": lambda n: grids.log_snr(CHAIN, n), "karras": lambda n: grids.karras(CHAIN, n), "uniform": grids.uniform}
SOLVERS = {
    "ddim": (samplers.ddim, lambda calls: calls),
    "heun": (samplers.heun, lambda calls: (calls + 1) // 2),
    "dpm_solver_pp-2": (lambda *a: samplers.dpm_solver_pp(*a, order=2), lambda calls: calls),
    "dpm_solver_pp-3": (lambda *a: samplers.dpm_solver_pp(*a, order=3), lambda calls: calls),
}


@pytest.fixture(scope="module")
def flow():
    """Noise at t = 1 and where the flow takes it: third-order steps, short enough for five digits."""
    x = torch.randn(1024, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    fine = torch.cat([grids.log_snr(CHAIN, 4000, end=1e-5), torch.zeros(1, dtype=torch.float64)])
    return x, samplers.dpm_solver_pp(MODEL, x, fine, order=3)


@pytest.mark.parametrize("calls", [5, 10, 20, 50])
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("name", SOLVERS)
def test_error_against_calls(benchmark, flow, name, grid, calls):
    solve, steps = SOLVERS[name]
    x, end = flow
    result = benchmark.pedantic(lambda: solve(MODEL, x, GRIDS[grid](steps(calls))), rounds=1)
    benchmark.extra_info["calls"] = calls
    benchmark.extra_info["rms distance to the flow"] = round((result - end).square().sum(1).mean().sqrt().item(), 5)
