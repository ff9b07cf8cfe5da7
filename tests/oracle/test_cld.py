"""Critically-damped Langevin diffusion against the SDE itself: its law, its scores, its samplers, and what it refuses."""
import cld_laws as laws
import pytest
import torch
from cases import BUMPS, DEVICES, SAMPLERS, close, column, gen

from minidiff import VP, Cosine, exact, grids, samplers
from minidiff.cld import CLD, CLDDenoiser, CLDExact, CLDSeen, hybrid_score_matching

PROCESSES = {"plain": laws.PLAIN, "heavy": laws.HEAVY, "slow": CLD(mass=0.25, beta=1.0, gamma=1.0)}
every_process = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
WALKS = {"euler_maruyama_cld": samplers.euler_maruyama_cld, "sscs": samplers.sscs, "gddim": samplers.gddim}
every_walk = pytest.mark.parametrize("sampler", WALKS.values(), ids=WALKS)
STOCHASTIC = ("euler_maruyama_cld", "sscs")
Z = torch.zeros(3, 2, 1, dtype=torch.float64)


# ------------------------------------------------------------------------------------------- the process


@every_process
def test_transition_is_the_matrix_exponential(process):
    laws.transition_is_the_matrix_exponential(process)


@every_process
def test_marginal_solves_the_lyapunov_equation(process):
    laws.marginal_solves_the_lyapunov_equation(process)


@every_process
def test_the_prior_is_the_law_at_rest(process):
    laws.rest_is_at_rest(process)
    if process is laws.PLAIN:                                    # and the paper's process arrives there
        close(process.marginal(1.0)[1], process.rest, atol=3e-4)


@every_process
def test_factors(process):
    laws.factors_are_factors(process)


def test_a_covariance_without_noise_has_a_factor():
    close(CLD().factor(0.0), [[0.0, 0.0], [0.0, 0.1]])           # sqrt(gamma M)


@every_process
def test_perturbed_states_have_the_law(process):
    laws.perturbed_states_have_the_law(process, 0.3)


# ------------------------------------------------------------------------------------------- models


@every_process
@pytest.mark.parametrize("t", [1e-3, 0.1, 0.5, 1.0])
def test_score_is_the_gradient(process, t):
    laws.score_is_the_gradient(CLDExact, process, t)


@every_process
@pytest.mark.parametrize("t", [0.01, 0.3])
def test_the_last_mean(process, t):
    laws.last_mean_is_bayes(process, t)


@pytest.mark.parametrize("other", [VP(), Cosine()], ids=["VP", "Cosine"])
def test_a_denoiser_of_another_process_knows_the_same(other):
    exactly, seen = CLDExact(BUMPS, CLD()), CLDSeen(BUMPS.denoiser(other), CLD())
    z = laws.states(CLD(), 0.3)
    for t in (0.05, 0.3, torch.linspace(0.1, 0.6, len(z), dtype=torch.float64)):
        close(seen(z, t), exactly(z, t), atol=1e-6)


def test_above_its_levels_a_denoiser_is_asked_at_its_highest():
    """The cosine chain stops at sigma/alpha = 1000: the answer there is the mean of the data, as it should be."""
    process = CLD(beta=10.0)
    assert CLDSeen(BUMPS.denoiser(Cosine()), process).summary(Z, 1.0)[1] > 1e4
    mean = (BUMPS.weights * BUMPS.means[:, 0]).sum()
    close(CLDSeen(BUMPS.denoiser(Cosine()), process)(Z, 1.0), mean.expand(3, 1), atol=1e-2)


