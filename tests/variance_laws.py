"""Laws of section 4.2, the variance of the reverse step. Expected values come from Bayes' rule by quadrature or are worked out by hand."""
import math

import torch
from cases import BUMPS, SHIFTED, UNIT, close, gen

from minidiff import DDPM, VP, Denoiser, exact, grids, likelihood, losses
from minidiff.nets import MLP
from minidiff.variance import LearnedVariance

GRID = [0.9, 0.6, 0.45, 0.1, 0.02, 0.0]
LINE = torch.linspace(-9, 9, 3601, dtype=torch.float64)


def kernel(x, mean, variance):
    """Densities N(x; mean, variance), all pairs by broadcasting."""
    return (-0.5 * (x - mean) ** 2 / variance).exp() / math.sqrt(2 * math.pi * variance)


def hidden_variance(target, process, t):
    """E Var(x_0 | x_t) by two integrals, over x_0 with Bayes' rule and over x_t."""
    prior = target.log_prob(LINE[:, None]).exp()
    wide = torch.linspace(-9, 9, 901, dtype=torch.float64)
    joint = prior * kernel(wide[:, None], process.alpha(t) * LINE, process.sigma(t) ** 2)
    mass = joint.sum(1)
    variance = joint @ LINE**2 / mass - (joint @ LINE / mass) ** 2
    return ((mass * variance).sum() / mass.sum()).item()


def reverse_variance(target, process, t, s):
    """E Var(x_s | x_t) by two integrals, over x_s and x_t: no x_0 in it."""
    marginal = target.marginal(process, s).log_prob(LINE[:, None]).exp()
    wide = torch.linspace(-9, 9, 901, dtype=torch.float64)
    joint = marginal * kernel(wide[:, None], process.alpha(t) / process.alpha(s) * LINE, process.added_variance(t, s))
    mass = joint.sum(1)
    variance = joint @ LINE**2 / mass - (joint @ LINE / mass) ** 2
    return ((mass * variance).sum() / mass.sum()).item()


def score_square(target, process, t):
    """E eps_theta^2 of the exact model by one integral."""
    law = target.marginal(process, t).log_prob(LINE[:, None]).exp()
    return (law @ target.denoiser(process).eps(LINE[:, None], t)[:, 0] ** 2 / law.sum()).item()


def ends_are_the_extreme_truths(variance_ends):
    """The added variance for data of unit variance, the posterior's for a point; the zero of the last step is clipped."""
    process = VP()
    low, high = variance_ends(process, GRID)
    point = exact.Gaussian([0.4], 1e-7)
    for i, (t, s) in enumerate(zip(GRID[:-2], GRID[1:-1])):
        close(high[i].item(), reverse_variance(UNIT, process, t, s), rtol=1e-9)
        close(low[i].item(), reverse_variance(point, process, t, s), rtol=1e-9)
    assert low[-1] == low[-2] > 0
    close(high[-1].item(), process.sigma(GRID[-2]) ** 2, rtol=1e-12)


def interpolation_is_geometric(interpolate):
    v = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    close(interpolate(v, 1e-6, 1e-2), torch.tensor([1e-6, 1e-4, 1e-2], dtype=torch.float64), rtol=1e-9)
    ends = torch.tensor([1e-6, 1e-6, 1e-6], dtype=torch.float64), torch.tensor([1e-2, 1e-2, 1e-2], dtype=torch.float64)
    close(interpolate(v, *ends), interpolate(v, 1e-6, 1e-2), rtol=1e-12)


def optimum_is_quadrature(optimal_variance, target=BUMPS):
    """Survey Eq. (32) on a sub-sequence, eta 0, 1/2, 1: noise^2 + pull^2 E Var(x_0|x_t) to ten digits."""
    process = VP()
    squares = [score_square(target, process, t) for t in GRID[:-1]]
    for eta in (0.0, 0.5, 1.0):
        table = optimal_variance(process, GRID, squares, eta=eta)
        for i, (t, s) in enumerate(zip(GRID[:-1], GRID[1:])):
            alpha, after, sigma, sigma_s = process.alpha(t), process.alpha(s), process.sigma(t), process.sigma(s)
            noise2 = eta**2 * (sigma**2 - (alpha / after) ** 2 * sigma_s**2) * sigma_s**2 / sigma**2
            pull = after - alpha / sigma * math.sqrt(sigma_s**2 - noise2)
            close(table[i].item(), noise2 + pull**2 * hidden_variance(target, process, t), rtol=1e-10)
            if eta == 1 and s > 0:
                close(table[i].item(), reverse_variance(target, process, t, s), rtol=1e-9)


