"""DPM-Solver and EDM: the published algorithms line by line, orders on more grids and processes, limits, calls."""
import laws
import pytest
import torch
from cases import BUMPS, CHAINS, GRIDS, LADDERS, PROCESSES, SHIFTED, SOLVERS, close, column, gen

from minidiff import VE, VP, Cosine, exact, grids, samplers

every_process = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
NAMES = ["dpm_solver-1", "dpm_solver-2", "dpm_solver-3", "edm"]


def counted(model, calls):
    """The model, with the times that it is asked appended to `calls`."""
    model.register_forward_hook(lambda _, arguments, __: calls.append(arguments[1]))
    model.eps = lambda x, t, right=model.eps: calls.append(t) or right(x, t)
    return model


# ------------------------------------------------------------------------------------------- as published


@every_process
@pytest.mark.parametrize("order", [1, 2, 3])
def test_dpm_solver_is_the_papers(process, order):
    laws.dpm_solver_replays(samplers.dpm_solver, process, order)


def test_edm_is_the_papers():
    laws.edm_replays(samplers.edm)


@pytest.mark.parametrize("knobs", [{"s_churn": 0.0}, {"s_churn": 100.0}, {"s_min": 0.0, "s_max": 41.0}, {"s_noise": 0.9}], ids=str)
def test_edm_is_the_papers_with_other_knobs(knobs):
    laws.edm_replays(samplers.edm, times=(0.5, 0.3, 0.1, 0.02, 0.001), **knobs)


# ------------------------------------------------------------------------------------------- orders


