"""Section 4.2 against Bayes' rule by quadrature: the two ends, the optimum, the learned variance, the hybrid loss."""
import copy

import pytest
import torch
import variance_laws as laws
from cases import BUMPS, SHIFTED, close, column, gen

from minidiff import DDPM, VP, Denoiser, analytic, grids, likelihood, losses, samplers
from minidiff.nets import MLP, UNet
from minidiff.train import ImportanceTimes, train
from minidiff.variance import Beside, LearnedVariance, interpolate, variance_ends
from minidiff.vdm import LearnedSchedule


def test_the_ends_are_right_for_unit_variance_and_for_a_point():
    laws.ends_are_the_extreme_truths(variance_ends)


def test_interpolation_is_linear_in_logarithms():
    laws.interpolation_is_geometric(interpolate)


@pytest.mark.parametrize("target", [BUMPS, SHIFTED], ids=["bumps", "gauss"])
def test_the_optimum_is_the_one_of_quadrature(target):
    laws.optimum_is_quadrature(analytic.optimal_variance, target)


def test_the_optimum_is_clipped():
    laws.optimum_is_clipped(analytic.optimal_variance)


def test_squares_are_means_over_coordinates():
    laws.squares_are_means_over_coordinates(analytic.eps_square)


def test_the_optimum_has_the_smallest_bound():
    laws.bound_falls_to_the_optimum(likelihood.vlb_terms, analytic.optimal_variance)


def test_a_learned_variance_is_prediction_then_logits():
    laws.halves_are_prediction_then_logits(LearnedVariance)


@pytest.mark.parametrize("grid", [None, [1.0, 0.5, 0.25, 0.0]], ids=["chain", "strided"])
def test_hybrid_is_the_simple_loss_and_the_bound(grid):
    laws.hybrid_is_its_parts(losses.hybrid, grid)


def test_hybrid_stops_the_gradient_at_the_mean():
    laws.hybrid_stops_the_gradient(losses.hybrid)


def test_importance_times():
    laws.importance_is_the_root_of_the_square(ImportanceTimes)


def test_samplers_add_the_variance_of_the_table():
    laws.one_step_has_the_table(samplers.ancestral, posterior_mean)
    laws.one_step_has_the_table(samplers.ddim, samplers.ddim)


def posterior_mean(model, x, grid):
    keep, pull, _ = model.process.posterior(*grid)
    return keep * x + pull * model(x, grid[0])


def test_ancestral_adds_the_learned_variance():
    laws.learned_sampler_has_the_interpolated_variance(samplers.ancestral)


def test_a_table_of_the_named_variances_is_the_name():
    process, grid = VP(), grids.uniform(6)
    model, x = BUMPS.denoiser(process), column(0.3, -1.0)
    low, high = variance_ends(process, grid)
    for name, table in (("beta", high), ("posterior", low)):
        close(samplers.ancestral(model, x, grid, variance=table, generator=gen()),
              samplers.ancestral(model, x, grid, variance=name, generator=gen()), rtol=1e-12)
    ours = samplers.ddim(model, x, grid, eta=1.0, variance=low, generator=gen())
    close(ours, samplers.ancestral(model, x, grid, variance="posterior", generator=gen()), atol=1e-9)


@pytest.mark.parametrize("net, shape", [(MLP(2, 8, 1, answers=2), (3, 2)), (MLP(16, 8, 1, frequencies=0, answers=2), (3, 1, 4, 4)),
                                        (UNet(2, 8, 1, attention=False, answers=2), (3, 2, 4, 4)),
                                        (UNet(1, 8, 1, attention=False, answers=2, patch=2), (3, 1, 4, 4))],
                         ids=["MLP", "MLP of images", "UNet", "UNet with patches"])
def test_networks_with_two_answers(net, shape):
    model, x = LearnedVariance(net, VP(), predicts="v"), torch.randn(shape, generator=gen())
    x0_hat, fraction = model.with_fraction(x, torch.tensor([0.1, 0.5, 0.9]))
    assert x0_hat.shape == fraction.shape == x.shape and 0 < fraction.min() < fraction.max() < 1 or fraction.unique().numel() == 1


