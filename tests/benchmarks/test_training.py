"""What each library adds to a training step: CPU time over forward, loss, backward and Adam.

All use the same fused Adam. The bare step has its noise drawn beforehand; drawing it counts as added.
"""

import copy

import pytest
import torch

from benchmarks.cases import CASES, make
from benchmarks.measure import over_bare, libraries
from benchmarks.rows_minidiff import trainers

BUDGETS = {("mlp", "one step"): 1.15, ("mlp", "with EMA"): 1.25, ("conv", "one step"): 1.05}
STEPS = list(trainers(*make("mlp")))


def bare(net, data):
    """Forward, loss, backward, Adam."""
    net = copy.deepcopy(net)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3, fused=True)
    noise, t = torch.randn_like(data), torch.rand(len(data))

    def step():
        loss = torch.nn.functional.mse_loss(net(data, t), noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return step


@pytest.mark.parametrize("what", STEPS)
@pytest.mark.parametrize("case", CASES)
def test_training_step(benchmark, case, what):
    net, data = make(case)
    rows = {name: rows(net, data) for name, rows in libraries("trainers").items()}
    works = {name: row[what]() for name, row in rows.items() if what in row}
    times = over_bare(bare(net, data), works, 5 * CASES[case][2])
    ratios = {name: round(ratio, 3) for name, ratio in times.items()}
    budget = BUDGETS.get((case, what))
    row = {"training step": what, "minidiff": ratios.pop("minidiff"), "budget": budget, **ratios}
    title = f"Training, {CASES[case][3]}: time over forward, loss, backward and Adam"
    benchmark.extra_info.update(table=f"training-{case}", title=title, rows=[row])
    benchmark.pedantic(works["minidiff"], rounds=10)
