"""Solvers that use past answers: their weights, their order on every kind of grid, their limits, the papers' formulas."""
import laws
import pytest
import torch
from cases import BUMPS, CHAINS, GRIDS, PROCESSES, close, column, gen

from minidiff import DDPM, EDM, VE, VP, Cosine, Denoiser, SubVP, exact, grids, samplers
from minidiff.samplers.multistep import exponential_weights, interpolation_weights, time_moments
from minidiff.samplers.pseudo_numerical import ADAMS_BASHFORTH

SMOOTH = {"VP": VP(), "VE": VE(), "SubVP": SubVP(), "Cosine": Cosine(), "DDPM": DDPM.linear(1000)}


def deis(order, variable="t"):
    return lambda *a, **k: samplers.deis(*a, order=order, variable=variable, **k)


def pndm(history, warm_up="runge_kutta"):
    return lambda *a, **k: samplers.pndm(*a, history=history, warm_up=warm_up, **k)


# ------------------------------------------------------------------------------------------- grids that are not smooth


def spaced(process, shares, start, end):
    """Times at shares, rising from 0 to 1, of the way in log SNR."""
    first, last = process.log_snr(start), process.log_snr(end)
    times = process.time_at_log_snr(first + (last - first) * shares)
    times[0], times[-1] = start, end
    return times