@pytest.mark.parametrize("predicts", ["velocity", "x0"])
def test_what_a_network_may_predict(predicts):
    process, z, ideal = CLD(), laws.states(CLD(), 0.3), CLDExact(laws.SPREAD, CLD())

    def net(z, t):
        return ideal(z, t) if predicts == "x0" else ideal.eps(z, t)[:, 1]

    model, batch = CLDDenoiser(net, process, predicts), torch.full((len(z),), 0.3, dtype=torch.float64)
    for t in (0.3, batch):
        close(model(z, t), ideal(z, t), atol=1e-8)
        close(model.score(z, t), ideal.score(z, t), atol=1e-7)
    close(ideal.score(z, 0.3)[:, 1], -ideal.eps(z, 0.3)[:, 1] / process.factor(0.3)[1, 1], atol=1e-8)


def test_hybrid_score_matching_is_least_at_the_truth():
    """The loss of the exact model, and what a constant error of eps_v adds to it: its square, a coordinate."""
    process, n = CLD(), 20000
    x0, noise = laws.SPREAD.sample(n, gen(1), torch.float64), torch.randn(n, 2, 1, generator=gen(2), dtype=torch.float64)
    t = 0.02 + 0.98 * torch.rand(n, generator=gen(3), dtype=torch.float64)
    ideal = CLDExact(laws.SPREAD, process)
    losses = {off: hybrid_score_matching(CLDDenoiser(lambda z, t, o=off: ideal.eps(z, t)[:, 1] + o, process), x0, t, noise)
              for off in (0.0, 0.2, -0.2)}
    assert losses[0.0].shape == (n,)
    for off in (0.2, -0.2):
        assert abs((losses[off] - losses[0.0]).mean().item() - 0.04) < 0.015


# ------------------------------------------------------------------------------------------- samplers


@every_process
@pytest.mark.parametrize("name", STOCHASTIC)
def test_one_step_has_the_papers_moments(name, process):
    laws.one_step_is_the_papers(name, WALKS[name], process)


@every_process
@pytest.mark.parametrize("name", STOCHASTIC)
def test_weak_order_one(name, process):
    laws.weak_order_is_one(WALKS[name], process)


def test_sscs_leaves_the_law_at_rest():
    laws.rest_stays_at_rest(samplers.sscs)
    with pytest.raises(AssertionError):                          # Euler-Maruyama does not, so the law can be broken
        laws.rest_stays_at_rest(samplers.euler_maruyama_cld)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_gddim_has_its_order(order):
    laws.gddim_has_order(order, CLD())


@every_process
def test_gddim_needs_one_step_for_one_point(process):
    laws.one_point_needs_one_step(process)
    with pytest.raises(AssertionError):
        laws.one_point_needs_one_step(process, factor="L")


@every_walk
def test_a_last_time_of_zero_means_the_mean(sampler):
    model, z = CLDExact(BUMPS, CLD()), laws.states(CLD(), 0.02)
    close(sampler(model, z, [0.02, 0.0], generator=gen()), model.data(z, 0.02, model(z, 0.02)))


@every_walk
@pytest.mark.parametrize("device", DEVICES)
def test_any_shape_dtype_and_device(sampler, device):
    target = exact.GaussianMixture([0.5, 0.5], torch.tensor([-1.0, 1.0])[:, None, None, None].expand(2, 1, 3, 4), 0.2)
    model, seen = CLDExact(target, CLD()), []
    for dtype in (torch.float32, torch.float64):
        x = CLD().prior_sample((5, 2, 1, 3, 4), gen(device=device), dtype, device)
        draw = gen(1, device)
        after = sampler(model, x, grids.quadratic(6), generator=draw, trace=lambda i, t, z, x0: seen.append((i, t, z.shape, x0.shape)))
        assert after.shape == x.shape and after.dtype == dtype and after.device == x.device
        close(after.cpu(), sampler(model, x, grids.quadratic(6), generator=gen(1, device)).cpu())
    assert [step for step, *_ in seen] == [*range(6), *range(6)]
    assert seen[0] == (0, 1.0, (5, 2, 1, 3, 4), (5, 1, 3, 4))


