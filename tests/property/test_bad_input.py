"""Wrong input of every kind: the error names the argument, what was given and what is allowed."""
import math

import numpy as np
import pytest
import torch
from cases import BUMPS, SAMPLERS, column, gen

from minidiff import DDPM, EDM, NCSN, VE, VP, Cosine, Denoiser, SubVP, exact, grids, likelihood, losses, ncsn, samplers, score_sde
from minidiff.checks import check_choice, check_count, check_data, check_grid, check_number, check_table, shown
from minidiff.denoiser import to_eps, to_x0

NAN, INF = math.nan, math.inf
X, CHAIN, LADDER = column(0.1, 0.2), DDPM.linear(50), NCSN([3.0, 1.0])
MODEL = BUMPS.denoiser(VP())
NOISE = torch.zeros(2, 1, dtype=torch.float64)


def net(x, t):
    return x


# what is tried: (exception, words that the message holds, call)
PROCESSES = [
    (ValueError, ["betas", "(0, 1)", "beta_2 = 1"], lambda: DDPM([0.1, 1.0])),
    (ValueError, ["betas", "(0, 1)", "beta_1 = 0"], lambda: DDPM([0.0, 0.1])),
    (ValueError, ["betas", "(0, 1)", "-0.1"], lambda: DDPM([0.1, 0.2, -0.1])),
    (ValueError, ["betas", "finite", "index 1"], lambda: DDPM([0.1, NAN])),
    (ValueError, ["betas", "one row", "(0,)"], lambda: DDPM([])),
    (ValueError, ["betas", "one row", "(1, 1)"], lambda: DDPM([[0.1]])),
    (TypeError, ["betas", "'linear'"], lambda: DDPM("linear")),
    (TypeError, ["betas", "None"], lambda: DDPM(None)),
    (ValueError, ["num_steps", "21", "20"], lambda: DDPM.linear(20)),
    (ValueError, ["num_steps", "at least 1", "0"], lambda: DDPM.linear(0)),
    (ValueError, ["num_steps", "whole", "10.5"], lambda: DDPM.linear(10.5)),
    (TypeError, ["num_steps", "whole", "'ten'"], lambda: DDPM.linear("ten")),
    (TypeError, ["num_steps", "whole", "True"], lambda: DDPM.cosine(True)),
    (ValueError, ["num_steps", "whole", "nan"], lambda: DDPM.cosine(NAN)),
    (ValueError, ["beta_last", "(0, 1)", "1.5"], lambda: DDPM.linear(100, 0.1, 1.5)),
    (ValueError, ["beta_first", "(0, 1)", "0"], lambda: DDPM.linear(100, 0.0, 0.5)),
    (ValueError, ["clip", "(0, 1)", "1"], lambda: DDPM.cosine(100, clip=1.0)),
    (ValueError, ["m ", "[0, 1)", "-1"], lambda: Cosine(m=-1.0)),
    (TypeError, ["process", "variance preserving", "VE"], lambda: DDPM.from_process(VE(), 10)),
    (ValueError, ["sigmas", "fall", "[1.0, 2.0]"], lambda: NCSN([1.0, 2.0])),
    (ValueError, ["sigmas", "fall", "[1.0, 1.0]"], lambda: NCSN([1.0, 1.0])),
    (ValueError, ["sigmas", "positive"], lambda: NCSN([1.0, 0.0])),
    (ValueError, ["sigmas", "finite"], lambda: NCSN([INF, 1.0])),
    (ValueError, ["sigma_min", "(0, 1)", "2"], lambda: NCSN.geometric(1.0, 2.0, 10)),
    (ValueError, ["num_levels", "at least 2", "1"], lambda: NCSN.geometric(2.0, 1.0, 1)),
    (ValueError, ["sigma_min", "(0, 5)", "7"], lambda: VE(7.0, 5.0)),
    (ValueError, ["sigma_max", "nan"], lambda: EDM(sigma_max=NAN)),
    (ValueError, ["beta_min", "(0, 20]", "30"], lambda: VP(30.0, 20.0)),
    (ValueError, ["beta_max", "(0, inf)", "-1"], lambda: SubVP(0.1, -1.0)),
    (TypeError, ["beta_max", "number", "[1]"], lambda: VP(beta_max=[1])),
    (TypeError, ["beta_max", "number", "'20'"], lambda: VP(beta_max="20")),
    (TypeError, ["beta_max", "number", "shape (2,)"], lambda: VP(beta_max=torch.ones(2))),
]
TIMES = [
    (ValueError, ["t ", "[0, 1]", "1.5"], lambda: VP().alpha(1.5)),
    (ValueError, ["t ", "[0, 1]", "nan"], lambda: VP().alpha(NAN)),
    (TypeError, ["t ", "continuous", "int64"], lambda: VP().sigma(torch.tensor([1, 2]))),
    (TypeError, ["t ", "number", "'noon'"], lambda: VP().sigma("noon")),
    (ValueError, ["step", "0..50", "51"], lambda: CHAIN.alpha(51)),
    (ValueError, ["step", "0..50", "-1"], lambda: CHAIN.alpha(torch.tensor([3, -1]))),
    (ValueError, ["level", "1..2", "0"], lambda: LADDER.sigma(0)),
    (ValueError, ["level", "1..2", "3"], lambda: LADDER.sigma(torch.tensor([1, 3]))),
    (ValueError, ["step", "1..50", "0"], lambda: CHAIN.posterior_mean(X, X, 0)),
    (ValueError, ["step", "1..50", "0"], lambda: CHAIN.mean_from_eps(X, X, 0)),
    (ValueError, ["step", "50", "51"], lambda: CHAIN.forward_step(X, 51, X)),
    (ValueError, ["variance", "'posterior'", "'large'"], lambda: CHAIN.reverse_variance("large")),
    (ValueError, ["t ", "(2,)", "(3,)"], lambda: VP().perturb(X, torch.rand(3), NOISE)),
    (ValueError, ["t ", "(2, 1)"], lambda: VP().perturb(X, torch.rand(2, 1), NOISE)),
    (ValueError, ["t ", "[0, 1]", "2"], lambda: VP().perturb(X, torch.tensor([0.5, 2.0]), NOISE)),
    (ValueError, ["t ", "[0, 1]", "nan"], lambda: VP().perturb(X, torch.tensor([0.5, NAN]), NOISE)),
    (ValueError, ["noise", "x0", "(2, 1)", "(1, 1)"], lambda: VP().perturb(X, 0.5, NOISE[:1])),
    (TypeError, ["x0", "floating", "int64"], lambda: VP().perturb(torch.ones(2, 1, dtype=torch.long), 0.5, NOISE)),
    (ValueError, ["x0", "finite", "1 NaN"], lambda: VP().perturb(column(0.0, NAN), 0.5, NOISE)),
    (TypeError, ["x0", "torch tensor", "ndarray"], lambda: VP().perturb(np.ones((2, 1)), 0.5, NOISE)),
    (ValueError, ["x ", "finite"], lambda: VP().prior_log_prob(column(INF))),
    (ValueError, ["until", "(0, 1]", "2"], lambda: score_sde.simulate(VP(), X, 10, until=2.0)),
    (TypeError, ["x0", "floating"], lambda: score_sde.simulate(VP(), torch.ones(2, 1, dtype=torch.int32), 10)),
]
GRIDS = [
    (ValueError, ["steps", "at least 1", "0"], lambda: grids.uniform(0)),
    (ValueError, ["steps", "whole", "2.5"], lambda: grids.quadratic(2.5)),
    (TypeError, ["steps", "whole", "None"], lambda: grids.log_snr(VP(), None)),
    (TypeError, ["steps", "whole", "'3'"], lambda: grids.karras(VP(), "3")),
    (ValueError, ["steps", "at least 1", "-4"], lambda: grids.trailing(CHAIN, -4)),
    (ValueError, ["steps", "divide", "50", "3"], lambda: grids.trailing(CHAIN, 3)),
    (ValueError, ["start", "(0, 1]", "1.2"], lambda: grids.uniform(5, start=1.2)),
    (ValueError, ["end", "[0, 0.5)", "0.5"], lambda: grids.log_snr(VP(), 5, start=0.5, end=0.5)),
    (ValueError, ["rho", "(0, inf)", "0"], lambda: grids.karras(VP(), 5, rho=0)),
]
MODELS = [
    (ValueError, ["predicts", "'eps'", "'x0'", "'v'", "'score'", "'noise'"], lambda: Denoiser(net, VP(), predicts="noise")),
    (ValueError, ["predicts", "None"], lambda: Denoiser(net, VP(), predicts=None)),
    (TypeError, ["net", "callable", "int"], lambda: Denoiser(3, VP())),
    (TypeError, ["process", "GaussianProcess", "'VP'"], lambda: Denoiser(net, "VP")),
    (TypeError, ["process", "GaussianProcess"], lambda: Denoiser(net, VP)),
    (TypeError, ["process", "GaussianProcess"], lambda: BUMPS.denoiser(None)),
    (TypeError, ["process", "GaussianProcess"], lambda: MODEL.seen_as("VE")),
    (TypeError, ["process", "GaussianProcess"], lambda: grids.log_snr("VP", 5)),
    (TypeError, ["process", "GaussianProcess"], lambda: grids.karras(None, 5)),
    (ValueError, ["kind", "'eps'", "'noise'"], lambda: to_eps(X, "noise", X, 1.0, 1.0)),
    (ValueError, ["kind", "'v'", "'velocity'"], lambda: to_x0(X, "velocity", X, 1.0, 1.0)),
    (ValueError, ["sigma_data", 'predicts="x0"', "'eps'"], lambda: Denoiser(net, VP(), sigma_data=0.5)),
    (ValueError, ["sigma_data", "(0, inf)", "-1"], lambda: Denoiser(net, VP(), predicts="x0", sigma_data=-1.0)),
    (ValueError, ["weight", "'simple'", "'heavy'"], lambda: losses.denoising(MODEL, X, torch.rand(2), NOISE, weight="heavy")),
    (ValueError, ["x0", "finite"], lambda: losses.denoising(MODEL, column(NAN, 0.0), torch.rand(2), NOISE)),
    (ValueError, ["weights", "sum to one", "1.1"], lambda: exact.GaussianMixture([0.5, 0.6], [[0.0], [1.0]], 1.0)),
    (ValueError, ["weights", "positive", "-0.5"], lambda: exact.GaussianMixture([1.5, -0.5], [[0.0], [1.0]], 1.0)),
    (ValueError, ["weights", "finite"], lambda: exact.GaussianMixture([NAN, 1.0], [[0.0], [1.0]], 1.0)),
    (TypeError, ["weights"], lambda: exact.GaussianMixture("half", [[0.0]], 1.0)),
    (ValueError, ["means", "(2, *shape)", "(1, 1)"], lambda: exact.GaussianMixture([0.5, 0.5], [[0.0]], 1.0)),
    (ValueError, ["stds", "negative", "-1"], lambda: exact.GaussianMixture([0.5, 0.5], [[0.0], [1.0]], [1.0, -1.0])),
    (ValueError, ["stds", "(2,)", "(3,)"], lambda: exact.GaussianMixture([0.5, 0.5], [[0.0], [1.0]], [1.0, 1.0, 1.0])),
    (ValueError, ["n ", "at least 1", "0"], lambda: BUMPS.sample(0)),
    (ValueError, ["x ", "(B, 1)", "(2, 3)"], lambda: BUMPS.log_prob(torch.zeros(2, 3))),
    (ValueError, ["x ", "finite"], lambda: BUMPS.score(column(NAN))),
    (ValueError, ["radius", "(0, inf)"], lambda: exact.ring(radius=0)),
    (TypeError, ["x ", "floating"], lambda: ncsn.langevin(net, torch.ones(2, 1, dtype=torch.long), 0.1, 3)),
    (ValueError, ["steps", "at least 0", "-1"], lambda: ncsn.langevin(net, X, 0.1, -1)),
    (ValueError, ["step_size", "(0, inf)", "0"], lambda: ncsn.langevin(net, X, 0.0, 3)),
    (ValueError, ["directions", "'rademacher'", "'sphere'"], lambda: ncsn.sliced_score_matching(net, X, directions="sphere")),
    (ValueError, ["x ", "finite"], lambda: ncsn.explicit_score_matching(net, column(NAN), net)),
    (TypeError, ["x ", "floating"], lambda: ncsn.implicit_score_matching(net, torch.ones(2, 1, dtype=torch.long))),
    (ValueError, ["sigma", "(0, inf)", "-1"], lambda: ncsn.denoising_score_matching(net, X, -1.0, NOISE)),
    (ValueError, ["noise", "x0", "(2, 1)", "(1, 1)"], lambda: ncsn.denoising_score_matching(net, X, 1.0, NOISE[:1])),
    (ValueError, ["goal", "(0, 1)"], lambda: ncsn.ladder_ratio(100, goal=1.0)),
]
KNOBS = [
    (ValueError, ["variance", "'beta'", "'small'"], lambda: samplers.ancestral(MODEL, X, [1, 0], variance="small")),
    (ValueError, ["eta", "[0, 1]", "2"], lambda: samplers.ddim(MODEL, X, [1, 0], eta=2)),
    (ValueError, ["order", "1, 2, 3", "4"], lambda: samplers.dpm_solver_pp(MODEL, X, [1, 0], order=4)),
    (ValueError, ["step_size", "(0, inf)"], lambda: samplers.annealed_langevin(MODEL, X, [1, 0], step_size=-0.1)),
    (ValueError, ["steps_per_level", "at least 1", "0"], lambda: samplers.annealed_langevin(MODEL, X, [1, 0], steps_per_level=0)),
    (ValueError, ["corrector_steps", "at least 0"], lambda: samplers.predictor_corrector(MODEL, X, [1, 0], corrector_steps=-1)),
    (ValueError, ["step_size", "[0.88", "0.1"], lambda: samplers.consistent_annealed(MODEL, X, [0.6, 0.5, 0], step_size=0.1)),
    (ValueError, ["step_size", "(0, inf)", "-1"], lambda: samplers.consistent_annealed(MODEL, X, [0.6, 0.5, 0], step_size=-1)),
    (TypeError, ["step_size", "number", "'large'"], lambda: samplers.consistent_annealed(MODEL, X, [0.6, 0.5], step_size="large")),
    (ValueError, ["rtol", "[0, inf)", "-1"], lambda: samplers.adaptive_sde(MODEL, X, [1, 0.1, 0], rtol=-1)),
    (ValueError, ["atol", "(0, inf)", "0"], lambda: samplers.adaptive_sde(MODEL, X, [1, 0.1, 0], atol=0)),
    (ValueError, ["first_step", "(0, inf)", "0"], lambda: samplers.adaptive_sde(MODEL, X, [1, 0.1, 0], first_step=0)),
    (ValueError, ["snr", "(0, inf)"], lambda: samplers.predictor_corrector(MODEL, X, [1, 0], snr=0)),
    (ValueError, ["rtol", "(0, inf)"], lambda: samplers.adaptive_ode(MODEL, X, [1, 0], rtol=0)),
    (ValueError, ["divergence", "'exact'", "'none'"], lambda: likelihood.flow_log_prob(MODEL, X, divergence="none")),
    (ValueError, ["end", "(0, 1)", "0"], lambda: likelihood.flow_log_prob(MODEL, X, end=0.0)),
    (ValueError, ["grid", "above 0"], lambda: likelihood.flow_log_prob(MODEL, X, [1.0, 0.0])),
    (ValueError, ["grid", "end at 0", "0.5"], lambda: likelihood.vlb_terms(MODEL, X, [1.0, 0.5])),
    (ValueError, ["variance", "'beta'", "'small'"], lambda: likelihood.vlb_terms(MODEL, X, [1.0, 0.0], variance="small")),
    (ValueError, ["dims", "at least 1", "0"], lambda: likelihood.bits_per_dim(X, 0)),
    (ValueError, ["bin_width", "(0, inf)"], lambda: likelihood.bits_per_dim(X, 1, bin_width=0.0)),
]

