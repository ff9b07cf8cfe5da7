"""The density of the flow against closed forms: mixtures, a linear model, differences, the two variances of the trace."""
import math
import weakref

import laws
import pytest
import torch
from cases import BUMPS, DEVICES, close, column, gen

from minidiff import DDPM, NCSN, VE, VP, Cosine, Denoiser, GaussianProcess, SubVP, exact, grids, likelihood
from minidiff.cld import CLD, CLDExact
from minidiff.likelihood import flow
from minidiff.vdm import TableSchedule

PROCESSES = {"VP": VP(), "VE": VE(), "SubVP": SubVP(), "Cosine": Cosine()}
CENTRED = exact.GaussianMixture(BUMPS.weights, BUMPS.means - (BUMPS.weights @ BUMPS.means), BUMPS.stds)
TARGETS = {"1-D": CENTRED, "2-D": exact.ring(), "1x2x2": exact.Gaussian([[[0.0, 0.0], [0.0, 0.0]]], [[[0.5, 1.0], [1.2, 0.3]]])}
SOLVERS = {"fixed": {}, "adaptive": {"rtol": 1e-6}}
FLOW = likelihood.flow_log_prob


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_with_the_exact_score_it_is_the_datas(process, target, solver):
    x = target.sample(16, gen(2), torch.float64)
    close(FLOW(target.denoiser(process), x, **solver), target.log_prob(x), atol=1e-3)


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_a_linear_model_to_ten_digits(process):
    laws.flow_of_a_linear_model(FLOW, process, tolerance=1e-11, rtol=1e-12)
    laws.flow_of_a_linear_model(FLOW, process, tolerance=5e-7, steps=100)


def test_a_linear_model_to_ten_digits_with_fixed_steps():
    laws.flow_of_a_linear_model(FLOW, VP(), tolerance=5e-11, steps=400)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("solver", [{}, {"rtol": 1e-5}], ids=["fixed", "adaptive"])
@pytest.mark.parametrize("shape", [(3,), (3, 1), (1, 1, 3)], ids=str)
def test_any_shape_and_float32(shape, solver, device):
    x = torch.randn(6, *shape, generator=gen(1))
    got = FLOW(laws.linear_model(VP()), x.to(device), end=0.05, **solver)
    assert got.dtype == torch.float32 and got.shape == (6,) and got.device.type == device
    close(got.cpu(), laws.linear_flow_density(VP(), x, 0.05), rtol=1e-4)


def bent(dims):
    """A smooth network without any law behind it: its density is known to nobody, but it has one."""
    weight = torch.randn(dims, dims, generator=gen(5), dtype=torch.float64)
    return Denoiser(lambda x, t: torch.tanh(x @ weight.T + t), VP(), predicts="x0")


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_the_density_of_any_network_integrates_to_one(solver):
    line = torch.linspace(-5, 5, 401, dtype=torch.float64)
    mass = torch.trapezoid(FLOW(bent(1), line[:, None], end=0.1, **solver).exp(), line)
    assert abs(mass - 1) < 1e-3
    line = torch.linspace(-4.5, 4.5, 91, dtype=torch.float64)
    points = torch.cartesian_prod(line, line)
    mass = FLOW(bent(2), points, end=0.2, **(solver or {"steps": 40})).exp().sum() * (line[1] - line[0]) ** 2
    assert abs(mass - 1) < 1e-3


def test_adaptive_and_fixed_agree():
    model, x = bent(2), torch.randn(20, 2, generator=gen(1), dtype=torch.float64)
    fine = FLOW(model, x, steps=800, end=0.1)
    for rtol in (1e-4, 1e-6, 1e-9):
        close(FLOW(model, x, end=0.1, rtol=rtol), fine, rtol=10 * rtol, atol=10 * rtol)


def test_the_tolerance_is_in_nats_however_large_the_density():
    """In 64 dimensions log p is hundreds of nats: a share of it would be no tolerance."""
    laws.tolerance_is_in_nats(FLOW)


def test_a_chain_is_asked_down_to_its_first_step():
    """Below 1/T no network was trained; a density is taken there unless asked otherwise."""
    for process in (DDPM.cosine(50), NCSN.geometric(10.0, 0.05, 20), TableSchedule([6.0, -8.0])):
        asked = []

        def net(x, t):
            asked.append(float(t))
            return 0 * x
        FLOW(Denoiser(net, process, predicts="x0"), torch.zeros(1, 2), steps=4)
        assert min(asked) > process.t_min - 1e-9, process


