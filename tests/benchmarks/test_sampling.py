"""What each library adds around the network when it samples: CPU time over calls times a bare call.

Every sampler of minidiff, and beside it the same method of diffusers, of azula and, for DDIM, a loop written
by hand. All are called in turn with the bare network.
"""

import pytest
import torch

from benchmarks.cases import CASES, STEPS, make
from benchmarks.measure import over_bare, libraries
from benchmarks.rows_minidiff import samplers

BUDGETS = {"DDIM": 1.35, "DPM-Solver++(2M)": 1.5}
METHODS = list(samplers(*make("mlp"), STEPS))


def bare(net, x):
    """STEPS calls of the network and nothing else."""
    t = torch.tensor(0.5)

    @torch.no_grad()
    def run():
        for _ in range(STEPS):
            net(x, t)
    return run


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", CASES)
def test_sampler(benchmark, case, method):
    net, x = make(case)
    rows = {name: rows(net, x, STEPS) for name, rows in libraries("samplers").items()}
    works = {name: row[method] for name, row in rows.items() if method in row}
    calls = {}
    for name, work in works.items():
        net.calls = 0
        assert work().isfinite().all()
        calls[name] = net.calls
    times = over_bare(bare(net, x), works, CASES[case][2])
    ratios = {name: round(times[name] * STEPS / calls[name], 3) for name in works}
    budget = BUDGETS.get(method) if case == "mlp" else None
    row = {"sampler": method, "minidiff": ratios.pop("minidiff"), "budget": budget, **ratios}
    title = f"Sampling, {CASES[case][3]}, {STEPS} steps: time over bare network calls"
    benchmark.extra_info.update(table=f"sampling-{case}", title=title, rows=[row])
    benchmark.pedantic(works["minidiff"], rounds=3)
