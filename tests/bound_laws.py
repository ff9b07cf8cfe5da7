"""Laws of the bound on the SDE's likelihood and of high-order score matching.

The oracle tests run them on the library, tests/mutants on planted mistakes, which they must catch. Expected values are closed
forms of linear models, the mixture's own density, and derivatives of it by automatic differentiation.
"""
import math

import torch
from cases import BUMPS, close, gen
from scipy.integrate import solve_ivp

from minidiff import VP, exact
from minidiff.denoiser import Model
from minidiff.process import expand

STD = 0.5                                                        # of the Gaussian data


class Linear(Model):
    """Score -(1 + delta) x / (alpha^2 STD^2 + sigma^2): exact for N(0, STD^2) when delta is 0."""

    def __init__(self, process, delta):
        super().__init__(process)
        self.delta = delta

    def forward(self, x, t):
        alpha, sigma = self.scales(x, t)
        return (x - (1 + self.delta) * sigma**2 * x / ((alpha * STD) ** 2 + sigma**2)) / alpha


def variance_of_the_sde(process, delta, end):
    """Variance at `end` of the reverse SDE with the Linear score, from the prior, by its moment equation."""
    def rate(t, v):
        g2, m = process.diffusion(t) ** 2, (process.alpha(t) * STD) ** 2 + process.sigma(t) ** 2
        return 2 * (process.drift_rate(t) + g2 * (1 + delta) / m) * v - g2
    return solve_ivp(rate, (1.0, end), [process.prior_std**2], rtol=1e-8, atol=1e-10).y[0, -1]


def bound_is_above(sde_bound, process, delta, form="denoising", n=40000, end=1e-2):
    """At three points the bound on the Linear model lies above its normal density, by what path divergences say."""
    model, x = Linear(process, delta), torch.tensor([[0.0], [0.6], [1.2]], dtype=torch.float64)
    k, snr = model(torch.ones(1, 1, dtype=torch.float64), end).item(), process.snr(end)
    law = exact.Gaussian([0.0], math.sqrt(k**2 * variance_of_the_sde(process, delta, end) + 1 / snr))
    nats = sde_bound(model, x.repeat(n, 1), form=form, draws=1, end=end, generator=gen(3)).reshape(n, 3)
    room, error = nats.mean(0) + law.log_prob(x), nats.std(0) / n**0.5
    assert (room > -4 * error).all(), room
    if delta == 0:                                               # the exact score: the bound is the density
        assert (room.abs() < 4 * error + 2e-3).all(), room
    return room


def bound_is_the_density(sde_bound, process, form="denoising", n=60000, target=BUMPS):
    """With a mixture's exact score the bound is its negative log density, on average over the data."""
    x = target.sample(n, gen(4), torch.float64)
    gap = sde_bound(target.denoiser(process), x, form=form, draws=2, generator=gen(5)) + target.log_prob(x)
    assert abs(gap.mean()) < 4 * gap.std() / n**0.5 + 2e-3, gap.mean()


# ------------------------------------------------------------------------------------------- high orders


class Bent(Model):
    """The exact score of three bumps plus theta phi(x), phi a fixed bump."""

    def __init__(self, theta, process):
        super().__init__(process)
        self.truth, self.theta = BUMPS.denoiser(process), theta

    def score(self, x, t):
        return self.truth.score(x, t) + self.theta * torch.exp(-(x - 0.4) ** 2)

    def forward(self, x, t):
        alpha, sigma = self.scales(x, t)
        return (x + sigma**2 * self.score(x, t)) / alpha


def gradient_at(loss, theta, t, process):
    """d E loss / d theta of the Bent model, by quadrature over x_0 and the noise."""
    theta = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    line, z = torch.linspace(-6.001, 6, 481, dtype=torch.float64), torch.linspace(-7, 7, 121, dtype=torch.float64)
    weights = (BUMPS.log_prob(line[:, None]).exp()[:, None] * torch.exp(-0.5 * z**2)).flatten()
    x0, noise = line.repeat_interleave(121)[:, None], z.repeat(481)[:, None]
    values = loss(Bent(theta, process), x0, torch.full((len(x0),), t, dtype=torch.float64), noise)
    total = (values * weights).sum() / weights.sum()
    return torch.autograd.grad(total, theta, allow_unused=True)[0]


