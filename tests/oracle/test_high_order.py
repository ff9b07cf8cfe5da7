"""Second- and third-order denoising score matching (Lu et al. 2022) against exact derivatives of a mixture."""
import bound_laws
import pytest
import torch
from cases import BUMPS, PROCESSES, close, gen

from minidiff import VP, Denoiser, exact, losses
from minidiff.nets import MLP

LOSSES = {2: losses.second_order, 3: losses.third_order}


@pytest.mark.parametrize("order", LOSSES)
@pytest.mark.parametrize("name", ["VP", "Cosine"])
def test_gradient_leads_to_the_derivatives_of_the_mixture(order, name):
    bound_laws.gradient_leads_to_the_truth(LOSSES[order], order, PROCESSES[name])


def test_second_order_is_the_papers():
    bound_laws.second_order_is_the_papers(losses.second_order)


def test_third_order_is_the_papers():
    bound_laws.third_order_is_the_papers(losses.third_order)


def test_third_order_probe_has_the_right_minimiser():
    """Along a probe v the target's mean is -sigma^3 of the third derivative, contracted with v twice: at rest at the truth."""
    def probed(model, x0, t, noise):
        return losses.third_order(model, x0, t, noise, probe=torch.full_like(x0, -1.0))
    bound_laws.gradient_leads_to_the_truth(probed, 3)


def test_gaussian_data_have_the_closed_form():
    """N(0, s^2): the second-order loss at the exact score is the variance of delta^2, 2 (1 + sigma^2 s')^2; the third 6 C^3."""
    process, n = VP(), 200000
    model, x0 = exact.Gaussian([0.0], 0.5).denoiser(process), 0.5 * torch.randn(n, 1, generator=gen(), dtype=torch.float64)
    noise, t = torch.randn(n, 1, generator=gen(1), dtype=torch.float64), torch.full((n,), 0.3, dtype=torch.float64)
    rest = 1 - process.sigma(0.3) ** 2 / (0.25 * process.alpha(0.3) ** 2 + process.sigma(0.3) ** 2)
    for loss, expected in ((losses.second_order, 2 * rest**2), (losses.third_order, 6 * rest**3)):
        value = loss(model, x0, t, noise).detach()
        assert abs(value.mean() - expected) < 5 * value.std() / n**0.5


@pytest.mark.parametrize("loss", LOSSES.values(), ids=["second", "third"])
def test_shapes_and_gradients(loss):
    torch.manual_seed(0)
    model = Denoiser(MLP(dim=4, width=8, depth=1), VP())
    x0, noise = torch.randn(3, 2, 2, generator=gen()), torch.randn(3, 2, 2, generator=gen(1))
    t, probe = torch.tensor([0.1, 0.5, 1.0]), torch.randn(3, 2, 2, generator=gen(2)).sign()
    for value in (loss(model, x0, t, noise), loss(model, x0, t, noise, probe)):
        assert value.shape == (3,) and value.dtype == torch.float32
        grads = torch.autograd.grad(value.sum(), list(model.parameters()), allow_unused=True)
        assert sum(g.abs().sum() for g in grads if g is not None) > 0
    one = torch.cat([loss(model, x0[i:i + 1], t[i:i + 1], noise[i:i + 1]) for i in range(3)])
    close(one.detach(), loss(model, x0, t, noise).detach(), rtol=1e-4, atol=1e-5)             # examples do not mix


X, T = torch.zeros(2, 1), torch.full((2,), 0.5)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=["second", "third"])
def test_wrong_input_is_refused_in_words(loss):
    model = BUMPS.denoiser(VP())
    for error, words, call in [
        (ValueError, ["probe", "x0", "(3, 1)"], lambda: loss(model, X, T, X, probe=torch.ones(3, 1))),
        (TypeError, ["probe", "'signs'"], lambda: loss(model, X, T, X, probe="signs")),
        (ValueError, ["noise", "(1, 1)"], lambda: loss(model, X, T, torch.zeros(1, 1))),
        (ValueError, ["t ", "[0, 1]", "2"], lambda: loss(model, X, torch.tensor([0.5, 2.0]), X)),
        (TypeError, ["model", "Denoiser"], lambda: loss(lambda x, t: x, X, T, X)),
    ]:
        with pytest.raises(error) as caught:
            call()
        assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=["second", "third"])
def test_values_where_gradients_are_switched_off(loss, mode):
    torch.manual_seed(0)
    model, x0 = Denoiser(MLP(dim=2, width=8, depth=1), VP()), torch.randn(3, 2, generator=gen())
    t, noise = torch.tensor([0.1, 0.5, 0.9]), torch.randn(3, 2, generator=gen(1))
    with mode():
        value = loss(model, x0 + 0, t, noise)
    assert not value.requires_grad
    close(value.clone(), loss(model, x0, t, noise).detach(), rtol=1e-6)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=["second", "third"])
def test_a_score_that_ignores_x_has_a_value(loss):
    model = Denoiser(lambda x, t: torch.zeros_like(x), VP())
    noise = torch.randn(4, 3, generator=gen(1))
    value = loss(model, torch.zeros(4, 3), torch.full((4,), 0.5), noise)
    if loss is losses.second_order:                                       # J = 0, l_1 = noise
        close(value.detach(), (noise.square().sum(1) - 1) ** 2 + 2, rtol=1e-4)
    assert torch.isfinite(value).all()