T3 = torch.tensor([0.1, 0.5, 0.9])
MIX2 = exact.GaussianMixture([0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]], 1.0)
OUTSIDE = [
    (ValueError, ["t ", "[0, 1]", "1.5"], lambda: VP().alpha(torch.tensor([0.5, 1.5]))),
    (ValueError, ["t ", "[0, 1]", "nan"], lambda: VE().sigma(torch.tensor(NAN))),
    (ValueError, ["t ", "[0, 1]", "3"], lambda: Denoiser(net, VP())(X, torch.tensor([0.5, 3.0]))),
    (ValueError, ["t ", "(2,)", "(3,)"], lambda: Denoiser(net, VP()).eps(X, T3)),
    (ValueError, ["t ", "(2,)", "(3,)"], lambda: MODEL(X, T3)),
    (ValueError, ["t ", "(2,)", "(3,)"], lambda: MODEL.log_prob(X, T3)),
    (ValueError, ["t ", "(2,)", "(3,)"], lambda: MODEL.posterior_variance(X, T3)),
    (ValueError, ["t ", "(2,)", "(2, 1)"], lambda: MODEL.score(X, T3[:2, None])),
    (ValueError, ["t ", "(2,)", "(3,)"], lambda: VP().drift(X, T3)),
    (ValueError, ["noise", "finite"], lambda: VP().perturb(X, 0.5, NOISE * NAN)),
    (TypeError, ["noise", "floating"], lambda: VP().perturb(X, 0.5, NOISE.long())),
    (TypeError, ["noise", "tensor", "None"], lambda: VP().perturb(X, 0.5, None)),
    (ValueError, ["x0", "empty", "(0, 1)"], lambda: VP().perturb(X[:0], 0.5, X[:0])),
    (TypeError, ["x ", "floating", "int64"], lambda: Denoiser(net, VP())(X.long(), 0.5)),
    (TypeError, ["x ", "tensor", "None"], lambda: Denoiser(net, VP())(None, 0.5)),
    (ValueError, ["net", "(2, 1)", "(1, 1)"], lambda: Denoiser(lambda x, t: x[:1], VP())(X, 0.5)),
    (ValueError, ["net", "shape", "None"], lambda: Denoiser(lambda x, t: None, VP())(X, 0.5)),
    (TypeError, ["model", "Denoiser", "function"], lambda: losses.denoising(net, X, 0.5, NOISE)),
    (ValueError, ["t ", "above 0", "0.0"], lambda: losses.denoising(MODEL, X, 0.0, NOISE, "likelihood")),
    (TypeError, ["model", "Denoiser", "function"], lambda: likelihood.flow_log_prob(net, X)),
    (TypeError, ["model", "Denoiser", "None"], lambda: score_sde.flow_velocity(None, X, 0.5)),
    (TypeError, ["log_prob", "None"], lambda: likelihood.bits_per_dim(None, 2)),
    (TypeError, ["log_prob", "int64"], lambda: likelihood.bits_per_dim(torch.ones(2).long(), 2)),
    (TypeError, ["generator", "Generator", "5"], lambda: samplers.ancestral(MODEL, X, [1, 0.5, 0], generator=5)),
    (TypeError, ["generator", "Generator", "5"], lambda: BUMPS.sample(3, generator=5)),
    (TypeError, ["generator", "Generator", "5"], lambda: VP().prior_sample((2, 1), generator=5)),
    (ValueError, ["shape", "device", "'gpu'"], lambda: VP().prior_sample((2, 1), device="gpu")),
    (TypeError, ["shape", "'many'"], lambda: VP().prior_sample("many")),
    (TypeError, ["dtype", "int64"], lambda: BUMPS.sample(3, dtype=torch.int64)),
    (ValueError, ["method", "'RK45'", "'RK99'"], lambda: samplers.adaptive_ode(MODEL, X, [1, 0], method="RK99")),
    (ValueError, ["variance preserving", "SubVP"], lambda: DDPM.from_process(SubVP(), 10)),
    (TypeError, ["betas", "complex"], lambda: DDPM(torch.tensor([0.1 + 0j]))),
    (TypeError, ["step", "whole", "2.5"], lambda: CHAIN.forward_step(X, 2.5, X)),
    (TypeError, ["step", "whole", "'a'"], lambda: CHAIN.mean_from_eps(X, X, "a")),
    (ValueError, ["x0", "xt", "(1, 1)"], lambda: CHAIN.posterior_mean(X[:1], X, 3)),
    (TypeError, ["eps", "None"], lambda: CHAIN.mean_from_eps(X, None, 3)),
    (TypeError, ["model", "Denoiser"], lambda: CHAIN.reverse_step(net, X, 3)),
    (ValueError, ["variance", "'big'"], lambda: CHAIN.reverse_step(BUMPS.denoiser(CHAIN), X, 1, "big")),
    (TypeError, ["steps", "whole", "shape (2,)"], lambda: grids.uniform(torch.tensor([1, 2]))),
    (ValueError, ["std", "(2,)", "(3,)"], lambda: exact.Gaussian([0.0, 0.0], [1.0, 1.0, 1.0])),
    (TypeError, ["mean", "'a'"], lambda: exact.Gaussian("a", 1.0)),
    (TypeError, ["process", "None"], lambda: MIX2.marginal(None, 0.5)),
    (TypeError, ["t ", "number", "shape (2,)"], lambda: MIX2.marginal(VP(), T3[:2])),
    (TypeError, ["x ", "None"], lambda: BUMPS.cdf(None)),
    (ValueError, ["grid", "fall"], lambda: exact.variance_after(VP(), samplers.ddim_step, [0, 1], 0.5)),
    (ValueError, ["ratio", "(0, inf)", "-1"], lambda: ncsn.settled_variance(0.1, -1.0, 5)),
]