def optimum_is_clipped(optimal_variance):
    """A score that is too large gives the variance of point data; a bound on the hidden variance is kept."""
    process = VP()
    low = process.posterior(torch.tensor([0.9, 0.6]), torch.tensor([0.6, 0.3]))
    close(optimal_variance(process, [0.9, 0.6, 0.3], [1.2, 1.001]), low[2], rtol=1e-6)
    close(optimal_variance(process, [0.9, 0.6, 0.3], [0.0, 0.0], largest=0.5), low[2] + low[1] ** 2 * 0.5, rtol=1e-6)


def squares_are_means_over_coordinates(eps_square):
    """Gaussian data in three dimensions: eps_theta = sigma x / (alpha^2 s^2 + sigma^2), so E eps^2 = sigma^2 over that."""
    process, target = VP(), exact.Gaussian([0.0, 0.0, 0.0], 0.5)
    times = [0.7, 0.2]
    got = eps_square(target.denoiser(process), target.sample(40000, gen(), torch.float64), times, generator=gen(1))
    for value, t in zip(got.tolist(), times):
        share = process.sigma(t) ** 2 / (process.alpha(t) ** 2 * 0.25 + process.sigma(t) ** 2)
        assert abs(value / share - 1) < 0.02                        # five standard errors


class TwoNumbers(torch.nn.Module):
    """A network whose prediction and logits are two learned multiples of x."""

    def __init__(self):
        super().__init__()
        self.mean, self.logit = (torch.nn.Parameter(torch.tensor(value, dtype=torch.float64)) for value in (0.6, -0.4))

    def forward(self, x, t):
        return torch.cat([self.mean * x, self.logit * x], 1)


def learned_model(chain=None):
    return LearnedVariance(TwoNumbers(), chain or DDPM.cosine(12))


def halves_are_prediction_then_logits(model_type):
    model, x = model_type(TwoNumbers(), VP()), torch.tensor([[0.5], [-1.0]], dtype=torch.float64)
    close(model.eps(x, 0.4), 0.6 * x, rtol=1e-12)
    close(model.with_fraction(x, 0.4)[1], 1 / (1 + (0.4 * x).exp()), rtol=1e-12)
    close(model.with_fraction(x, 0.4)[0], (x - VP().sigma(0.4) * 0.6 * x) / VP().alpha(0.4), rtol=1e-12)


def hybrid_is_its_parts(hybrid, grid=None):
    """L_simple, and K times the term that vlb_terms draws with the same noise, for every step of the grid."""
    chain = DDPM.cosine(12)
    model, x0, times = learned_model(chain), BUMPS.sample(5, gen(), torch.float64), grid or chain.grid()
    terms, g = likelihood.vlb_terms(model, x0, times, variance="learned", generator=gen(4)), gen(4)
    nats = torch.cat([terms.diffusion, terms.reconstruction[:, None]], 1)
    for i in range(len(times) - 1):
        noise = torch.randn(x0.shape, generator=g, dtype=x0.dtype)
        step, t = torch.full((5,), len(times) - 1 - i), torch.full((5,), float(times[i]), dtype=torch.float64)
        simple = hybrid(model, x0, step, noise, grid, vlb_weight=0.0)
        close(simple, losses.denoising(model, x0, t, noise), rtol=1e-8)
        close((hybrid(model, x0, step, noise, grid, vlb_weight=0.3) - simple) / 0.3, (len(times) - 1) * nats[:, i], rtol=1e-7)


