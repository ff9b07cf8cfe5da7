"""GENIE: its derivative against differences and a closed form, its order, its limits, its head."""
import laws
import pytest
import torch
from cases import BUMPS, CONTINUOUS, PROCESSES, close, column, gen

from minidiff import VP, Denoiser, exact, grids, samplers
from minidiff.samplers import taylor

every_process = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)


@every_process
def test_the_derivative_is_along_the_flow(process):
    laws.derivative_is_along_the_flow(taylor.flow_derivative, process)


def test_one_time_for_each_example():
    model, x, t = BUMPS.denoiser(VP()), column(0.4, -1.0, 2.0), torch.tensor([0.9, 0.5, 0.1], dtype=torch.float64)
    for i, each in enumerate(zip(*taylor.flow_derivative(model, x, t))):
        close(torch.stack(each), torch.stack(taylor.flow_derivative(model, x[i:i + 1], t[i].item()))[:, 0], rtol=1e-9, atol=1e-9)


@every_process
def test_order_two_on_every_process(process):
    laws.order_is(2, samplers.genie, process, lambda n: grids.log_snr(process, n, end=0.1))


@every_process
def test_zero_head_is_ddim_and_a_perfect_head_is_exact(process):
    model, x, grid = BUMPS.denoiser(process), column(0.4, -1.0, 2.0), grids.log_snr(process, 6)
    ours = samplers.genie(model, x, grid, head=lambda x, t: torch.zeros_like(x))
    close(ours, samplers.ddim(model, x, grid), rtol=1e-9, atol=1e-9)
    ours = samplers.genie(model, x, grid, head=lambda x, t: taylor.flow_derivative(model, x, t)[1])
    close(ours, samplers.genie(model, x, grid), rtol=1e-9, atol=1e-9)


def test_one_step_is_the_papers():
    """x/alpha + h eps + h^2/2 d eps/d gamma, with the derivative of normal data in closed form; h < 0."""
    process, d2, t, s = VP(), 0.5, 0.5, 0.3
    x, (g, after) = column(1.3), (process.sigma(u) / process.alpha(u) for u in (t, s))
    bar, h = x / process.alpha(t) - 0.7, after - g
    wanted = 0.7 + bar + h * g / (d2 + g**2) * bar + h**2 / 2 * d2 / (d2 + g**2) ** 2 * bar
    close(samplers.genie(exact.Gaussian([0.7], d2**0.5).denoiser(process), x, [t, s]), process.alpha(s) * wanted, rtol=1e-9)


def test_one_point_needs_no_steps():
    laws.one_point_needs_no_steps(samplers.genie, VP())


@pytest.mark.parametrize("other", ["VE", "EDM", "SubVP"])
def test_it_does_not_see_the_process(other):
    """The flow in x/alpha and sigma/alpha is the same for all: the same levels give the same samples."""
    own, theirs, grid = VP(), CONTINUOUS[other], grids.log_snr(VP(), 8, start=0.5, end=0.05)
    there, x = theirs.time_at_log_snr(own.log_snr(grid)), column(0.4, -1.0, 0.9)
    scale = theirs.alpha(there) / own.alpha(grid)
    ours = samplers.genie(BUMPS.denoiser(own), x, grid)
    close(samplers.genie(BUMPS.denoiser(theirs), x * scale[0], there) / scale[-1], ours, rtol=1e-6, atol=1e-6)


def test_what_a_step_costs():
    """With a head one call of each; without, the call and the product."""
    calls, asked = [], []
    model = Denoiser(lambda x, t: calls.append(t) or torch.tanh(x * t), VP())
    samplers.genie(model, column(0.4), grids.uniform(5), head=lambda x, t: asked.append(t) or x)
    assert len(calls) == 5 and len(asked) == 4
    calls.clear()
    samplers.genie(model, column(0.4), grids.uniform(5))
    assert len(calls) == 9


def test_a_network_in_float32():
    torch.manual_seed(0)
    layer = torch.nn.Linear(2, 2)
    model, x = Denoiser(lambda x, t: torch.tanh(layer(x) * (1 + t[..., None])), VP(), predicts="v"), torch.randn(4, 2, generator=gen())
    after = samplers.genie(model, x, grids.uniform(6))
    assert after.dtype == torch.float32 and not after.requires_grad
    layer.double()
    close(after, samplers.genie(model, x.double(), grids.uniform(6)), atol=1e-4)


# ------------------------------------------------------------------------------------------- the head's loss


def test_the_loss_of_a_perfect_head_is_zero_and_of_no_head_the_targets_size():
    model, x0, noise = exact.ring().denoiser(VP()), torch.randn(6, 2, generator=gen(), dtype=torch.float64), torch.randn(6, 2, generator=gen(1), dtype=torch.float64)
    t = torch.linspace(0.05, 0.95, 6, dtype=torch.float64)
    target = taylor.flow_derivative(model, VP().perturb(x0, t, noise), t)[1]
    perfect = taylor.head_loss(lambda x, t: taylor.flow_derivative(model, x, t)[1], model, x0, t, noise)
    close(perfect, torch.zeros(6), atol=1e-12)
    close(taylor.head_loss(lambda x, t: torch.zeros_like(x), model, x0, t, noise), target.square().sum(1))


def test_the_loss_trains_the_head_alone():
    net, head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    model = Denoiser(lambda x, t: torch.tanh(net(x)), VP())
    x0 = torch.randn(6, 2, generator=gen())
    taylor.head_loss(lambda x, t: head(x), model, x0, torch.full((6,), 0.4), x0.flip(0)).sum().backward()
    assert net.weight.grad is None and head.weight.grad.abs().max() > 0


@pytest.mark.parametrize("call", [
    lambda head: samplers.genie(BUMPS.denoiser(VP()), column(0.4, 0.1), [1.0, 0.5], head=head),
    lambda head: taylor.head_loss(head, BUMPS.denoiser(VP()), column(0.4, 0.1), torch.tensor([0.5, 0.4]), column(0.1, 0.2))])
@pytest.mark.parametrize("answer", [lambda x, t: x[:1], lambda x, t: x[:, 0]])
def test_a_head_of_another_shape_is_refused(call, answer):
    with pytest.raises(ValueError, match="head's answer must have the shape of x"):
        call(answer)
    with pytest.raises(TypeError, match="head's answer"):
        call(lambda x, t: 0.0)


def test_a_raw_network_is_refused():
    with pytest.raises(TypeError, match="Denoiser"):
        taylor.flow_derivative(torch.nn.Linear(1, 1), column(0.1), 0.5)