def test_every_coordinate_walks_by_itself():
    """Two coordinates in one batch of the plane walk as each of them would on the line."""
    plane = CLDExact(exact.Gaussian([0.7, -0.3], 0.5), CLD())
    grid, z = grids.uniform(5, end=0.1), CLD().prior_sample((4, 2, 2), gen(), torch.float64)
    both = samplers.gddim(plane, z, grid, order=2)
    for k, mean in enumerate((0.7, -0.3)):
        close(both[:, :, k:k + 1], samplers.gddim(CLDExact(exact.Gaussian([mean], 0.5), CLD()), z[:, :, k:k + 1], grid, order=2), atol=1e-9)


# ------------------------------------------------------------------------------------------- what is refused


@every_walk
def test_samplers_of_cld_refuse_other_processes(sampler):
    with pytest.raises(TypeError, match="the model's process must be a CLD, got .*VP"):
        sampler(BUMPS.denoiser(VP()), Z, [1.0, 0.5])


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_other_samplers_refuse_cld(sampler):
    with pytest.raises(TypeError, match=r"the model's process must be a (GaussianProcess|DDPM), got CLD\(mass=0.25"):
        sampler(CLDExact(BUMPS, CLD()), Z, [1.0, 0.5])


EXACT = CLDExact(BUMPS, CLD())
REFUSED = [
    (ValueError, "mass.*0", lambda: CLD(mass=0.0)),
    (ValueError, "beta.*-1", lambda: CLD(beta=-1.0)),
    (TypeError, "gamma.*number", lambda: CLD(gamma="small")),
    (ValueError, r"t must lie in \[0, 1\]", lambda: CLD().marginal(1.5)),
    (ValueError, "kind must be one of 'R', 'L', got 'Q'", lambda: CLD().factor(0.5, "Q")),
    (ValueError, r"z must be a state \(B, 2, \*shape\).*\(3, 1\)", lambda: EXACT(column(0.1, 0.2, 0.3), 0.5)),
    (ValueError, r"x must be a state", lambda: samplers.sscs(EXACT, column(0.1, 0.2, 0.3), [1.0, 0.5])),
    (ValueError, r"noise.*shape of x0", lambda: CLD().perturb(column(0.1), 0.5, Z)),
    (ValueError, "t must have shape", lambda: CLD().perturb(column(0.1), torch.rand(2), Z[:1])),
    (TypeError, "process must be a CLD", lambda: CLDExact(BUMPS, VP())),
    (TypeError, "target must be a distribution", lambda: CLDExact("bumps", CLD())),
    (TypeError, "model must be a Denoiser", lambda: CLDSeen(lambda x, t: x, CLD())),
    (TypeError, "the model's process must be a GaussianProcess", lambda: CLDSeen(EXACT, CLD())),
    (TypeError, "net must be callable", lambda: CLDDenoiser(None, CLD())),
    (ValueError, "predicts must be one of", lambda: CLDDenoiser(lambda z, t: z, CLD(), "eps")),
    (ValueError, r"net must answer with the shape of x, \(3, 1\)", lambda: CLDDenoiser(lambda z, t: z, CLD())(Z, 0.5)),
    (ValueError, "order must be one of", lambda: samplers.gddim(EXACT, Z, [1.0, 0.5], order=4)),
    (ValueError, "factor must be one of", lambda: samplers.gddim(EXACT, Z, [1.0, 0.5], factor="Q")),
    (ValueError, "grid must fall", lambda: samplers.sscs(EXACT, Z, [0.5, 0.5])),
    (TypeError, "generator", lambda: samplers.sscs(EXACT, Z, [1.0, 0.5], generator=3)),
    (TypeError, "process must be a CLD", lambda: hybrid_score_matching(BUMPS.denoiser(VP()), column(0.1), 0.5, Z[:1])),
]


@pytest.mark.parametrize("error, words, call", REFUSED)
def test_refused_in_words(error, words, call):
    with pytest.raises(error, match=words):
        call()
