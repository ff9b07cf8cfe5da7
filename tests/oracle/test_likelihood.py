"""Likelihood and losses against exact densities, closed forms and entropies."""
import laws
import pytest
import torch
from cases import BUMPS, PROCESSES, close, column, gen

from minidiff import VE, VP, Cosine, Denoiser, SubVP, exact, grids, likelihood, losses

FLOWS = {"VP": VP(), "VE": VE(), "Cosine": Cosine(), "SubVP": SubVP(), "DDPM": PROCESSES["DDPM.linear"], "EDM": PROCESSES["EDM"]}


@pytest.mark.parametrize("process", FLOWS.values(), ids=FLOWS)
def test_flow_density_is_the_datas(process):
    laws.flow_density_is_the_pushforward(likelihood.flow_log_prob, process)


@pytest.mark.parametrize("process", [VP(), VE(), Cosine(), SubVP()], ids=["VP", "VE", "Cosine", "SubVP"])
def test_flow_density_in_two_dimensions(process):
    laws.flow_density_is_exact(likelihood.flow_log_prob, process, exact.ring(), n=6)


def test_flow_density_at_a_positive_end_is_the_marginals():
    laws.flow_density_is_the_pushforward(likelihood.flow_log_prob, VP(), grids.log_snr(VP(), 60, end=0.1), end=0.1)


def test_flow_density_of_a_wrong_score_is_the_wrong_models():
    """Survey Eq. (38) with a linear score that is off by a factor: the flow is linear and its density is normal."""
    process, factor = VP(), 1.1
    exact_model = exact.Gaussian([0.0], 0.7).denoiser(process)

    class Off(type(exact_model)):
        def forward(self, x, t):
            return (x + process.sigma(t) ** 2 * factor * self.score(x, t)) / process.alpha(t)

    x = column(0.0, 0.5, 1.0)
    got = likelihood.flow_log_prob(Off(exact_model.target, process), x, steps=60)
    curvature = got[0] - got[2], 4 * (got[0] - got[1])
    close(curvature[0], curvature[1], rtol=1e-6)                                   # log p is a parabola
    variance = 1 / (2 * curvature[0].item())
    close(got[0], -0.5 * torch.log(torch.tensor(2 * torch.pi * variance)).item(), atol=5e-4)   # and integrates to one


def test_hutchinson_is_unbiased():
    laws.hutchinson_is_unbiased(likelihood.divergence_of)
    target, x = exact.ring(), exact.ring().sample(1, gen(), torch.float64)
    many = x.repeat(400, 1)
    noisy = likelihood.flow_log_prob(target.denoiser(VP()), many, divergence="hutchinson", steps=60, generator=gen(1))
    assert abs(noisy.mean() - target.log_prob(x)).item() < 5 * noisy.std().item() / 20 + 1e-3
    again = likelihood.flow_log_prob(target.denoiser(VP()), many, divergence="hutchinson", steps=60, generator=gen(1))
    assert torch.equal(noisy, again)


@pytest.mark.parametrize("name", ["VP", "VE", "Cosine", "SubVP"])
def test_vlb_terms_are_the_closed_form(name):
    laws.vlb_matches_closed_form(likelihood.vlb_terms, PROCESSES[name])


@pytest.mark.parametrize("name", ["VP", "VE"])
def test_vlb_is_above_the_entropy_and_its_gap_falls_as_one_over_steps(name):
    laws.bound_is_tight_as_one_over_steps(likelihood.vlb_terms, PROCESSES[name])


