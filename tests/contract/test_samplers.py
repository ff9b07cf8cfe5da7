"""What every sampler promises, over all of them: one-step moments, orders, limits, traces, shapes."""
import inspect
import itertools
import math

import laws
import pytest
import torch
from cases import (BUMPS, CHAINS, CONTINUOUS, DEVICES, GRIDS, LADDERS, PROCESSES, SAMPLERS, SHIFTED, SOLVERS, STOCHASTIC, close,
                   column, gen)

from minidiff import NCSN, VE, VP, Cosine, SubVP, exact, grids, samplers
from minidiff.samplers import sde

every_sampler = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
WALKS = [name for name in STOCHASTIC if name not in ("annealed_langevin", "predictor_corrector", "adaptive_sde", "edm-churn")]


# ------------------------------------------------------------------------------------------- one step


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
@pytest.mark.parametrize("name", WALKS)
def test_one_step_has_the_papers_mean_variance_and_kurtosis(name, process):
    laws.one_step_has_moments(name, STOCHASTIC[name], process, 0.53, 0.49)


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_one_step_of_langevin_at_each_level(process):
    laws.langevin_level_has_moments(samplers.annealed_langevin, process, 0.6)


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_corrector_replays(process):
    laws.corrector_replays(samplers.predictor_corrector, process, 0.6, 0.5)


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
@pytest.mark.parametrize("eta", [0.3, 0.6, 1.0])
def test_one_step_of_consistent_annealing(process, eta):
    laws.annealed_step_has_moments(samplers.consistent_annealed, process, 0.53, 0.5, eta)


@pytest.mark.parametrize("process", CONTINUOUS.values(), ids=CONTINUOUS)
def test_one_step_of_improved_euler(process):
    laws.improved_euler_has_moments(samplers.adaptive_sde, process, 0.53, 0.49)


@pytest.mark.parametrize("process", CONTINUOUS.values(), ids=CONTINUOUS)
@pytest.mark.parametrize("shared", [False, True])
def test_adaptive_sde_replays(process, shared):
    laws.adaptive_sde_replays(samplers.adaptive_sde, process, shared)


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize("variance", ["posterior", "beta"])
def test_one_reverse_step_of_the_chain(chain, variance):
    """The chain's own reverse_step, in the paper's terms, against Bayes' rule."""
    step, n, x = chain.num_steps // 2, 100000, 1.3
    after = chain.reverse_step(SHIFTED.denoiser(chain), torch.full((n, 1), x, dtype=torch.float64), step, variance, gen(3))
    t, s = step / chain.num_steps, (step - 1) / chain.num_steps
    mean, spread = laws.one_step_law("ancestral", chain, t, s, x)
    laws.has_moments(after, mean, spread if variance == "posterior" else chain.betas[step].item())


@every_sampler
@pytest.mark.parametrize("name", ["VP", "VE", "Cosine", "EDM"])
def test_a_last_time_of_zero_means_the_denoised_mean(sampler, name):
    if sampler is not STOCHASTIC["annealed_langevin"]:           # it stays at the level first, and then denoises
        laws.last_step_is_the_denoised_mean(sampler, PROCESSES[name])


def test_annealed_langevin_ends_on_the_denoised_mean():
    target = exact.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], 0.0)
    x = samplers.annealed_langevin(target.denoiser(VE()), column(-0.9, 1.1), [0.3, 0.0], steps_per_level=3, generator=gen())
    close(x, column(-1.0, 1.0), atol=1e-12)                        # point masses: only a denoised mean lands on them


# ------------------------------------------------------------------------------------------- order

SMOOTH = {name: CONTINUOUS[name] for name in ("VP", "VE", "SubVP", "EDM")} | {"Cosine": Cosine()}
# Where an order can be seen at 40 to 80 steps. Not listed: cosine from t = 1 on grids that are even in t, where
# beta(t) t-steps are not small; and order 3 from a middle time, which its low-order first steps make 2. DEIS and PNDM
# need more steps, see test_multistep.py.
ORDERS = [(p, g, s) for p, g, s in itertools.product(SMOOTH, GRIDS, SOLVERS)
          if not (p == "Cosine" and g in ("uniform", "quadratic"))
          and not (s == "dpm_solver_pp-3" and (p == "EDM" or g == "karras")) and not s.startswith(("deis", "pndm"))]


@pytest.mark.parametrize("process, grid, solver", ORDERS)
def test_empirical_order(process, grid, solver):
    solve, order = SOLVERS[solver]
    laws.order_is(order, solve, SMOOTH[process], lambda n: GRIDS[grid](SMOOTH[process], n, 1.0, 0.1))