def test_a_head_beside_a_frozen_model_leaves_it_as_it_is():
    model = Denoiser(MLP(2, 8, 1), DDPM.cosine(10), predicts="v")
    learned = LearnedVariance.beside(model, MLP(2, 8, 1))
    before = [p.clone() for p in model.parameters()]
    x = torch.randn(4, 2, generator=gen())
    close(learned(x, 0.5), model(x, 0.5), rtol=1e-6)
    assert isinstance(learned.net, Beside)
    head = [p.clone() for p in learned.net.head.parameters()]
    train(learned, x, 3, batch=4, loss=losses.hybrid, progress=False)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters()))
    assert not all(torch.equal(a, b) for a, b in zip(head, learned.net.head.parameters()))


def test_a_head_beside_a_model_leaves_its_slope():
    laws.beside_has_the_slope(LearnedVariance)


def test_hybrid_on_a_learned_schedule():
    """The bound's coefficients are constants: no NaN for the schedule, and the model can still be copied."""
    torch.manual_seed(0)
    model = LearnedVariance(MLP(2, 8, 1, answers=2), LearnedSchedule(6.0, -6.0))
    loss = losses.hybrid(model, torch.zeros(3, 2), torch.tensor([1, 2, 3]), torch.ones(3, 2), [1.0, 0.5, 0.1, 0.0])
    loss.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    copy.deepcopy(model)


def test_importance_times_train():
    """In `train` the steps come from the history and the losses go into it."""
    times = ImportanceTimes(5, history=2)
    model = LearnedVariance(MLP(2, 8, 1, answers=2), DDPM([0.1, 0.2, 0.3, 0.4, 0.5]))
    run = train(model, torch.randn(40, 2, generator=gen()), 20, batch=10, time=times, loss=times.weighted(losses.hybrid), progress=False)
    assert times.seen.sum() == 200 and len(run.history) == 20
    assert not torch.allclose(times.probabilities(), torch.full((5,), 0.2, dtype=torch.float64))