def random_grid(process, n, start=1.0, end=0.1):
    """Nine random levels, and every gap between them in n/10 equal parts."""
    inner = torch.rand(9, generator=gen(5), dtype=torch.float64).sort().values
    knots = torch.cat([torch.zeros(1, dtype=torch.float64), inner, torch.ones(1, dtype=torch.float64)])
    shares = torch.arange(n // 10, dtype=torch.float64) / (n // 10)
    return spaced(process, torch.cat([*(a + (b - a) * shares for a, b in zip(knots, knots[1:])), knots[-1:]]), start, end)


def zigzag_grid(process, n, start=1.0, end=0.1):
    """Every second step twice as long."""
    passed = torch.tensor([1.0, 2.0] * (n // 2), dtype=torch.float64).cumsum(0)
    return spaced(process, torch.cat([passed.new_zeros(1), passed / passed[-1]]), start, end)


def ramped_grid(n, start=0.8, end=0.1):
    """From the middle, the first steps shorter: the answers that are missing there cost nothing."""
    return start - (start - end) * (torch.arange(n + 1, dtype=torch.float64) / n) ** 2


# ------------------------------------------------------------------------------------------- weights


@pytest.mark.parametrize("h", [0.3, -0.3, 2.0, -2.0])
def test_undamped_weights_integrate_polynomials_exactly(h):
    """The integral over [0, h] of e^(u - h) u^k for k = 0 to 2, by hand."""
    wanted = [1 - torch.exp(torch.tensor(-h, dtype=torch.float64)).item()]
    wanted += [h - wanted[0]]
    wanted += [h**2 - 2 * wanted[1]]
    nodes = [0.0, -0.7 * h, -1.9 * h]
    for k in range(3):
        close(sum(w * node**k for w, node in zip(exponential_weights(nodes, h, damped=False), nodes)), wanted[k], atol=1e-12)


def test_equal_steps_give_the_weights_of_adams_and_bashforth():
    for count, weights in ADAMS_BASHFORTH.items():
        close(interpolation_weights([-float(j) for j in range(count)], [1 / (k + 1) for k in range(count)]), weights)


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_moments_of_time(process):
    """Against a sum over short steps in t: the integral of (tau - t)^k d rho, divided by rho_s."""
    for t, s in ((0.9, 0.6), (0.5, 0.45), (0.2, 0.05)):
        tau = torch.linspace(t, s, 20001, dtype=torch.float64)
        rho = process.sigma(tau) / process.alpha(tau)
        middle = (tau[1:] + tau[:-1]) / 2 - t
        wanted = [(middle**k * rho.diff()).sum() / rho[-1] for k in range(4)]
        close(time_moments(process, [t, s], 4)[0], wanted, rtol=2e-3, atol=0)                  # chains have kinks
        close(time_moments(process, [t, s], 4)[0][0], wanted[0], rtol=1e-6, atol=0)


def test_moments_of_time_are_exact_where_the_process_is_smooth():
    """EDM: rho = 80 tau, so the k-th moment is 80 (s - t)^(k + 1) / (k + 1) / (80 s)."""
    close(time_moments(EDM(), [0.9, 0.3], 4)[0], [(-0.6) ** (k + 1) / (k + 1) / 0.3 for k in range(4)], rtol=1e-12)


# ------------------------------------------------------------------------------------------- order

EVEN = {name: lambda process, n, make=make: make(process, n, 1.0, 0.1) for name, make in GRIDS.items()}
ALL_GRIDS = EVEN | {"random": random_grid, "zigzag": zigzag_grid}
# cosine from t = 1 on grids that are even in t: beta(t) t-steps are not small there
SEEN = [(p, g) for p in ("VP", "VE", "Cosine") for g in ALL_GRIDS if not (p == "Cosine" and g in ("uniform", "quadratic"))]


def on(process, grid):
    return SMOOTH[process], lambda n: ALL_GRIDS[grid](SMOOTH[process], n)


@pytest.mark.parametrize("process, grid", [*SEEN, ("DDPM", "uniform"), ("DDPM", "log_snr"), ("SubVP", "log_snr")])
@pytest.mark.parametrize("variable", ["t", "log_rho"])
def test_order_of_deis_on_every_grid(process, grid, variable):
    laws.order_is(3, deis(3, variable), *on(process, grid), steps=(80, 160))


@pytest.mark.parametrize("process", ["VP", "VE", "Cosine"])
@pytest.mark.parametrize("variable", ["t", "log_rho"])
def test_order_of_deis_with_two_answers_on_uneven_steps(process, variable):
    laws.order_is(2, deis(2, variable), *on(process, "zigzag"), steps=(80, 160))


@pytest.mark.parametrize("process", ["VP", "VE", "Cosine"])
@pytest.mark.parametrize("variable", ["t", "log_rho"])
def test_order_four_is_there_too(process, variable):
    """The paper's tAB3. Its errors reach 1e-6 before the law of large steps is over, so a wider band."""
    errors = [laws.quantile_error(deis(4, variable), SMOOTH[process], grids.log_snr(SMOOTH[process], n, end=0.1)) for n in (40, 80)]
    assert errors[0] / errors[1] > 2**3.25 and errors[1] < 2e-5


@pytest.mark.parametrize("order, variable", [(3, "t"), (3, "log_rho")])
def test_deis_from_the_middle_keeps_its_order_if_the_first_steps_are_short(order, variable):
    laws.order_is(order, deis(order, variable), Cosine(), ramped_grid, steps=(80, 160))
    laws.order_is(2, deis(order, variable), Cosine(), lambda n: grids.uniform(n, 0.8, 0.1), steps=(80, 160))


@pytest.mark.parametrize("process, grid", [(p, g) for p, g in SEEN if g in EVEN])
@pytest.mark.parametrize("history, warm_up", [(2, "runge_kutta"), (4, "runge_kutta"), (4, "rising")])
def test_order_of_pndm_is_two_on_smooth_grids(process, grid, history, warm_up):
    laws.order_is(2, pndm(history, warm_up), *on(process, grid), steps=(80, 160))


@pytest.mark.parametrize("process", ["VP", "VE", "Cosine"])
@pytest.mark.parametrize("history", [2, 4])
def test_order_of_pndm_is_one_on_an_uneven_grid(process, history):
    """Weights of equal steps: on steps of alternating length the next order is lost, quietly."""
    laws.order_is(1, pndm(history), *on(process, "zigzag"), steps=(80, 160))


# ------------------------------------------------------------------------------------------- the papers' formulas


@pytest.mark.parametrize("name", ["VP", "VE", "Cosine", "SubVP"])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("variable", ["t", "log_rho"])
def test_deis_is_the_papers(name, order, variable):
    laws.deis_is_the_papers(deis(order, variable), SMOOTH[name], order, variable)


@pytest.mark.parametrize("chain", [DDPM.linear(100), DDPM.cosine(60)], ids=["linear", "cosine"])
@pytest.mark.parametrize("history", [1, 2, 3, 4])
@pytest.mark.parametrize("warm_up", ["runge_kutta", "rising"])
def test_pndm_is_the_papers(chain, history, warm_up):
    laws.pndm_is_the_papers(pndm(history, warm_up), chain, history, warm_up)


# ------------------------------------------------------------------------------------------- limits

ALL = {"deis-1": deis(1), "deis-3": deis(3), "deis-log_rho-3": deis(3, "log_rho"), "pndm-2": pndm(2), "pndm-4": pndm(4),
       "pndm-rising": pndm(4, "rising")}


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
@pytest.mark.parametrize("solver", [deis(1), deis(1, "log_rho"), pndm(1)], ids=["deis", "deis-log_rho", "pndm"])
@pytest.mark.parametrize("end", [0.05, 0.0])
def test_one_answer_is_ddim(process, solver, end):
    model, x, grid = BUMPS.denoiser(process), column(0.4, -1.0, 2.0), grids.uniform(6, end=end)
    close(solver(model, x, grid), samplers.ddim(model, x, grid), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
@pytest.mark.parametrize("solver", ALL.values(), ids=ALL)
def test_one_point_needs_no_steps(process, solver):
    laws.one_point_needs_no_steps(solver, process)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_on_a_straight_line_of_levels_deis_in_t_is_adams_bashforth(order):
    """EDM's sigma = 80 t on a uniform grid: all steps of rho are equal, and PNDM's weights are the right ones."""
    model, x, grid = BUMPS.denoiser(EDM()), column(30.0, -50.0, 8.0), grids.uniform(40, end=0.02)
    close(deis(order)(model, x, grid), pndm(order, "rising")(model, x, grid), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name, same", [("deis-log_rho-3", True), ("pndm-rising", True), ("deis-3", False), ("pndm-4", False)])
def test_who_sees_how_the_process_runs_through_its_levels(name, same):
    """The same levels from VP and from VE: DEIS in t, and Runge-Kutta's middle time, are other methods on another clock."""
    own, theirs, x = VP(), VE(), column(0.4, -1.0, 0.9)
    grid = grids.log_snr(own, 8, start=0.5, end=0.05)
    there = theirs.time_at_log_snr(own.log_snr(grid))
    scale = theirs.alpha(there) / own.alpha(grid)
    gap = (ALL[name](BUMPS.denoiser(theirs), x * scale[0], there) / scale[-1] - ALL[name](BUMPS.denoiser(own), x, grid)).abs().max()
    assert gap < 1e-6 if same else gap > 1e-4


@pytest.mark.parametrize("end", [0.0, 0.1])
@pytest.mark.parametrize("steps, history, warm_up, calls", [(8, 4, "runge_kutta", 17), (8, 2, "runge_kutta", 9), (8, 4, "rising", 8),
                                                            (8, 1, "runge_kutta", 8), (2, 4, "runge_kutta", None)])
def test_calls_of_pndm(steps, history, warm_up, calls, end):
    """The warm-up is not free: 4 calls for each of 3 steps, or 2 for one; a last step to 0 is one call."""
    count = []

    def net(x, t):
        count.append(1)
        return torch.zeros_like(x)

    pndm(history, warm_up)(Denoiser(net, VP()), column(0.3), grids.uniform(steps, end=end))
    assert len(count) == (calls or (8 if end else 5))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_deis_calls_once_a_step(order):
    count = []

    def net(x, t):
        count.append(1)
        return torch.zeros_like(x)

    deis(order)(Denoiser(net, CHAINS["DDPM.linear"]), column(0.3), grids.uniform(7))
    assert len(count) == 7


# ------------------------------------------------------------------------------------------- few calls


@pytest.mark.parametrize("calls, shares", [(12, {"deis-4": 1 / 4, "deis-2": 1 / 2, "pndm-rising": 1 / 3}),
                                           (24, {"deis-4": 1 / 10, "deis-2": 1 / 4, "pndm-rising": 1 / 5})])
def test_gain_over_ddim_at_equal_calls(calls, shares):
    """Quadratic grid, ring, exact score: end points against the flow, as shares of DDIM's error."""
    target = exact.ring()
    model, x = target.denoiser(VP()), torch.randn(512, 2, generator=gen(1), dtype=torch.float64)
    truth = samplers.dpm_solver_pp(model, x, grids.log_snr(VP(), 400, end=0.01))
    solvers = {"deis-4": deis(4), "deis-2": deis(2), "pndm-rising": pndm(4, "rising"), "ddim": samplers.ddim}
    grid = grids.quadratic(calls, end=0.01)
    errors = {name: (solve(model, x, grid) - truth).square().sum(1).mean().sqrt().item() for name, solve in solvers.items()}
    for name, share in shares.items():
        assert errors[name] < share * errors["ddim"], errors