def random_grid(process, steps, start=1.0, end=0.1, cells=9):
    """The same random cells in log SNR for any number of steps, each cut into equal parts."""
    shares = 0.3 + torch.rand(cells, generator=gen(11), dtype=torch.float64)
    first, last = process.log_snr(start), process.log_snr(end)
    marks = torch.cat([shares.new_zeros(1), shares.cumsum(0) / shares.sum()]) * (last - first) + first
    parts = [torch.linspace(a, b, steps // cells + 1, dtype=torch.float64)[1:] for a, b in zip(marks[:-1], marks[1:])]
    grid = process.time_at_log_snr(torch.cat([marks[:1], *parts]))
    grid[0], grid[-1] = start, end
    return grid


@pytest.mark.parametrize("process", [VP(), VE(), Cosine(), CHAINS["DDPM.linear"], LADDERS["NCSN.geometric"]],
                         ids=["VP", "VE", "Cosine", "DDPM.linear", "NCSN.geometric"])
@pytest.mark.parametrize("name", NAMES)
def test_order_on_a_random_grid(name, process):
    laws.order_is(SOLVERS[name][1], SOLVERS[name][0], process, lambda n: random_grid(process, n), steps=(45, 90))


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("name", NAMES)
def test_order_on_a_chain(name, grid):
    """The rate of a chain jumps at every step, but a solver in the noise level does not see it."""
    chain = CHAINS["DDPM.linear"]
    laws.order_is(SOLVERS[name][1], SOLVERS[name][0], chain, lambda n: GRIDS[grid](chain, n, 1.0, 0.1))


@pytest.mark.parametrize("grid", ["uniform", "quadratic"])
@pytest.mark.parametrize("name", NAMES)
def test_order_on_cosine_below_its_end(name, grid):
    laws.order_is(SOLVERS[name][1], SOLVERS[name][0], Cosine(), lambda n: GRIDS[grid](Cosine(), n, 0.8, 0.1))


# ------------------------------------------------------------------------------------------- limits


@every_process
def test_dpm_solver_of_order_one_is_ddim(process):
    model, x, grid = BUMPS.denoiser(process), column(0.4, -1.0, 2.0), grids.uniform(6)
    close(samplers.dpm_solver(model, x, grid, order=1), samplers.ddim(model, x, grid), rtol=1e-8, atol=1e-9)


@every_process
@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_point_is_reached_in_one_step(process, order):
    """For one data point eps is constant along the flow: every order is exact at once."""
    point = exact.Gaussian([0.7], 0.0)
    eps, t, s = column(0.3, -1.2), 0.95, 0.1
    x = process.alpha(t) * 0.7 + process.sigma(t) * eps
    after = samplers.dpm_solver(point.denoiser(process), x, [t, s], order=order)
    close(after, process.alpha(s) * 0.7 + process.sigma(s) * eps, rtol=1e-8, atol=1e-8)


def test_edm_without_churn_is_heun_on_its_line():
    """sigma(t) = sigma_max t: time is noise level, so Heun in one is Heun in the other."""
    process = PROCESSES["EDM"]
    grid = grids.karras(process, 9)
    x = process.prior_sample((20, 1), gen(1), torch.float64)
    close(samplers.edm(BUMPS.denoiser(process), x, grid), samplers.heun(BUMPS.denoiser(process), x, grid), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["VP", "VE", "SubVP", "Cosine", "DDPM.linear", "NCSN.geometric"])
@pytest.mark.parametrize("solve", [samplers.edm, lambda *a, **k: samplers.edm(*a, s_churn=3.0, s_noise=1.01, generator=gen(4), **k),
                                   samplers.dpm_solver], ids=["edm", "edm-churn", "dpm_solver"])
def test_only_the_noise_level_counts(solve, name):
    """The same levels on the line sigma = t and x rescaled by alpha give the same samples, churn included."""
    process, line = PROCESSES[name], PROCESSES["EDM"]
    grid = grids.log_snr(process, 8, start=0.5, end=0.05)
    there = line.time_at_log_snr(process.log_snr(grid))
    scale, x = process.alpha(grid), column(0.4, -1.0, 0.9)
    ours = solve(BUMPS.denoiser(process), x, grid) / scale[-1]
    close(solve(BUMPS.denoiser(line), x / scale[0], there), ours, rtol=1e-6, atol=1e-6)
    if solve is samplers.edm:
        close(samplers.heun(BUMPS.denoiser(process).seen_as(line), x / scale[0], there), ours, rtol=1e-6, atol=1e-6)


def test_without_churn_nothing_is_drawn():
    g = gen(3)
    before = g.get_state()
    samplers.edm(BUMPS.denoiser(VP()), column(0.4), grids.uniform(5), generator=g)
    samplers.edm(BUMPS.denoiser(VP()), column(0.4), grids.uniform(5), s_churn=3.0, s_min=1e6, generator=g)
    samplers.edm(BUMPS.denoiser(VP()), column(0.4), [1.0, 0.01], s_churn=3.0, generator=g)       # no level above that of t = 1
    assert torch.equal(g.get_state(), before)
    samplers.edm(BUMPS.denoiser(VP()), column(0.4), [0.99, 0.01], s_churn=3.0, generator=g)
    assert not torch.equal(g.get_state(), before)


def test_churn_forgets_a_wrong_start():
    """Too much noise at the start: the flow carries it to the end, churn does not (variance of SHIFTED is 1/2)."""
    process = PROCESSES["EDM"]
    grid, x = grids.karras(process, 64), 1.5**0.5 * process.prior_sample((4000, 1), gen(1), torch.float64)
    flow, churned = (samplers.edm(SHIFTED.denoiser(process), x, grid, s_churn=churn, generator=gen(2)).var().item() / 0.5 - 1
                     for churn in (0.0, 10.0))
    assert flow > 0.4 and abs(churned) < 5 * (2 / 4000) ** 0.5 + 0.02


# ------------------------------------------------------------------------------------------- calls


@pytest.mark.parametrize("calls", range(1, 41))
def test_fast_spends_its_calls(calls):
    orders = samplers.fast_orders(calls)
    assert sum(orders) == calls and len(orders) == calls // 3 + 1 and orders == sorted(orders, reverse=True)
    seen, grid = [], grids.log_snr(VP(), len(orders), end=0.01)
    samplers.dpm_solver(counted(BUMPS.denoiser(VP()), seen), column(0.4), grid, order=orders)
    assert len(seen) == calls


def test_fast_is_the_papers():
    assert [samplers.fast_orders(n) for n in (1, 2, 3, 10, 11, 12)] == [[1], [2], [2, 1], [3, 3, 3, 1], [3, 3, 3, 2], [3, 3, 3, 2, 1]]


def test_an_order_for_each_step_is_a_chain_of_walks():
    model, x, grid = BUMPS.denoiser(VP()), column(0.4, -1.0), [1.0, 0.7, 0.4, 0.1, 0.0]
    walked = samplers.dpm_solver(model, x, grid, order=(3, 2, 2, 1))
    for order, t, s in zip((3, 2, 2, 1), grid[:-1], grid[1:]):
        x = samplers.dpm_solver(model, x, [t, s], order=order)
    close(walked, x)


@pytest.mark.parametrize("name, calls", [("dpm_solver-1", 1), ("dpm_solver-2", 2), ("dpm_solver-3", 3), ("edm", 2)])
def test_calls_per_step(name, calls):
    for end, last in ((0.1, calls), (0.0, 1)):                      # a step to 0 is one call
        seen = []
        SOLVERS[name][0](counted(BUMPS.denoiser(VP()), seen), column(0.4), grids.uniform(4, end=end))
        assert len(seen) == 3 * calls + last