STEP, NOISE = torch.tensor([1, 2]), torch.zeros(2, 1, dtype=torch.float64)
X, CHAIN = column(0.1, 0.2), DDPM.cosine(12)
MODEL, LEARNED = BUMPS.denoiser(VP()), laws.learned_model(CHAIN)
BAD = [
    (ValueError, ["low", "(0, inf)", "0"], lambda: interpolate(NOISE, 0.0, 1.0)),
    (ValueError, ["low", "positive", "0"], lambda: interpolate(NOISE, NOISE, NOISE + 1)),
    (ValueError, ["grid", "fall"], lambda: variance_ends(VP(), [0.5, 0.7])),
    (TypeError, ["process", "None"], lambda: variance_ends(None, [1.0, 0.0])),
    (ValueError, ["variance", "2 numbers", "got 1"], lambda: samplers.ancestral(MODEL, X, [1.0, 0.5, 0.0], variance=[0.1])),
    (ValueError, ["variance", "2 positive", "-0.1"], lambda: likelihood.vlb_terms(MODEL, X, [1.0, 0.5, 0.0], variance=[0.1, -0.1])),
    (ValueError, ["variance", "positive", "of 0"], lambda: likelihood.vlb_terms(MODEL, X, [1.0, 0.5, 0.0], variance=[0.1, 0.0])),
    (ValueError, ["variance", "at least 0", "-0.1"], lambda: samplers.ddim(MODEL, X, [1.0, 0.5, 0.0], variance=[-0.1, 0.1])),
    (ValueError, ["variance", "finite", "index 1"], lambda: samplers.ddim(MODEL, X, [1.0, 0.5, 0.0], variance=[0.1, float("nan")])),
    (TypeError, ["variance", "'beta'"], lambda: samplers.ddim(MODEL, X, [1.0, 0.0], variance="beta")),
    (TypeError, ["variance", "LearnedVariance"], lambda: samplers.ancestral(MODEL, X, [1.0, 0.0], variance="learned")),
    (TypeError, ["variance", "LearnedVariance"], lambda: likelihood.vlb_terms(MODEL, X, [1.0, 0.0], variance="learned")),
    (ValueError, ["squares", "2 numbers", "got 1"], lambda: analytic.optimal_variance(VP(), [1.0, 0.5, 0.0], [0.5])),
    (ValueError, ["eta", "[0, 1]", "2"], lambda: analytic.optimal_variance(VP(), [1.0, 0.0], [0.5], eta=2)),
    (ValueError, ["largest", "(0, inf)", "0"], lambda: analytic.optimal_variance(VP(), [1.0, 0.0], [0.5], largest=0)),
    (TypeError, ["model", "Denoiser"], lambda: analytic.eps_square(None, X, [0.5])),
    (TypeError, ["x0", "tensor", "None"], lambda: analytic.eps_square(MODEL, None, [0.5])),
    (TypeError, ["model", "LearnedVariance", "Denoiser"], lambda: losses.hybrid(MODEL, X, STEP, NOISE)),
    (ValueError, ["squares", "means of squares", "-5"], lambda: analytic.optimal_variance(VP(), [1.0, 0.0], [-5.0])),
    (ValueError, ["times", "(0, 1]", "0"], lambda: analytic.eps_square(MODEL, X, [0.5, 0.0])),
    (ValueError, ["grid", "VP", "steps of its own"], lambda: losses.hybrid(laws.learned_model(VP()), X, STEP, NOISE)),
    (ValueError, ["vlb_weight", "[0, inf)", "-1"], lambda: losses.hybrid(LEARNED, X, STEP, NOISE, vlb_weight=-1)),
    (ValueError, ["grid", "one row"], lambda: losses.hybrid(LEARNED, X, STEP, NOISE, 5)),
    (ValueError, ["x ", "channels", "(2,)"], lambda: LEARNED(X[:, 0], 0.5)),
    (ValueError, ["step", "at least one"], lambda: ImportanceTimes(5).weigh(STEP[:0], torch.ones(0))),
    (ValueError, ["values", "finite"], lambda: ImportanceTimes(5).weigh(STEP, torch.ones(2) / 0)),
    (ValueError, ["step", "1..12", "0"], lambda: losses.hybrid(LEARNED, X, STEP - 1, NOISE)),
    (ValueError, ["step", "1..1,", "2"], lambda: losses.hybrid(LEARNED, X, STEP, NOISE, [1.0, 0.0])),
    (ValueError, ["step", "int64", "float"], lambda: losses.hybrid(LEARNED, X, STEP / 12, NOISE)),
    (ValueError, ["grid", "end at 0", "0.5"], lambda: losses.hybrid(LEARNED, X, STEP, NOISE, [1.0, 0.8, 0.5])),
    (ValueError, ["noise", "x0"], lambda: losses.hybrid(LEARNED, X, STEP, NOISE[:1])),
    (ValueError, ["net", "twice", "(2, 2)", "(2, 1)"], lambda: LearnedVariance(lambda x, t: x, VP())(X, 0.5)),
    (TypeError, ["model", "Denoiser", "ExactDenoiser"], lambda: LearnedVariance.beside(MODEL, MLP(1, 8, 1))),
    (ValueError, ["answers", "at least 1", "0"], lambda: MLP(2, 8, 1, answers=0)),
    (ValueError, ["answers", "at least 1", "0"], lambda: UNet(1, 8, 1, answers=0)),
    (ValueError, ["steps", "at least 1", "0"], lambda: ImportanceTimes(0)),
    (ValueError, ["floor", "(0, 1]", "0"], lambda: ImportanceTimes(5, floor=0)),
    (ValueError, ["step", "1..5", "6"], lambda: ImportanceTimes(5).weigh(STEP + 4, torch.ones(2))),
    (ValueError, ["values", "step", "(3,)"], lambda: ImportanceTimes(5).weigh(STEP, torch.ones(3))),
    (TypeError, ["step", "int64"], lambda: ImportanceTimes(5).weigh(torch.ones(2), torch.ones(2))),
]


@pytest.mark.parametrize("error, words, call", BAD, ids=[f"{i}-{row[1][0].strip()}" for i, row in enumerate(BAD)])
def test_wrong_input_is_refused_in_words(error, words, call):
    with pytest.raises(error) as raised:
        call()
    assert all(word in str(raised.value) for word in words), str(raised.value)
