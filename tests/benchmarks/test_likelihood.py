"""What a likelihood costs as the dimension grows: exact trace against one probe, in examples per second.

The flow's density of a batch of 32 under an MLP 3 x 128, four Runge-Kutta steps, 16 calls of the network. Beside it the
CPU time over 16 bare calls without gradients, which does not depend on how busy the machine is.
"""

import pytest
import torch

from benchmarks.measure import cpu_seconds, over_bare
from minidiff import VP, Denoiser, likelihood
from minidiff.nets import MLP

BATCH, STEPS = 32, 4
DIVERGENCES = ("exact", "hutchinson")


def rate(work):
    """Examples per second of CPU time: the median of three."""
    return BATCH / sorted(cpu_seconds(work) for _ in range(3))[1]


@pytest.mark.parametrize("dims", [2, 8, 32, 128])
def test_likelihood(benchmark, dims):
    net = MLP(dim=dims, width=128, depth=3)
    model, x, t = Denoiser(net, VP(), predicts="x0"), torch.randn(BATCH, dims), torch.tensor(0.5)

    @torch.no_grad()
    def bare():
        for _ in range(4 * STEPS):
            net(x, t)

    works = {kind: lambda kind=kind: likelihood.flow_log_prob(model, x, steps=STEPS, end=0.1, divergence=kind)
             for kind in DIVERGENCES}
    times = over_bare(bare, works, 3)
    row = {"dimensions": dims}
    row |= {f"{kind}, per second": float(f"{rate(work):.3g}") for kind, work in works.items()}
    row |= {f"{kind}, over bare calls": round(times[kind], 2) for kind in works}
    title = "Likelihood by the flow, MLP 3 x 128, 16 calls of the network: examples per second of CPU time"
    benchmark.extra_info.update(table="likelihood", title=title, rows=[row])
    benchmark.pedantic(works["hutchinson"], rounds=3)