def name_of(case):
    return "-".join(word.strip() for word in case[1][:1]) + "-" + str(case[1][-1]).strip()


@pytest.mark.parametrize("case", PROCESSES + TIMES + GRIDS + MODELS + KNOBS + OUTSIDE, ids=name_of)
def test_wrong_input_is_refused_in_words(case):
    exception, words, call = case
    with pytest.raises(exception) as caught:
        call()
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "got" in message or "must be larger" in message, message


BAD_GRIDS = [
    (ValueError, "at least 2 times", [1.0]), (ValueError, "one row", []), (ValueError, "must fall", [0.5, 1.0]),
    (ValueError, "must fall", [1.0, 0.5, 0.5, 0.0]), (ValueError, "must lie in", [1.5, 0.0]), (ValueError, "must lie in", [1.0, -0.1]),
    (ValueError, "finite", [1.0, NAN, 0.0]), (ValueError, "one row", [[1.0, 0.0]]), (TypeError, "sequence of numbers", "uniform"),
    (TypeError, "sequence of numbers", None), (ValueError, "one row", 20), (ValueError, "must lie in", [1000, 500, 0]),
]
BAD_STATES = [
    (TypeError, "torch tensor, got ndarray", np.zeros((2, 1))), (TypeError, "floating-point", torch.ones(2, 1, dtype=torch.long)),
    (ValueError, "finite, got 1 NaN", column(NAN, 0.0)), (ValueError, "finite", column(INF)), (ValueError, "batch axis", torch.tensor(1.0)),
    (TypeError, "floating-point", torch.ones(2, 1, dtype=torch.bool)), (TypeError, "torch tensor, got list", [[0.0]]),
]
WITH_GRID = SAMPLERS | {"vlb_terms": likelihood.vlb_terms, "flow_log_prob": lambda model, x, grid: likelihood.flow_log_prob(model, x, grid)}


