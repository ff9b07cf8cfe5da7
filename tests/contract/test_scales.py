"""alpha and sigma asked together are alpha and sigma asked one by one; a large sum is not an infinity."""

import pytest
import torch

from minidiff import DDPM, NCSN, VE, VP
from minidiff.checks import check_data


@pytest.mark.parametrize("process", [VP(), VE(), DDPM.linear(1000), NCSN.geometric(50.0, 0.01, 10)])
def test_scales_are_alpha_and_sigma(process):
    for t in (0.3, torch.tensor(0.3), torch.rand(7), torch.rand(7, dtype=torch.float64)):
        alpha, sigma = process.scales(t)
        assert torch.equal(torch.as_tensor(alpha), torch.as_tensor(process.alpha(t)))
        assert torch.equal(torch.as_tensor(sigma), torch.as_tensor(process.sigma(t)))


def test_whole_steps_are_looked_up():
    chain = DDPM.linear(1000)
    for steps in (torch.arange(1001), torch.arange(250, dtype=torch.uint8), torch.tensor(7)):
        alpha, sigma = chain.scales(steps)
        torch.testing.assert_close(alpha, chain.alpha_bars[steps.long()].sqrt(), rtol=1e-14, atol=0)
        torch.testing.assert_close(alpha**2 + sigma**2, torch.ones_like(alpha), rtol=1e-14, atol=0)
        torch.testing.assert_close(sigma, chain.sigma(steps), rtol=1e-12, atol=0)
    with pytest.raises(ValueError, match="step must lie in 0..1000"):
        chain.scales(torch.tensor([1001]))


def test_a_sum_that_overflows_is_data_all_the_same():
    large = torch.full((4,), 3e38)
    assert check_data("x", large) is large
    with pytest.raises(ValueError, match="got 2 NaN or infinite"):
        check_data("x", torch.tensor([torch.inf, -torch.inf, 1.0]))