@pytest.mark.parametrize("grid", ["uniform", "quadratic"])
@pytest.mark.parametrize("solver", ["euler", "heun", "ddim", "dpm_solver_pp-2"])
def test_empirical_order_on_cosine_below_its_end(grid, solver):
    solve, order = SOLVERS[solver]
    laws.order_is(order, solve, Cosine(), lambda n: GRIDS[grid](Cosine(), n, 0.8, 0.1))


def test_order_three_that_starts_in_the_middle_is_order_two():
    """The first step knows one answer and has order 1: its error stays unless x0_hat hardly moves there, as near t = 1."""
    laws.order_is(2, SOLVERS["dpm_solver_pp-3"][0], Cosine(), lambda n: grids.log_snr(Cosine(), n, start=0.8, end=0.1))


@pytest.mark.parametrize("process", [VP(), VE(), Cosine(), SubVP()], ids=["VP", "VE", "Cosine", "SubVP"])
@pytest.mark.parametrize("solver", ["heun", "dpm_solver_pp-2", "dpm_solver_pp-3"])
def test_solvers_end_on_the_quantile_map(process, solver):
    """In one dimension the probability flow is the map that keeps quantiles (a mixture, so the flow bends)."""
    allowed = 1e-3 if solver == "heun" else 1e-4                   # Heun feels the rates of VE, the others do not
    assert laws.quantile_error(SOLVERS[solver][0], process, grids.log_snr(process, 150, end=0.02)) < allowed


@pytest.mark.parametrize("process", [VP(), VE(), Cosine(), SubVP()], ids=["VP", "VE", "Cosine", "SubVP"])
def test_adaptive_solver_keeps_its_tolerance(process):
    def error(tolerance):
        return laws.quantile_error(lambda *a: samplers.adaptive_ode(*a, rtol=tolerance, atol=tolerance), process, [1.0, 0.05], n=16)
    assert error(1e-8) < 1e-6
    assert error(1e-8) < error(1e-3) < 0.03


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_adaptive_solver_says_when_it_fails():
    class Wild(torch.nn.Module):
        process = VP()

        def forward(self, x, t):
            return x * float("inf")

        score = forward

    with pytest.raises((RuntimeError, ValueError)):
        samplers.adaptive_ode(Wild(), column(1.0), [1.0, 0.5])


@pytest.mark.parametrize("process", CONTINUOUS.values(), ids=CONTINUOUS)
def test_order_of_the_embedded_pair(process):
    laws.embedded_pair_has_orders(sde.embedded_steps, process)


def spread(process, dims, n, **knobs):
    """Variance that the adaptive SDE solver leaves, for N(0, 1/4 I) data; over its true value."""
    x = process.prior_sample((n, dims), gen(1), dtype=torch.float64)
    model, grid = exact.Gaussian(torch.zeros(dims), 0.5).denoiser(process), [1.0, process.time_at_log_snr(7.0)]
    variance = samplers.adaptive_sde(model, x, grid, generator=gen(2), **knobs).square().mean().item()
    return variance / (process.alpha(grid[1]) ** 2 / 4 + process.sigma(grid[1]) ** 2)


@pytest.mark.parametrize("process", [VP(), VE(), Cosine()], ids=["VP", "VE", "Cosine"])
def test_adaptive_sde_keeps_the_better_of_its_two_steps(process):
    """In many dimensions the law comes out right; with x' kept, several times worse at the same tolerance."""
    kept, other = (abs(spread(process, 200, 160, rtol=0.1, extrapolate=kept) - 1) for kept in (True, False))
    assert kept < 0.02 and other > 2 * kept


def test_adaptive_sde_in_one_dimension_is_biased_by_what_it_refuses():
    """A refused step draws new noise, and one number decides: kicks away from zero are kept more often, the law widens. With
    one step for many examples it does not."""
    assert spread(VP(), 1, 4000, rtol=0.05) > 1.5
    assert abs(spread(VP(), 1, 4000, rtol=0.05, shared=True) - 1) < 0.09                 # four standard errors


def test_adaptive_sde_says_when_it_fails():
    class Wild(exact.ExactDenoiser):
        def forward(self, x, t):
            return x * float("nan")

    with pytest.raises(RuntimeError, match="gave up.*t = 1.*rtol 0.05 and atol 0.0078125"):
        samplers.adaptive_sde(Wild(BUMPS, VP()), column(1.0), [1.0, 0.5])


# ------------------------------------------------------------------------------------------- limits agree