def test_vlb_of_the_chain_is_the_papers_weighted_loss():
    """Survey Eq. (10): L_{t-1} is vlb_weight(t) times the squared error of eps, draw for draw, plus what beta adds."""
    chain, g = PROCESSES["DDPM.cosine"], gen(4)
    model, x0 = BUMPS.denoiser(chain), BUMPS.sample(6, gen(), torch.float64)
    for variance in ("posterior", "beta"):
        terms, g = likelihood.vlb_terms(model, x0, chain.grid(), variance=variance, generator=gen(4)), gen(4)
        assert terms.total.shape == (6,)
        for i, step in enumerate(range(chain.num_steps, 1, -1)):
            noise = torch.randn(x0.shape, generator=g, dtype=x0.dtype)
            loss = losses.denoising(model, x0, torch.full((6,), step), noise)
            ratio = chain.posterior_variance[step] / chain.reverse_variance(variance)[step]
            wanted = chain.vlb_weight(variance)[step] * loss + 0.5 * (ratio - 1 - ratio.log())
            close(terms.diffusion[:, i], wanted, rtol=1e-6, atol=1e-9)


def test_bits_per_dimension():
    laws.bits_are_bits(likelihood.bits_per_dim)


# ------------------------------------------------------------------------------------------- losses


@pytest.mark.parametrize("name", ["VP", "VE", "SubVP", "Cosine"])
def test_loss_weights(name):
    process = PROCESSES[name]
    inverse = (process.sigma(0.3) / process.alpha(0.3)) ** 2
    laws.loss_is_a_sum("simple", 1.0, process)
    laws.loss_is_a_sum("x0", inverse, process)
    laws.loss_is_a_sum("v", 1 + inverse, process)
    laws.loss_is_a_sum("snr", max(1.0, inverse), process)
    laws.loss_is_a_sum("likelihood", laws.slopes(process, 0.3)[1] / (2 * process.sigma(0.3) ** 2), process)
    laws.loss_is_a_sum(lambda t: 3 * t, 0.9, process)


def test_the_weight_v_is_the_squared_error_of_v():
    process, t = VP(), torch.tensor([0.2, 0.7], dtype=torch.float64)
    x0, noise, answer = (torch.randn(2, 3, generator=gen(seed), dtype=torch.float64) for seed in range(3))
    model = Denoiser(lambda x, t: answer, process, predicts="v")
    v = process.alpha(t)[:, None] * noise - process.sigma(t)[:, None] * x0
    close(losses.denoising(model, x0, t, noise, "v"), (answer - v).square().sum(1))


@pytest.mark.parametrize("name", PROCESSES)
def test_gradients_do_not_depend_on_what_is_predicted(name):
    """One function in four languages: the same loss and the same gradient for its one weight."""
    process, results = PROCESSES[name], {}
    x0, noise = (torch.randn(5, 2, generator=gen(seed), dtype=torch.float64) for seed in (0, 1))
    t = torch.linspace(0.15, 0.85, 5, dtype=torch.float64)
    alpha, sigma = process.alpha(t)[:, None], process.sigma(t)[:, None]
    for kind in ("eps", "x0", "v", "score"):
        weight = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)

        def net(x, t, kind=kind, weight=weight):
            eps = weight * torch.tanh(x)
            first = (x - sigma * eps) / alpha
            return {"eps": eps, "x0": first, "v": alpha * eps - sigma * first, "score": -eps / sigma}[kind]

        value = losses.denoising(Denoiser(net, process, predicts=kind), x0, t, noise)
        results[kind] = torch.cat([value.detach(), torch.autograd.grad(value.sum(), weight)[0].reshape(1)])
    for kind, result in results.items():
        close(result, results["eps"], rtol=1e-6)


def test_likelihood_weight_gives_the_vlb_rate():
    """With weight "likelihood" the loss per unit of time is the VLB of infinitely many steps (survey Eqs. 30, 35)."""
    process, h, t = VP(), 1e-4, 0.4
    _, pull, true = process.posterior(t, t - h)
    noise, x0 = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    model = Denoiser(lambda x, t: noise + 0.1, process)
    rate = losses.denoising(model, x0, torch.tensor([t], dtype=torch.float64), noise, "likelihood").item()
    error = 0.1 * process.sigma(t) / process.alpha(t)                               # of x0_hat
    assert rate * h == pytest.approx(pull**2 * error**2 / (2 * true), rel=5e-3)