def test_times_of_a_grid_are_found_once():
    """A process that knows its times by bisection is asked for all middles in one call."""
    calls = []

    class Slow(VP):
        def time_at_log_snr(self, value):
            calls.append(value)
            return GaussianProcess.time_at_log_snr(self, value)
    x = CENTRED.sample(4, gen(2), torch.float64)
    grid = grids.log_snr(VP(), 30, end=0.01)
    close(FLOW(CENTRED.denoiser(Slow()), x, grid), FLOW(CENTRED.denoiser(VP()), x, grid), rtol=1e-9)
    assert len(calls) == 1


def test_an_examples_error_does_not_depend_on_its_company():
    """A hundred easy points must not hide the error of a hard one: the tolerance is each example's own."""
    model, hard = bent(2), column(1.5, 2.5).reshape(1, 2)
    alone = FLOW(model, hard, end=0.1, rtol=1e-11)
    crowd = torch.cat([hard, torch.zeros(300, 2, dtype=torch.float64)])
    close(FLOW(model, crowd, end=0.1, rtol=1e-6)[:1], alone, atol=2e-5)       # 7e-5 if the whole batch shared the tolerance


def test_the_fixed_steps_are_of_order_four():
    laws.runge_kutta_has_order_four(flow.runge_kutta)
    model, x = bent(2), torch.randn(8, 2, generator=gen(1), dtype=torch.float64)
    fine = FLOW(model, x, steps=800, end=0.1)
    errors = [(FLOW(model, x, steps=n, end=0.1) - fine).abs().max().item() for n in (25, 50, 100)]
    assert all(3.5 < math.log2(a / b) < 4.6 for a, b in zip(errors, errors[1:])), errors


def test_a_grid_and_its_words_say_the_same():
    model, x = bent(2), torch.randn(3, 2, generator=gen(1), dtype=torch.float64)
    grid = grids.log_snr(VP(), 40, end=0.1)
    close(FLOW(model, x, grid), FLOW(model, x, steps=40, end=0.1))
    close(FLOW(model, x, grid[[0, -1]], rtol=1e-8), FLOW(model, x, end=0.1, rtol=1e-8))
    close(FLOW(model, x), FLOW(model, x, grids.log_snr(VP(), 200, end=1e-5)))


# ------------------------------------------------------------------------------------------- the probe


def test_variances_of_the_probes():
    laws.probes_have_their_variances(likelihood.draw_probe)


def test_the_default_probe_is_rademacher():
    assert set(likelihood.draw_probe(torch.zeros(50, 2), generator=gen()).flatten().tolist()) == {-1.0, 1.0}
    x = torch.randn(4, 3, generator=gen(1), dtype=torch.float64)
    pair = [FLOW(laws.linear_model(VP()), x, divergence="hutchinson", generator=gen(2), **knob) for knob in ({}, {"probe": "rademacher"})]
    assert torch.equal(*pair)


@pytest.mark.parametrize("probe", ["rademacher", "gaussian"])
def test_hutchinson_is_unbiased_along_the_flow(probe):
    model, x = bent(3), torch.randn(1, 3, generator=gen(1), dtype=torch.float64)
    noisy = FLOW(model, x.repeat(3000, 1), divergence="hutchinson", probe=probe, steps=30, end=0.1, generator=gen(3))
    truth = FLOW(model, x, steps=30, end=0.1)
    assert 0 < abs(noisy.mean() - truth).item() < 4 * noisy.std().item() / 3000**0.5


# ------------------------------------------------------------------------------------------- gradients and memory


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_gradients(process):
    laws.flow_gradients_are_differences(FLOW, process)


def test_the_gradient_of_the_exact_model_is_the_score():
    target, x = exact.ring(), exact.ring().sample(6, gen(2), torch.float64).requires_grad_()
    for how in ({}, {"divergence": "hutchinson", "generator": gen()}):
        value = FLOW(target.denoiser(VP()), x, steps=60, end=1e-3, differentiable=True, **how)
        slope = torch.autograd.grad(value.sum(), x)[0]
        if not how:
            close(slope, target.marginal(VP(), 1e-3).score(x.detach()), atol=5e-3)
        assert torch.isfinite(slope).all()