@pytest.mark.parametrize("process", CONTINUOUS.values(), ids=CONTINUOUS)
@pytest.mark.parametrize("eta", [0.3, 0.7, 1.0, 1.2])
def test_consistent_annealing_follows_the_ladder(process, eta):
    """Exactly, on any grid; annealed Langevin with the same drift does not."""
    for grid in (grids.log_snr(process, 60, end=0.05), grids.uniform(9, 0.9, 0.6).sqrt()):
        laws.noise_follows_the_ladder(samplers.consistent_annealed_step, process, grid, 2 * eta)


@pytest.mark.parametrize("process", CONTINUOUS.values(), ids=CONTINUOUS)
def test_consistent_annealing_between_ddim_and_ancestral(process):
    """On a ladder with one ratio gamma, eta = 1 - gamma is DDIM, 1 - gamma^2 the ancestral sampler."""
    model, x = BUMPS.denoiser(process), column(0.4, -1.0, 2.0)
    grid = grids.log_snr(process, 7, 0.9, 0.1)
    gamma = math.exp((process.log_snr(0.9) - process.log_snr(0.1)) / 14)
    for eta, other in ((1 - gamma, samplers.ddim), (1 - gamma**2, samplers.ancestral)):
        ours = samplers.consistent_annealed(model, x, grid, step_size=2 * eta, generator=gen())
        close(ours, other(model, x, grid, generator=gen()), rtol=1e-6, atol=1e-6)
    close(samplers.consistent_annealed(model, x, grid, generator=gen()), ours, rtol=1e-6, atol=1e-6)