@pytest.mark.parametrize("sampler", WITH_GRID.values(), ids=WITH_GRID)
@pytest.mark.parametrize("exception, words, grid", BAD_GRIDS, ids=[str(bad[2]) for bad in BAD_GRIDS])
def test_bad_grid(sampler, exception, words, grid):
    if grid is None and sampler is WITH_GRID["flow_log_prob"]:
        return                                                     # None asks for its default grid
    with pytest.raises(exception, match=words) as caught:
        sampler(MODEL, X, grid)
    assert "grid" in str(caught.value) and "got" in str(caught.value)


@pytest.mark.parametrize("sampler", WITH_GRID.values(), ids=WITH_GRID)
@pytest.mark.parametrize("exception, words, x", BAD_STATES, ids=[bad[1] for bad in BAD_STATES])
def test_bad_state(sampler, exception, words, x):
    with pytest.raises(exception, match=words) as caught:
        sampler(MODEL, x, [1.0, 0.5])
    assert str(caught.value).startswith("x")


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_a_bare_network_is_not_a_model(sampler):
    with pytest.raises(TypeError, match="Denoiser.* got function"):
        sampler(net, X, [1.0, 0.0])


# ------------------------------------------------------------------------------------------- the checks themselves


def test_checks_return_what_is_right():
    assert check_number("a", 3) == 3.0 and check_number("a", torch.tensor(0.5), 0, 1) == 0.5
    assert check_number("a", 1, 0, 1, open_high=False) == 1.0 and check_number("a", np.float32(2)) == 2.0
    assert check_count("n", 3) == check_count("n", 3.0) == check_count("n", np.int64(3)) == check_count("n", torch.tensor(3)) == 3
    assert check_choice("c", "a", ("a", "b")) == "a"
    assert check_data("x", X) is X
    assert check_table("t", (1, 2)).dtype == torch.float64
    assert check_grid([1, 0.5, 0]) == [1.0, 0.5, 0.0]
    table = torch.ones(2, dtype=torch.float64)
    assert check_table("t", table) is not table                                  # a copy: later edits do no harm


def test_long_values_are_cut():
    assert len(shown("x" * 500)) == 60
    assert shown(torch.zeros(2, 3)) == "a tensor of shape (2, 3) and dtype torch.float32"


def test_randomness_needs_no_global_seed():
    assert torch.equal(BUMPS.sample(3, gen(1)), BUMPS.sample(3, gen(1)))
