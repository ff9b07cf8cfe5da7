"""Section 2.2 against quadrature: score-matching identities, Langevin dynamics, NCSNv2's choices."""
import math

import laws
import pytest
import torch
from cases import BUMPS, close, gen

from minidiff import Denoiser, losses, ncsn, score_sde
from minidiff.ncsn import NCSN


def test_denoising_equals_explicit_up_to_its_constant():
    laws.denoising_equals_explicit()


def test_implicit_equals_explicit_up_to_the_fisher_information():
    laws.implicit_equals_explicit()


@pytest.mark.parametrize("directions", ["rademacher", "gaussian"])
@pytest.mark.parametrize("variance_reduced", [True, False])
def test_sliced_equals_implicit_on_average(directions, variance_reduced):
    laws.sliced_equals_implicit(directions=directions, variance_reduced=variance_reduced)


def test_sliced_is_implicit_in_one_dimension():
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
    close(ncsn.sliced_score_matching(torch.sin, x, gen()).detach(), ncsn.implicit_score_matching(torch.sin, x).detach())


def test_denoising_loss_has_a_floor_at_the_true_score():
    """The DSM loss does not fall to 0: its minimum at the true score is half of 1/sigma^2 - 1/(V0 + sigma^2)."""
    sigma = 0.8
    x0, noise, weights = laws.plane()
    value = ncsn.denoising_score_matching(lambda x: -(x - 0.7) / (0.5 + sigma**2), x0, sigma, noise)
    floor = 0.5 * (1 / sigma**2 - 1 / (0.5 + sigma**2))
    close((weights * value).sum(), floor, atol=1e-10)
    for wrong in (0.9, 1.1):
        worse = ncsn.denoising_score_matching(lambda x, f=wrong: -f * (x - 0.7) / (0.5 + sigma**2), x0, sigma, noise)
        assert (weights * worse).sum() > floor


def test_ncsn_loss_and_ddpm_loss_are_one():
    """Survey Eqs. (13), (14), (10): sigma^2 times denoising score matching is half the noise-prediction loss."""
    ladder = NCSN([3.0, 1.0, 0.2])
    x0, noise = (torch.randn(6, 4, generator=gen(seed), dtype=torch.float64) for seed in (0, 1))
    for level in (1, 2, 3):
        sigma = ladder.sigma(level)
        model = Denoiser(lambda x, t: torch.tanh(x), ladder, predicts="score")
        ours = losses.denoising(model, x0, torch.full((6,), level), noise)
        close(ours, 2 * sigma**2 * ncsn.denoising_score_matching(torch.tanh, x0, sigma, noise), rtol=1e-9)


def test_gradients_flow_through_every_objective():
    weight = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    x = torch.randn(8, 2, generator=gen(), dtype=torch.float64)

    def score(x):
        return -weight * x**3
    for value in (ncsn.explicit_score_matching(score, x, lambda x: -x), ncsn.implicit_score_matching(score, x),
                  ncsn.sliced_score_matching(score, x, gen()), ncsn.denoising_score_matching(score, x, 0.5, x)):
        assert value.shape == (8,)
        assert torch.autograd.grad(value.sum(), weight)[0].abs() > 0


def test_langevin_settles_where_the_recursion_says():
    laws.langevin_settles(ncsn.langevin)


def test_langevin_is_right_for_short_steps_on_a_mixture():
    x = BUMPS.sample(4000, gen(), torch.float64)
    x = ncsn.langevin(BUMPS.score, x, 0.002, 100, gen(1))
    ranks = BUMPS.cdf(x).flatten().sort().values
    assert (ranks - torch.linspace(0, 1, 4000)).abs().max() < 0.04
    assert torch.equal(ncsn.langevin(BUMPS.score, x, 0.1, 0), x)


def test_settled_variance_is_the_recursion():
    for step_size, ratio, steps in ((0.1, 1.5, 5), (0.4, 2.0, 3)):
        variance = ratio**2
        for _ in range(steps):
            variance = (1 - step_size / 2) ** 2 * variance + step_size
        close(ncsn.settled_variance(step_size, ratio, steps), variance)
    best = ncsn.best_step_size(1.05, 200)
    assert abs(ncsn.settled_variance(best, 1.05, 200) - 1) < 0.01


def test_overlap_is_the_share_of_a_shell():
    """|x| of N(0, s^2 I) in D dimensions is close to N(sqrt(D) s, s^2/2): the share of one level in the other's 3 sigma."""
    dims, ratio = 200, 1.05
    radius = (torch.randn(20000, dims, generator=gen()) * ratio).norm(dim=1)
    inside = ((radius - math.sqrt(dims) * 1.0).abs() < 3 * ratio / math.sqrt(2)).float().mean().item()
    assert abs(inside - ncsn.overlap(ratio, dims)) < 0.05
    for dims in (16, 64, 3072):
        assert abs(ncsn.overlap(ncsn.ladder_ratio(dims), dims) - 0.5) < 1e-3


def test_in_few_dimensions_shells_always_overlap():
    with pytest.raises(ValueError, match="dims must be larger"):
        ncsn.ladder_ratio(2)


def test_max_distance():
    data = torch.tensor([[[0.0, 0.0]], [[3.0, 4.0]], [[1.0, 1.0]]])
    assert ncsn.max_distance(data) == pytest.approx(5.0, rel=1e-5)


PAIRS = ["VP", "VE", "SubVP", "Cosine"]


@pytest.mark.parametrize("name", PAIRS)
def test_probability_flow_returns_to_the_data(name):
    """Survey Eq. (19): mean and variance integrated from t = 1 to the data; without the 1/2 the variance collapses."""
    from cases import PROCESSES
    laws.flow_returns(PROCESSES[name])


@pytest.mark.parametrize("name", PAIRS)
def test_reverse_sde_returns_to_the_data(name):
    """Survey Eqs. (18), (21)."""
    from cases import PROCESSES
    laws.reverse_sde_returns(PROCESSES[name])


def test_flow_is_the_same_in_levels():
    """dx/dt of (19) and dy/du of the level form are one curve: y = x/alpha, u = log(sigma/alpha)."""
    process, t, h = score_sde.VP(), 0.4, 1e-5
    model, x = BUMPS.denoiser(process), torch.tensor([[0.3], [-0.8]], dtype=torch.float64)
    u, alpha = -process.half_log_snr(t), process.alpha(t)
    du = (-process.half_log_snr(t + h) + process.half_log_snr(t - h)) / (2 * h)
    dy = score_sde.flow_velocity(model, x, t) / alpha - process.drift_rate(t) * x / alpha
    close(score_sde.level_velocity(model, x / alpha, u) * du, dy, rtol=1e-6, atol=1e-8)