def test_what_consistent_annealing_promises_and_what_not():
    """One data point: exact, where annealed Langevin is far off. Spread-out data: too narrow, by about eta/2 (survey row)."""
    levels = NCSN.geometric(20.0, 0.01, 232)
    grid = levels.grid()[:-1]

    def off(step, eta, data_std):
        left = exact.variance_after(levels, lambda *times: step(*times, 2 * eta), grid, data_std)
        return left / (data_std**2 + 0.01**2) - 1

    def langevin(process, t, s, step_size):                        # one step at each level, from the level above
        return samplers.Step(1 - step_size / 2, step_size / 2, step_size**0.5 * process.sigma(t))

    consistent = samplers.consistent_annealed_step
    for eta in (0.05, 0.25):
        assert abs(off(consistent, eta, 0.0)) < 1e-12 and off(langevin, eta, 0.0) > 0.2
    assert abs(off(consistent, 0.05, 0.5)) < off(langevin, 0.05, 0.5) / 10
    for eta in (0.05, 0.1, 0.25, 0.5):
        assert 0.4 * eta < -off(consistent, eta, 0.5) < 0.6 * eta
    assert abs(off(langevin, 0.5, 0.5)) < abs(off(consistent, 0.5, 0.5))                # the claim reverses


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_ddim_with_eta_one_is_ancestral(process):
    model, x, grid = BUMPS.denoiser(process), column(0.4, -1.0, 2.0), grids.uniform(6)
    close(samplers.ddim(model, x, grid, eta=1.0, generator=gen()), samplers.ancestral(model, x, grid, generator=gen()), atol=1e-8)


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_dpm_solver_of_order_one_is_ddim(process):
    model, x, grid = BUMPS.denoiser(process), column(0.4, -1.0, 2.0), grids.uniform(6, end=0.05)
    close(samplers.dpm_solver_pp(model, x, grid, order=1), samplers.ddim(model, x, grid), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize("variance", ["posterior", "beta"])
def test_ancestral_on_the_chains_grid_is_the_papers_algorithm(chain, variance):
    model, x, g = BUMPS.denoiser(chain), column(0.4, -1.0, 2.0), gen(6)
    walked = samplers.ancestral(model, x, chain.grid(), variance=variance, generator=gen(6))
    for step in range(chain.num_steps, 0, -1):
        x = chain.reverse_step(model, x, step, variance, g)
    close(walked, x, atol=1e-8)


@pytest.mark.parametrize("name", ["ddim", "dpm_solver_pp-2", "dpm_solver_pp-3"])
@pytest.mark.parametrize("other", ["VE", "EDM", "SubVP"])
def test_exponential_solvers_do_not_see_the_process(name, other):
    """VP and VE are one curve in other coordinates: the same levels, x rescaled by alpha, give the same samples."""
    own, theirs, solve = VP(), PROCESSES[other], SOLVERS[name][0]
    grid = grids.log_snr(own, 8, start=0.5, end=0.05)
    x = column(0.4, -1.0, 0.9)
    there = theirs.time_at_log_snr(own.log_snr(grid))
    scale = theirs.alpha(there) / own.alpha(grid)
    ours = solve(BUMPS.denoiser(own), x, grid)
    close(solve(BUMPS.denoiser(theirs), x * scale[0], there) / scale[-1], ours, rtol=1e-6, atol=1e-6)
    close(solve(BUMPS.denoiser(own).seen_as(theirs), x * scale[0], there) / scale[-1], ours, rtol=1e-6, atol=1e-6)


def test_euler_on_edm_is_ddim():
    """On the line sigma = t both are x + (s - t) (x - x0_hat)/t."""
    model, x = BUMPS.denoiser(PROCESSES["EDM"]), column(30.0, -50.0)
    grid = grids.karras(PROCESSES["EDM"], 8)
    close(samplers.euler(model, x, grid), samplers.ddim(model, x, grid), atol=1e-9)


def test_no_corrector_leaves_the_predictor():
    model, x, grid = BUMPS.denoiser(VP()), column(0.4, -1.0), grids.uniform(5)
    bare = samplers.predictor_corrector(model, x, grid, corrector_steps=0, generator=gen())
    close(bare, samplers.reverse_diffusion(model, x, grid, generator=gen()))


@pytest.mark.parametrize("other", [samplers.euler_maruyama_step, samplers.reverse_diffusion_step])
def test_ancestral_and_sde_steps_meet_as_steps_shrink(other):
    """Their means differ by O(h^2): DDPM is a solver of the reverse SDE (survey, section 2.3)."""
    gaps = []
    for h in (0.02, 0.01):
        ours, theirs = samplers.ancestral_step(VP(), 0.5, 0.5 - h), other(VP(), 0.5, 0.5 - h)
        gaps.append(abs(ours.keep - theirs.keep) + abs(ours.pull - theirs.pull))
    assert 3.2 < gaps[0] / gaps[1] < 4.8


def test_both_variances_are_right_for_their_data():
    """Unit data wants beta, point data beta tilde: with them the variance stays that of x_t, step by step."""
    for process in (VP(), CHAINS["DDPM.linear"], Cosine()):
        for variance, data_std in (("beta", 1.0), ("posterior", 0.0)):
            grid = grids.uniform(7, start=0.9, end=0.1)
            got = exact.variance_after(process, lambda *step, kind=variance: samplers.ancestral_step(*step, kind), grid, data_std)
            close(got, (process.alpha(0.1) * data_std) ** 2 + process.sigma(0.1) ** 2, rtol=1e-9)


@pytest.mark.parametrize("name, step", [("ancestral", samplers.ancestral_step), ("euler_maruyama", samplers.euler_maruyama_step),
                                        ("reverse_diffusion", samplers.reverse_diffusion_step), ("ddim", samplers.ddim_step),
                                        ("euler", samplers.euler_step)])
def test_the_variance_recursion_is_what_a_sampler_leaves(name, step):
    process, data = VP(), exact.Gaussian([0.0], 0.5)
    for end in (0.0, 0.2):
        grid = grids.uniform(8, end=end)
        x = data.marginal(process, 1.0).sample(40000, gen(1), torch.float64)
        x = SAMPLERS[name](data.denoiser(process), x, grid, generator=gen(2))
        wanted = exact.variance_after(process, step, grid, 0.5)
        assert abs(x.square().mean().item() / wanted - 1) < 5 * (2 / 40000) ** 0.5


@pytest.mark.parametrize("name", ["ancestral", "euler_maruyama", "reverse_diffusion", "ddim", "euler"])
def test_fine_steps_leave_the_datas_variance(name):
    step = getattr(samplers, f"{name}_step")
    for process in (VP(), SubVP()):
        coarse, fine = (exact.variance_after(process, step, grids.uniform(n, end=0.01), 0.5) for n in (500, 1000))
        wanted = (process.alpha(0.01) * 0.5) ** 2 + process.sigma(0.01) ** 2
        assert abs(fine / wanted - 1) < 0.02 and abs(fine - wanted) < 0.6 * abs(coarse - wanted)


# ------------------------------------------------------------------------------------------- protocol


@every_sampler
@pytest.mark.parametrize("shape", [(3,), (3, 2), (3, 1, 8, 8)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("end", [0.0, 0.2])
def test_any_shape_dtype_and_end(sampler, shape, dtype, device, end):
    model = exact.Gaussian(torch.zeros(shape[1:]), 0.5).denoiser(VP())
    x = torch.randn(shape, generator=gen(), dtype=dtype).to(device)
    before = x.clone()
    after = sampler(model, x, grids.uniform(3, end=end), generator=gen(0, device))
    assert after.shape == shape and after.dtype == dtype and after.device == x.device and torch.isfinite(after).all()
    assert torch.equal(x, before), "x was changed in place"


@every_sampler
@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_every_sampler_walks_every_process(sampler, process):
    """From the prior to the data: finite, and near the three bumps."""
    grid = grids.log_snr(process, 25)
    x = sampler(BUMPS.denoiser(process), process.prior_sample((200, 1), gen(1), dtype=torch.float64), grid, generator=gen(2))
    assert torch.isfinite(x).all()
    if sampler is not STOCHASTIC["annealed_langevin"]:              # two steps a level do not settle
        assert x.abs().max() < 6


@every_sampler
def test_randomness_comes_only_from_the_generator(sampler):
    model, x, grid = BUMPS.denoiser(VP()), column(0.4, -1.0, 0.2), grids.uniform(4)
    torch.manual_seed(0)
    first = sampler(model, x, grid, generator=gen(1))
    torch.manual_seed(1)
    state = torch.get_rng_state()
    assert torch.equal(first, sampler(model, x, grid, generator=gen(1)))
    assert torch.equal(torch.get_rng_state(), state)
    noisy = sampler in STOCHASTIC.values()
    assert torch.equal(first, sampler(model, x, grid, generator=gen(2))) != noisy


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("end", [0.0, 0.2])
def test_trace_sees_every_state_and_its_denoised_mean(name, end):
    model, x, grid = BUMPS.denoiser(VP()), column(0.4, -1.0), grids.uniform(4, end=end)
    seen = []
    after = SAMPLERS[name](model, x, grid, generator=gen(), trace=lambda *facts: seen.append(facts))
    visited = grid[:-1] if not (name == "annealed_langevin" and end > 0) else grid    # a positive end is a level too
    assert [facts[0] for facts in seen] == list(range(len(visited)))
    close([facts[1] for facts in seen], visited)
    assert torch.equal(seen[0][2], x)
    for _, t, state, x0_hat in seen:
        close(x0_hat, model(state, t), atol=1e-8)
    if end == 0 and name != "annealed_langevin":
        close(after, seen[-1][3], atol=1e-10)
    assert torch.equal(after, SAMPLERS[name](model, x, grid, generator=gen()))         # looking changes nothing


@every_sampler
def test_a_grid_is_any_falling_row_of_numbers(sampler):
    model, x = BUMPS.denoiser(VP()), column(0.4, -1.0)
    import numpy as np
    rows = [[1.0, 0.5, 0.0], (1, 0.5, 0), np.array([1.0, 0.5, 0.0]), torch.tensor([1.0, 0.5, 0.0])]
    results = [sampler(model, x, row, generator=gen()) for row in rows]
    for other in results[1:]:
        assert torch.equal(results[0], other)


@every_sampler
def test_no_gradient_is_kept(sampler):
    net = torch.nn.Linear(1, 1).double()
    from minidiff import Denoiser
    model = Denoiser(lambda x, t: net(x), VP())
    assert not sampler(model, column(0.3), [1.0, 0.5, 0.0], generator=gen()).requires_grad


HELPERS = {"Step", "walk", "fast_orders", "Searched", "search", "flow_derivative", "head_loss"}     # no samplers


@pytest.mark.parametrize("name", [name for name in samplers.__all__ if not name.endswith("_step") and name not in HELPERS])
def test_signature(name):
    """(model, x, grid, *, knobs, generator=None, trace=None)."""
    parameters = list(inspect.signature(getattr(samplers, name)).parameters.values())
    assert [p.name for p in parameters[:3]] == ["model", "x", "grid"]
    assert [p.name for p in parameters[-2:]] == ["generator", "trace"]
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in parameters[3:])


@pytest.mark.parametrize("name", LADDERS)
def test_annealed_langevin_on_the_papers_ladder(name):
    """NCSN Algorithm 1 on its own levels: quantiles of the three bumps come out."""
    ladder = LADDERS[name]
    x = ladder.prior_sample((3000, 1), gen(1), dtype=torch.float64)
    x = samplers.annealed_langevin(BUMPS.denoiser(ladder), x, ladder.grid(), steps_per_level=60, step_size=0.1, generator=gen(2))
    levels = BUMPS.cdf(x).flatten().sort().values
    assert (levels - torch.linspace(0, 1, 3000)).abs().max() < 0.08