def expected_gradient(order, theta, t, process):
    """The same from E[delta^2 | x] = 1 + sigma^2 s' and E[delta^3 | x] = -sigma^3 s'', by quadrature over x_t."""
    x = torch.linspace(-8, 8, 3001, dtype=torch.float64)
    sigma, phi = process.sigma(t), torch.exp(-(x - 0.4) ** 2)
    slope = -2 * (x - 0.4) * phi
    bend = -2 * phi - 2 * (x - 0.4) * slope
    law = BUMPS.marginal(process, t).log_prob(x[:, None]).exp()
    if order == 2:
        value = 2 * (sigma**2 * theta * slope - (sigma * theta * phi) ** 2) * sigma**2 * slope
    else:
        value = 2 * sigma**3 * bend * (sigma**3 * theta * bend + (sigma * theta * phi) ** 3
                                       - 3 * sigma**3 * theta**2 * phi * slope)
    return (law * value).sum() / law.sum()


def gradient_leads_to_the_truth(loss, order, process=None):
    """At rest at the exact score; elsewhere the gradient that the regression on the cumulants has."""
    process = process or VP()
    for t in (0.15, 0.4):
        for theta in (0.0, 0.5):
            got = gradient_at(loss, theta, t, process)
            assert got is not None, "no gradient"
            close(got, expected_gradient(order, theta, t, process), rtol=1e-5, atol=1e-7)


class Curved(Model):
    """A score in two dimensions that is no gradient: its Jacobian is not symmetric."""

    def score(self, x, t):
        a, b = x.unbind(-1)
        return torch.stack([torch.sin(a * b) - a, a**2 - torch.cos(b)], -1)

    def forward(self, x, t):
        alpha, sigma = self.scales(x, t)
        return (x + sigma**2 * self.score(x, t)) / alpha


def plane(n=5):
    x0, noise = (torch.randn(n, 2, generator=gen(seed), dtype=torch.float64) for seed in (6, 7))
    return x0, torch.linspace(0.1, 0.9, n, dtype=torch.float64), noise


def matrices(process, x0, t, noise):
    """sigma, l_1, the Jacobian and the gradient of its trace, by forward differentiation of single points."""
    model, x = Curved(process), process.perturb(x0, t, noise)
    jacobian = torch.func.vmap(torch.func.jacfwd(lambda u: model.score(u, None)))(x)
    bend = torch.func.vmap(torch.func.jacfwd(lambda u: torch.func.jacfwd(lambda w: model.score(w, None))(u).trace()))(x)
    sigma = process.sigma(t)
    return sigma, expand(sigma, x) * model.score(x, t) + noise, jacobian, bend


def second_order_is_the_papers(loss):
    process, (x0, t, noise) = VP(), plane()
    sigma, l1, jacobian, _ = matrices(process, x0, t, noise)
    target = torch.eye(2, dtype=torch.float64) - l1[:, :, None] * l1[:, None, :]
    expected = (sigma[:, None, None] ** 2 * jacobian + target).square().sum((1, 2))
    close(loss(Curved(process), x0, t, noise).detach(), expected, rtol=1e-9)
    signs = [torch.tensor(s, dtype=torch.float64).expand_as(x0) for s in ((1.0, 1.0), (1.0, -1.0))]
    probed = sum(loss(Curved(process), x0, t, noise, probe=s).detach() for s in signs) / 2      # the whole mean over signs
    close(probed, expected, rtol=1e-9)


def third_order_is_the_papers(loss):
    process, (x0, t, noise) = VP(), plane()
    sigma, l1, jacobian, bend = matrices(process, x0, t, noise)
    l2 = sigma[:, None, None] ** 2 * jacobian.transpose(1, 2) + torch.eye(2, dtype=torch.float64)
    l3 = ((l1**2).sum(1) - l2.diagonal(dim1=1, dim2=2).sum(1))[:, None] * l1 - 2 * (l2 @ l1[:, :, None])[:, :, 0]
    expected = (sigma[:, None] ** 3 * bend + l3).square().sum(1)
    close(loss(Curved(process), x0, t, noise).detach(), expected, rtol=1e-9)
