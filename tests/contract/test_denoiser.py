"""One network in four languages, and the chain's formulas for a batch of steps."""
import laws
import pytest
import torch
from cases import CHAINS, PROCESSES, close, gen

from minidiff import losses


def test_conversions_agree():
    laws.conversions_agree()


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_a_batch_of_steps_is_each_step_alone(chain):
    """An integer tensor (B,) gives every example its own step, for data of any shape."""
    steps = torch.tensor([1, 3, chain.num_steps])
    x, y = (torch.randn(3, 1, 4, 4, generator=gen(seed), dtype=torch.float64) for seed in (0, 1))
    for formula in (lambda i, s: chain.forward_step(x[i], s, y[i]), lambda i, s: chain.posterior_mean(x[i], y[i], s),
                    lambda i, s: chain.mean_from_eps(x[i], y[i], s)):
        together = formula(slice(None), steps)
        for i, step in enumerate(steps.tolist()):
            close(together[i], formula(slice(i, i + 1), step)[0])


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_weights_are_curves(process):
    t = torch.tensor([0.2, 0.9], dtype=torch.float64)
    for weight in losses.WEIGHTS:
        assert losses.weight_of(process, t, weight).shape == (2,)
    close(losses.weight_of(process, t, "simple"), [1.0, 1.0])
    close(losses.weight_of(process, t, lambda t: 2 * t), [0.4, 1.8])