def test_gradients_are_refused_to_nobody_who_asks_and_given_to_nobody_else():
    weight = torch.tensor(0.7, requires_grad=True)
    model = Denoiser(lambda x, t: weight * x, VP(), predicts="x0")
    x = torch.randn(2, 3).requires_grad_()
    assert not FLOW(model, x, steps=3).requires_grad and not FLOW(model, x, rtol=1e-2).requires_grad
    for given in (x, x.detach()):
        FLOW(model, given, steps=3, differentiable=True).sum().backward()
        assert weight.grad is not None and torch.isfinite(weight.grad)
        weight.grad = None
    assert x.grad is not None


def most_saved(steps, x, **how):
    """The largest number of tensors that autograd holds at a call of the network."""
    alive, most = weakref.WeakSet(), [0]
    weight = torch.randn(4, 4, generator=gen(), requires_grad=True)

    class Kept:
        def __init__(self, tensor):
            self.tensor = tensor.detach()                                          # no circle through its own graph
            alive.add(self)

    def net(x, t):
        most[0] = max(most[0], len(alive))
        return torch.tanh(x @ weight)

    with torch.autograd.graph.saved_tensors_hooks(Kept, lambda kept: kept.tensor):
        result = FLOW(Denoiser(net, VP(), predicts="x0"), x, **how, **({} if steps is None else {"steps": steps}))
    assert result.shape == (len(x),)
    return most[0]


@pytest.mark.parametrize("divergence", ["exact", "hutchinson"])
def test_memory_is_flat_in_the_steps_unless_gradients_are_asked_for(divergence):
    x = torch.randn(2, 4).requires_grad_()
    assert most_saved(3, x, divergence=divergence) == most_saved(60, x, divergence=divergence) == 0
    assert most_saved(None, x, divergence=divergence, rtol=1e-3) == 0
    few, many = (most_saved(n, x, divergence=divergence, differentiable=True) for n in (3, 30))
    assert many > 5 * few > 0


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_no_graph_where_gradients_are_switched_off(mode):
    model = bent(2)
    with mode():
        value = FLOW(model, torch.zeros(3, 2, dtype=torch.float64), steps=3, end=0.1, differentiable=True)
    assert not value.requires_grad


def test_a_network_that_ignores_x_has_a_density():
    """x0_hat = 0: the flow only scales, x_1 = x sigma(1) / sigma(end), and the density is a normal law's."""
    process, x = VP(), torch.randn(3, 2, generator=gen(1), dtype=torch.float64)
    flat = Denoiser(lambda x, t: torch.zeros_like(x), process, predicts="x0")
    growth = process.sigma(1.0) / process.sigma(0.1)
    close(FLOW(flat, x, end=0.1, rtol=1e-10), process.prior_log_prob(growth * x) + 2 * math.log(growth), rtol=1e-8)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("how", [{"steps": 8}, {"rtol": 1e-2}, {"steps": 8, "divergence": "hutchinson"}], ids=str)
def test_it_works_where_gradients_are_switched_off(mode, how):
    model, x = bent(2), torch.randn(3, 2, generator=gen(1), dtype=torch.float64)
    with mode():
        inside = FLOW(model, x + 0, end=0.1, generator=gen(2), **how)
    close(inside.clone(), FLOW(model, x, end=0.1, generator=gen(2), **how))


# ------------------------------------------------------------------------------------------- what is refused


class NoSignal(GaussianProcess):
    """A straight line from data to noise: no signal at all at t = 1."""

    def alpha(self, t):
        return 1 - self.as_time(t)

    def sigma(self, t):
        return self.as_time(t)

    def half_log_snr(self, t):
        return self.alpha(t).log() - self.sigma(t).log()


class NoPrior:
    """A process that samplers could use, but that says nothing of its prior."""

    process = type("Velocity", (), {"__repr__": lambda self: "Velocity()"})()


