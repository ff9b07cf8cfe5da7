"""The measuring stick itself: mixtures against automatic differentiation, quadrature and sampling."""
import laws
import pytest
import torch
from cases import BUMPS, DEVICES, PROCESSES, close, column, gen

from minidiff import VP, exact

every_process = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
DIAGONAL = exact.GaussianMixture([0.3, 0.7], [[0.0, 1.0], [2.0, -1.0]], [[0.5, 1.0], [0.2, 0.7]])


@pytest.mark.parametrize("target", [BUMPS, exact.ring(), DIAGONAL, exact.Gaussian([0.3, -0.2], [0.5, 2.0])],
                         ids=["bumps", "ring", "diagonal", "gaussian"])
def test_score_is_the_gradient_of_log_prob(target):
    laws.score_is_the_gradient(target, torch.randn(20, target.dims, generator=gen(), dtype=torch.float64))


@every_process
def test_posterior_mean_and_variance_by_quadrature(process):
    laws.posterior_by_quadrature(process, process.time_at_log_snr(1.0))


@every_process
def test_marginal_is_the_law_of_noised_samples(process):
    t = process.time_at_log_snr(0.5)
    x0, noise = BUMPS.sample(20000, gen(), torch.float64), torch.randn(20000, 1, generator=gen(1), dtype=torch.float64)
    ranks = BUMPS.marginal(process, t).cdf(process.perturb(x0, t, noise)).flatten().sort().values
    assert (ranks - torch.linspace(0, 1, 20000)).abs().max() < 0.014              # Kolmogorov-Smirnov at 0.1 per cent


@every_process
def test_exact_model_is_the_marginals(process):
    """Score and density of the exact model are those of the marginal; x0, eps and v follow from the one equation."""
    t = process.time_at_log_snr(0.0)
    x = (1 + process.sigma(t)) * column(-0.7, 0.1, 1.3)
    for target in (BUMPS, exact.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], [[0.1], [0.4]])):
        model, law = target.denoiser(process), target.marginal(process, t)
        close(model.score(x, t), law.score(x), rtol=1e-8, atol=1e-10)
        close(model.log_prob(x, t), law.log_prob(x), rtol=1e-8, atol=1e-10)
        alpha, sigma = process.alpha(t), process.sigma(t)
        close(alpha * model(x, t) + sigma * model.eps(x, t), x, rtol=1e-9)
        close(model.eps(x, t), -sigma * model.score(x, t), rtol=1e-9)
        close(model.v(x, t), alpha * model.eps(x, t) - sigma * model(x, t), rtol=1e-7, atol=1e-8)
        batch = torch.full((3,), t, dtype=torch.float64)
        for answer in ("forward", "score", "eps", "v", "log_prob", "posterior_variance"):
            close(getattr(model, answer)(x, batch), getattr(model, answer)(x, t), rtol=1e-7, atol=1e-8)


def test_second_order_tweedie():
    """Var[x0|x_t] = sigma^2/alpha^2 (1 + sigma^2 d score/dx): the derivative of the score by automatic differentiation."""
    process, t = VP(), 0.3
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None].requires_grad_()
    model, alpha, sigma = BUMPS.denoiser(process), process.alpha(t), process.sigma(t)
    bend = torch.autograd.grad(model.score(x, t).sum(), x)[0]
    close(model.posterior_variance(x.detach(), t), sigma**2 / alpha**2 * (1 + sigma**2 * bend), rtol=1e-7)


def test_samples_follow_the_cdf_and_the_density_integrates_to_one():
    x = torch.linspace(-4, 4, 20001, dtype=torch.float64)[:, None]
    assert abs(torch.trapezoid(BUMPS.log_prob(x).exp(), x[:, 0]).item() - 1) < 1e-8
    steps = torch.trapezoid(BUMPS.log_prob(x[:12001]).exp(), x[:12001, 0])
    close(steps, BUMPS.cdf(x[12000:12001]).item(), atol=1e-6)
    ranks = BUMPS.cdf(BUMPS.sample(20000, gen(3), torch.float64)).flatten().sort().values
    assert (ranks - torch.linspace(0, 1, 20000)).abs().max() < 0.014
    assert torch.equal(BUMPS.sample(5, gen(1)), BUMPS.sample(5, gen(1))) and BUMPS.sample(5).dtype == torch.float32
    with pytest.raises(ValueError, match="one-dimensional"):
        exact.ring().cdf(torch.zeros(2, 2))


def test_a_data_set_is_a_distribution():
    """Point masses: the denoiser answers with a data point when little noise is left, and with the mean when all is."""
    data = torch.tensor([[-1.0, 0.0], [1.0, 0.5], [0.0, 1.0]], dtype=torch.float64)
    model = exact.GaussianMixture([1 / 3] * 3, data, 0.0).denoiser(VP())
    close(model(0.99 * data, 0.01), data, atol=1e-4)
    close(model(torch.zeros(1, 2, dtype=torch.float64), 1.0), data.mean(0, keepdim=True), atol=0.02)


def test_far_from_everything_is_still_finite():
    model = exact.ring().denoiser(VP())
    far = torch.full((2, 2), 1e4)
    for answer in (model(far, 0.01), model.score(far, 0.01), model.log_prob(far, 0.01)):
        assert torch.isfinite(answer).all()


@pytest.mark.parametrize("shape", [(), (2,), (1, 4, 4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("device", DEVICES)
def test_any_shape_and_dtype(shape, dtype, device):
    means = torch.randn(3, *shape, generator=gen())
    for stds in (0.5, torch.full((3,), 0.5), torch.full((3, *shape), 0.5)):
        target = exact.GaussianMixture([0.2, 0.3, 0.5], means, stds)
        x = target.sample(4, gen(1), dtype).to(device)
        model = target.denoiser(VP())
        t = torch.full((4,), 0.3, dtype=dtype, device=device)
        for answer in (target.score(x), model(x, t), model.eps(x, t), model.v(x, t), model.posterior_variance(x, t)):
            assert answer.shape == x.shape == (4, *shape) and answer.dtype == dtype and answer.device == x.device
        assert target.log_prob(x).shape == model.log_prob(x, t).shape == (4,)


def test_test_beds_are_the_documented_ones():
    close(BUMPS.weights, [0.3, 0.5, 0.2])
    close(exact.ring().means.norm(dim=1), torch.full((8,), 1.3, dtype=torch.float64))
    assert exact.ring(5.0, 2.0, 0.1).means.shape == (5, 2)