def hybrid_stops_the_gradient(hybrid):
    """The mean's gradient is that of the simple loss, whatever the bound's weight; the variance has one."""
    model, x0 = learned_model(), BUMPS.sample(6, gen(), torch.float64)
    step, noise = torch.tensor([1, 2, 5, 8, 11, 12]), torch.randn(6, 1, generator=gen(1), dtype=torch.float64)
    of = [torch.autograd.grad(hybrid(model, x0, step, noise, vlb_weight=w).sum(), list(model.parameters()), allow_unused=True)
          for w in (0.0, 2.0)]
    close(of[0][0], of[1][0], rtol=1e-10)
    assert of[1][1].abs() > 1e-3


def importance_is_the_root_of_the_square(make):
    """p(t) is proportional to the root of the mean of the last squares, mixed with the floor; the weights make it unbiased."""
    times, step = make(4, history=2, floor=0.1), torch.tensor([1, 2, 3, 4])
    close(times.probabilities(), torch.full((4,), 0.25))
    for values in ([9.0, 9.0, 9.0, 9.0], [3.0, 0.0, 1.0, 1.0], [4.0, 0.0, 1.0, -7.0]):   # the first ones are forgotten
        values = torch.tensor(values, dtype=torch.float64)
        before = times.probabilities()
        close(times.weigh(step, values), values / (4 * before), rtol=1e-12)
    root = torch.tensor([12.5, 0.0, 1.0, 25.0], dtype=torch.float64).sqrt()
    close(times.probabilities(), 0.9 * root / root.sum() + 0.025, rtol=1e-12)
    drawn = times(20000, gen(2))
    share = torch.bincount(drawn, minlength=5)[1:] / 20000
    assert (share - times.probabilities()).abs().max() < 0.015


def one_step_has_the_table(sampler, mean_of, n=100000):
    """A table of variances is the variance of what a step adds; its mean stays that of the named step."""
    process, t, s = VP(), 0.53, 0.49
    x = torch.full((n, 1), 1.3, dtype=torch.float64)
    after = sampler(SHIFTED.denoiser(process), x, [t, s], variance=[0.07], generator=gen(3))
    mean = mean_of(SHIFTED.denoiser(process), x[:1], [t, s]).item()
    assert abs(after.mean().item() - mean) < 5 * math.sqrt(0.07 / n)
    assert abs(after.var().item() / 0.07 - 1) < 5 * math.sqrt(2 / n)


def learned_sampler_has_the_interpolated_variance(sampler, n=100000):
    """One ancestral step of a LearnedVariance: variance high^v low^(1-v) at v = sigmoid(-0.4 x)."""
    process, t, s = VP(), 0.5, 0.3
    model, x = learned_model(process), torch.full((n, 1), 1.3, dtype=torch.float64)
    after = sampler(model, x, [t, s], variance="learned", generator=gen(3))
    low, high = process.posterior(t, s)[2], process.added_variance(t, s)
    v = 1 / (1 + math.exp(0.4 * 1.3))
    assert abs(after.var().item() / (high**v * low ** (1 - v)) - 1) < 5 * math.sqrt(2 / n)


def bound_falls_to_the_optimum(vlb_terms, optimal_variance):
    """On the bumps with the exact model the analytic table has a smaller bound than both names, on the same draws."""
    process, grid = VP(), grids.quadratic(12)
    model, x0 = BUMPS.denoiser(process), BUMPS.sample(20000, gen(), torch.float64)
    table = optimal_variance(process, grid, [score_square(BUMPS, process, t) for t in grid[:-1].tolist()])
    means = [vlb_terms(model, x0, grid, variance=v, generator=gen(1)).total.mean().item() for v in (table, "beta", "posterior")]
    assert means[0] < means[1] - 0.02 and means[0] < means[2] - 0.02


def beside_has_the_slope(cls):
    """The density of a model with a head beside it is the model's own: only the weights are frozen, not the slope in x."""
    torch.manual_seed(0)
    model = Denoiser(MLP(2, 8, 1), VP(), predicts="v")
    beside, x = cls.beside(model, MLP(2, 8, 1)), torch.randn(5, 2, generator=gen())
    close(likelihood.flow_log_prob(beside, x, steps=10, end=0.1), likelihood.flow_log_prob(model, x, steps=10, end=0.1), rtol=1e-6)
    beside(x.requires_grad_(), 0.5).sum().backward()
    assert x.grad.abs().max() > 0 and all(p.grad is None for p in model.parameters())