NAN, X, MODEL = math.nan, torch.zeros(2, 1), BUMPS.denoiser(VP())
GRAD = torch.zeros(2, 1, requires_grad=True)
BAD = [
    (ValueError, ["divergence", "'exact', 'hutchinson'", "'trace'"], lambda: FLOW(MODEL, X, divergence="trace")),
    (ValueError, ["divergence", "None"], lambda: FLOW(MODEL, X, divergence=None)),
    (ValueError, ["probe", "'rademacher', 'gaussian'", "'sphere'"], lambda: FLOW(MODEL, X, divergence="hutchinson", probe="sphere")),
    (ValueError, ["probe", "'sphere'"], lambda: FLOW(MODEL, X, probe="sphere")),
    (ValueError, ["probe", "'gauss'"], lambda: likelihood.draw_probe(X, "gauss")),
    (ValueError, ["rtol", "(0, 1)", "0"], lambda: FLOW(MODEL, X, rtol=0)),
    (ValueError, ["rtol", "(0, 1)", "-0.1"], lambda: FLOW(MODEL, X, rtol=-0.1)),
    (ValueError, ["rtol", "(0, 1)", "nan"], lambda: FLOW(MODEL, X, rtol=NAN)),
    (ValueError, ["rtol", "(0, 1)", "inf"], lambda: FLOW(MODEL, X, rtol=math.inf)),
    (TypeError, ["rtol", "number", "'fine'"], lambda: FLOW(MODEL, X, rtol="fine")),
    (ValueError, ["differentiable", "fixed steps", "rtol=1e-05"], lambda: FLOW(MODEL, X, rtol=1e-5, differentiable=True)),
    (ValueError, ["grid", "either", "steps=5"], lambda: FLOW(MODEL, X, [1.0, 0.1], steps=5)),
    (ValueError, ["grid", "either", "end=0.1"], lambda: FLOW(MODEL, X, [1.0, 0.1], end=0.1)),
    (ValueError, ["rtol", "either", "steps=5"], lambda: FLOW(MODEL, X, rtol=1e-3, steps=5)),
    (ValueError, ["grid", "above 0"], lambda: FLOW(MODEL, X, [1.0, 0.0])),
    (ValueError, ["grid", "above 0"], lambda: FLOW(MODEL, X, [1.0, 0.0], rtol=1e-3)),
    (ValueError, ["end", "(0, 1)", "0"], lambda: FLOW(MODEL, X, end=0.0)),
    (ValueError, ["end", "(0, 1)", "nan"], lambda: FLOW(MODEL, X, end=NAN)),
    (ValueError, ["steps", "at least 1", "0"], lambda: FLOW(MODEL, X, steps=0)),
    (TypeError, ["steps", "whole", "'many'"], lambda: FLOW(MODEL, X, steps="many")),
    (ValueError, ["process", "signal", "t = 1"], lambda: FLOW(BUMPS.denoiser(NoSignal()), X, [1.0, 0.1])),
    (ValueError, ["process", "signal", "t = 1"], lambda: FLOW(BUMPS.denoiser(NoSignal()), X)),
    (TypeError, ["generator", "Generator", "3"], lambda: FLOW(MODEL, X, steps=2, generator=3)),
    (TypeError, ["x ", "torch tensor", "list"], lambda: likelihood.draw_probe([0.0])),
    (ValueError, ["velocity", "shape of x"], lambda: likelihood.divergence_of(X[:1], X)),
    (ValueError, ["velocity", "no history"], lambda: likelihood.divergence_of(X + 1, X.clone().requires_grad_())),
    (ValueError, ["probe", "shape of x"], lambda: likelihood.divergence_of(2 * GRAD, GRAD, torch.ones(2))),
    (TypeError, ["prior density", "CLD("], lambda: FLOW(CLDExact(BUMPS, CLD()), X)),
    (TypeError, ["prior density", "Velocity()"], lambda: FLOW(NoPrior(), X)),
    (TypeError, ["model", "Denoiser", "function"], lambda: FLOW(lambda x, t: x, X)),
    (TypeError, ["x ", "floating", "int64"], lambda: FLOW(MODEL, X.long())),
    (TypeError, ["x ", "floating", "uint8"], lambda: FLOW(MODEL, X.to(torch.uint8))),
    (TypeError, ["x ", "torch tensor", "list"], lambda: FLOW(MODEL, [[0.0]])),
    (ValueError, ["x ", "finite"], lambda: FLOW(MODEL, X * NAN)),
    (ValueError, ["x ", "empty"], lambda: FLOW(MODEL, X[:0])),
    (TypeError, ["generator", "Generator", "5"], lambda: FLOW(MODEL, X, divergence="hutchinson", generator=5)),
]


@pytest.mark.parametrize("exception, words, call", BAD, ids=[f"{i}-{bad[1][0].strip()}" for i, bad in enumerate(BAD)])
def test_wrong_input_is_refused_in_words(exception, words, call):
    with pytest.raises(exception) as caught:
        call()
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_solver_that_gives_up_says_so():
    model = Denoiser(lambda x, t: (1e4 / (1 - t)) * torch.sin(1e8 * x), VP(), predicts="x0")
    with pytest.raises(RuntimeError, match="adaptive solver gave up"):
        FLOW(model, torch.ones(1, 1, dtype=torch.float64), rtol=1e-12, end=0.9)
