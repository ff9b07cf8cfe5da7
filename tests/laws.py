"""Laws that the core must obey. Each takes the thing under test and raises AssertionError when it breaks the law.

The contract and oracle tests run them on the library; tests/mutants runs them on planted mistakes, which they must catch.
Expected values come from Bayes' rule, finite differences, recursions or quadrature, not from the library's formulas.
"""
import itertools
import math

import numpy as np
import torch
from cases import BUMPS, SHIFTED, Faded, close, column, gen

from minidiff import EDM, VP, Denoiser, GaussianProcess, denoiser, exact, grids, likelihood, losses, ncsn, samplers, score_sde, vdm
from minidiff.vae import VAE

# ------------------------------------------------------------------------------------------- processes


def starts_at_the_data(process):
    """alpha(0) = 1 and sigma(0) = 0."""
    assert process.alpha(0.0) == 1.0
    assert process.sigma(0.0) == 0.0


def keeps_variance(process):
    t = torch.linspace(0, 1, 101, dtype=torch.float64)
    close(process.alpha(t) ** 2 + process.sigma(t) ** 2, torch.ones(101))


def rates_follow_from_scales(process, times):
    """Closed forms of f and g against automatic differentiation and against central differences of alpha and sigma."""
    t = torch.as_tensor(times, dtype=torch.float64)
    close(process.drift_rate(t), GaussianProcess.drift_rate(process, t), rtol=1e-8, atol=1e-10)
    close(process.diffusion(t), GaussianProcess.diffusion(process, t), rtol=1e-8, atol=1e-10)
    h = 1e-6
    f = (process.alpha(t + h).log() - process.alpha(t - h).log()) / (2 * h)
    slope = (process.sigma(t + h) ** 2 - process.sigma(t - h) ** 2) / (2 * h)
    close(process.drift_rate(t), f, rtol=1e-5, atol=1e-6)
    close(process.diffusion(t) ** 2, slope - 2 * f * process.sigma(t) ** 2, rtol=1e-4, atol=1e-4)


def log_snr_is_invertible(process):
    t = torch.linspace(0.02, 1, 50, dtype=torch.float64)
    close(process.log_snr(t), 2 * (process.alpha(t) / process.sigma(t)).log(), rtol=1e-9, atol=1e-9)
    assert (process.log_snr(t).diff() < 0).all()
    close(process.time_at_log_snr(process.log_snr(t)), t, atol=1e-8)      # alpha of cosine is flat at t = 1
    assert abs(process.time_at_log_snr(process.log_snr(0.3)) - 0.3) < 1e-9
    assert process.time_at_log_snr(process.log_snr(1.0) - 5.0) == 1.0
    assert process.time_at_log_snr(math.inf) < 1e-9


def prior_is_the_law_of_x1(process):
    """For unit-variance data x_1 is N(0, prior_std^2); samples and density of the prior say the same."""
    law = exact.Gaussian([0.0], 1.0).marginal(process, 1.0)
    close(process.prior_std, law.stds[0].item(), rtol=1e-12)
    x = process.prior_sample((20000, 1), gen(1), dtype=torch.float64)
    assert abs(x.std().item() / law.stds[0].item() - 1) < 0.02         # four standard errors
    close(process.prior_log_prob(x[:50]), law.log_prob(x[:50]), rtol=1e-10)


def posterior_is_bayes(process, t, s, x0=0.4, xt=-1.1):
    """q(x_s|x_t, x_0) from the product of q(x_s|x_0) and q(x_t|x_s), in precisions."""
    keep, pull, variance = process.posterior(t, s)
    mean, wanted = bayes(process, t, s, x0, xt)
    close(keep * xt + pull * x0, mean, rtol=1e-8, atol=1e-9)
    close(variance, wanted, rtol=1e-8, atol=0)


def bayes(process, t, s, x0, xt):
    ratio = process.alpha(t) / process.alpha(s)
    added = process.sigma(t) ** 2 - ratio**2 * process.sigma(s) ** 2
    precision = 1 / process.sigma(s) ** 2 + ratio**2 / added
    return (process.alpha(s) * x0 / process.sigma(s) ** 2 + ratio * xt / added) / precision, 1 / precision


# ------------------------------------------------------------------------------------------- the DDPM chain


def marginal_of_the_chain(chain):
    """Survey Eqs. (2), (3): applying the one-step kernel t times gives alpha_bars[t]."""
    mean, variance = 1.3, 0.0
    for step in range(1, chain.num_steps + 1):
        scale = chain.forward_step(column(1.0), step, column(0.0)).item()
        spread = chain.forward_step(column(0.0), step, column(1.0)).item()
        mean, variance = scale * mean, scale**2 * variance + spread**2
        close([mean, variance], [1.3 * chain.alpha_bars[step] ** 0.5, 1 - chain.alpha_bars[step]], atol=1e-12)


def posterior_of_the_chain(chain):
    """mu tilde and beta tilde (DDPM Eqs. 6, 7) against Bayes' rule with the chain's own betas."""
    for step in range(2, chain.num_steps + 1):
        beta, before = chain.betas[step].item(), torch.prod(1 - chain.betas[1:step]).item()
        precision = 1 / (1 - before) + (1 - beta) / beta
        mean = (before**0.5 * 0.4 / (1 - before) + (1 - beta) ** 0.5 * -1.1 / beta) / precision
        close(chain.posterior_mean(column(0.4), column(-1.1), step), column(mean), rtol=1e-8, atol=1e-9)
        close(chain.posterior_variance[step], 1 / precision, rtol=1e-8)
        eps = (-1.1 - chain.alpha_bars[step] ** 0.5 * 0.4) / (1 - chain.alpha_bars[step]) ** 0.5
        close(chain.mean_from_eps(column(-1.1), eps * column(1.0), step), column(mean), rtol=1e-8, atol=1e-8)


def vlb_weight_matches_the_kl(chain):
    """Survey Eq. (10): lambda(t) |error of eps|^2 is the KL between two normals whose means mean_from_eps gives."""
    for variance in ("posterior", "beta"):
        weight, spread = chain.vlb_weight(variance), chain.reverse_variance(variance)
        for step in range(2, chain.num_steps + 1):
            apart = chain.mean_from_eps(column(0.3), column(0.1), step) - chain.mean_from_eps(column(0.3), column(0.47), step)
            close(apart.item() ** 2 / (2 * spread[step].item()), weight[step] * 0.37**2, rtol=1e-8)


# ------------------------------------------------------------------------------------------- one step


def moments(x):
    """Mean, variance and kurtosis of a sample."""
    centred = x - x.mean()
    variance = centred.square().mean()
    return x.mean().item(), variance.item(), (centred**4).mean().item() / variance.item() ** 2


def has_moments(x, mean, variance):
    """x is a normal sample with this mean and variance, within five standard errors."""
    n = x.numel()
    got_mean, got_variance, kurtosis = moments(x.double())
    assert abs(got_mean - mean) < 5 * (variance / n) ** 0.5, f"mean {got_mean} instead of {mean}"
    assert abs(got_variance / variance - 1) < 5 * (2 / n) ** 0.5, f"variance {got_variance} instead of {variance}"
    assert abs(kurtosis - 3) < 5 * (24 / n) ** 0.5, f"kurtosis {kurtosis} instead of 3"


def slopes(process, t, h=1e-6):
    """f and g^2 from central differences."""
    f = (math.log(process.alpha(t + h)) - math.log(process.alpha(t - h))) / (2 * h)
    return f, (process.sigma(t + h) ** 2 - process.sigma(t - h) ** 2) / (2 * h) - 2 * f * process.sigma(t) ** 2


def gaussian_answers(target, process, x, t):
    """x0_hat and score of N(m, d^2) data at one number x, from the formulas for jointly normal variables."""
    alpha, sigma, m, d2 = process.alpha(t), process.sigma(t), target.means.item(), target.stds.item() ** 2
    total = alpha**2 * d2 + sigma**2
    return m + alpha * d2 / total * (x - alpha * m), -(x - alpha * m) / total


def one_step_law(name, process, t, s, x, target=SHIFTED):
    """Mean and variance of x_s given x_t = x under one step of the named sampler, from its paper."""
    x0_hat, score = gaussian_answers(target, process, x, t)
    alpha_s, sigma_s, h = process.alpha(s), process.sigma(s), t - s
    ratio = process.alpha(t) / alpha_s
    added = process.sigma(t) ** 2 - ratio**2 * sigma_s**2
    mean, variance = bayes(process, t, s, x0_hat, x)
    if name == "ancestral":
        return mean, variance
    if name == "ancestral-beta":
        return mean, added
    if name.startswith("ddim"):
        c2 = {"ddim-half": 0.25, "ddim-one": 1.0}[name] * variance
        eps = (x - process.alpha(t) * x0_hat) / process.sigma(t)
        return alpha_s * x0_hat + (sigma_s**2 - c2) ** 0.5 * eps, c2
    if name == "euler_maruyama":
        f, g2 = slopes(process, t)
        return x - h * (f * x - g2 * score), h * g2
    if name == "reverse_diffusion":
        return x - (ratio - 1) * x + added * score, added
    if name == "consistent_annealed":
        gamma = sigma_s / alpha_s / (process.sigma(t) / process.alpha(t))
        return annealed_law(process, t, s, x, score, 1 - gamma**2)
    raise KeyError(name)


def one_step_has_moments(name, sampler, process, t, s, x=1.3, n=100000):
    """A doubled noise term is invisible after 500 steps and glaring after one."""
    start = torch.full((n, 1), x, dtype=torch.float64)
    after = sampler(SHIFTED.denoiser(process), start, [t, s], generator=gen(3))
    mean, variance = one_step_law(name, process, t, s, x)
    has_moments(after, mean, variance) if variance > 1e-14 else close(after, torch.full_like(after, mean), atol=1e-6)


def langevin_level_has_moments(sampler, process, t, step_size=0.3, x=1.3, n=100000):
    """One Langevin step at each of the two levels t and t/2: a linear map of normals, worked out by hand."""
    target, s = SHIFTED, t / 2
    after = sampler(target.denoiser(process), torch.full((n, 1), x, dtype=torch.float64), [t, s], steps_per_level=1,
                    step_size=step_size, generator=gen(3))
    d = step_size * process.sigma(t) ** 2
    mean, variance = x + d / 2 * gaussian_answers(target, process, x, t)[1], d
    ratio, d = process.alpha(s) / process.alpha(t), step_size * process.sigma(s) ** 2
    mean, variance = ratio * mean, ratio**2 * variance
    gain = 1 - d / 2 / (process.alpha(s) ** 2 * target.stds.item() ** 2 + process.sigma(s) ** 2)
    mean = mean + d / 2 * gaussian_answers(target, process, mean, s)[1]
    has_moments(after, mean, gain**2 * variance + d)


def annealed_law(process, t, s, x, score, eta):
    """Consistent annealed sampling in its paper's terms, on x/alpha: x + eta sigma_i^2 score + beta sigma_{i+1} z."""
    level, after = process.sigma(t) / process.alpha(t), process.sigma(s) / process.alpha(s)
    beta2 = 1 - (1 - eta) ** 2 / (after / level) ** 2
    mean = x / process.alpha(t) + eta * level**2 * (process.alpha(t) * score)
    return process.alpha(s) * mean, process.alpha(s) ** 2 * beta2 * after**2


def annealed_step_has_moments(sampler, process, t, s, eta, x=1.3, n=100000):
    after = sampler(SHIFTED.denoiser(process), torch.full((n, 1), x, dtype=torch.float64), [t, s], step_size=2 * eta, generator=gen(3))
    mean, variance = annealed_law(process, t, s, x, gaussian_answers(SHIFTED, process, x, t)[1], eta)
    has_moments(after, mean, variance)


def noise_follows_the_ladder(step, process, grid, step_size):
    """For one data point the noise is sigma(t) at every time: what consistent annealed sampling is made for."""
    for end in range(2, len(grid) + 1):
        left = exact.variance_after(process, lambda *times: step(*times, step_size), grid[:end], 0.0)
        close(left, process.sigma(float(grid[end - 1])) ** 2, rtol=1e-12, atol=0)


def improved_euler_has_moments(sampler, process, t, s, x=1.3, n=100000):
    """One accepted step: x' and x'' written out for data where the score is a line."""
    start, h = torch.full((n, 1), x, dtype=torch.float64), t - s
    model = SHIFTED.denoiser(process)

    def drift(x, time):
        f, g2 = slopes(process, time)
        return f * x - g2 * gaussian_answers(SHIFTED, process, x, time)[1]

    noise = [slopes(process, time)[1] ** 0.5 * h**0.5 for time in (t, s)]
    low = x - h * drift(x, t)
    bend = drift(1.0, s) - drift(0.0, s)
    high = x - h / 2 * (drift(x, t) + drift(low, s)), (noise[0] + noise[1] - h * bend * noise[0]) ** 2 / 4
    for extrapolate, law in ((False, (low, noise[0] ** 2)), (True, high)):
        has_moments(sampler(model, start, [t, s], rtol=1e9, first_step=1.0, extrapolate=extrapolate, generator=gen(3)), *law)


def adaptive_sde_replays(sampler, process, shared=False, rtol=0.05, atol=0.01, first=0.1):
    """Algorithm 1 of Jolicoeur-Martineau et al. 2021 written out for one example after the other, with the same noise."""
    model, times, n = exact.ring().denoiser(process), [0.9, 0.6, 0.3], 4
    x = process.perturb(exact.ring().sample(n, gen(1), torch.float64), 0.9, torch.randn(n, 2, generator=gen(2), dtype=torch.float64))
    after = sampler(model, x, times, rtol=rtol, atol=atol, first_step=first, shared=shared, generator=gen(5))
    g, x, previous, h, refused = gen(5), list(x), list(x), [first] * n, 0

    def drift(x, t):
        f, g2 = slopes(process, t)
        return f * x - g2 * model.score(x[None], t)[0], g2**0.5

    for start, stop in zip(times[:-1], times[1:]):
        left = [start - stop] * n
        while max(left) > 0:
            z, step = torch.randn(n, 2, generator=g, dtype=torch.float64), [min(pair) for pair in zip(h, left)]
            low, high, error = [None] * n, [None] * n, [0.0] * n
            for b in range(n):
                t = stop + left[b]
                f, noise = drift(x[b], t)
                low[b] = x[b] - step[b] * f + step[b] ** 0.5 * noise * z[b]
                f, noise = drift(low[b], t - step[b])
                high[b] = (low[b] + x[b] - step[b] * f + step[b] ** 0.5 * noise * z[b]) / 2
                delta = torch.maximum(torch.tensor(atol), rtol * torch.maximum(low[b].abs(), previous[b].abs()))
                error[b] = torch.linalg.norm((low[b] - high[b]) / delta).item() / 2**0.5
            if shared:
                error = [math.sqrt(sum(e**2 for e in error) / n)] * n
            for b in range(n):
                if left[b] > 0:
                    h[b] = 0.9 * step[b] * error[b] ** -0.9
                    refused += error[b] > 1
                if left[b] > 0 and error[b] <= 1:
                    x[b], previous[b], left[b] = high[b], low[b], left[b] - step[b]
    assert refused, "no step was refused: nothing is proved"
    close(after, torch.stack(x), rtol=1e-5, atol=1e-5)


def embedded_pair_has_orders(steps, process, data_std=0.5):
    """The exact variance that equal steps leave: Euler-Maruyama 1, improved Euler 2. Every step is a line in x and z."""
    model, errors = exact.Gaussian([0.0], data_std).denoiser(process), {0: [], 1: []}
    times = [process.time_at_log_snr(v) for v in (-3.0, 2.0)]
    for n in (80, 160):
        for which in errors:
            t, h = times[0], (times[0] - times[1]) / n
            variance = (process.alpha(t) * data_std) ** 2 + process.sigma(t) ** 2
            for i in range(n):
                at, size = (torch.full((2,), value, dtype=torch.float64) for value in (t - i * h, h))
                gain, noise = steps(model, column(1.0, 0.0), at, size, column(0.0, 1.0))[which].flatten().tolist()
                variance = gain**2 * variance + noise**2
            errors[which].append(variance - (process.alpha(times[1]) * data_std) ** 2 - process.sigma(times[1]) ** 2)
    for which, order in ((0, 1), (1, 2)):
        print(order, math.log2(errors[which][0] / errors[which][1]))
        measured = math.log2(errors[which][0] / errors[which][1])
        assert abs(measured - order) < 0.2, f"order {measured:.2f} instead of {order}, errors {errors[which]}"


def corrector_replays(sampler, process, t, s, snr=0.16):
    """Predictor and corrector written out with the same random numbers (Song et al. 2020, Algorithm 1; code to paper)."""
    model = exact.Gaussian([0.7, -0.2, 0.1], 0.5).denoiser(process)
    x = torch.tensor([[1.3, 0.2, -0.4], [0.1, 0.5, -1.0]], dtype=torch.float64)
    after = sampler(model, x, [t, s], snr=snr, corrector_steps=2, generator=gen(5))
    g, shape = gen(5), x.shape
    ratio = process.alpha(t) / process.alpha(s)
    added = process.sigma(t) ** 2 - ratio**2 * process.sigma(s) ** 2
    x = (2 - ratio) * x + added * model.score(x, t) + added**0.5 * torch.randn(shape, generator=g, dtype=x.dtype)
    for _ in range(2):
        z, score = torch.randn(shape, generator=g, dtype=x.dtype), model.score(x, s)
        size = 2 * (snr * torch.linalg.norm(z, dim=1).mean() / torch.linalg.norm(score, dim=1).mean()) ** 2
        x = x + size * score + (2 * size) ** 0.5 * z
    close(after, x, rtol=1e-9, atol=1e-9)


def last_step_is_the_denoised_mean(sampler, process):
    """A grid that ends at 0 finishes without noise on E[x_0 | x_t] of the time before."""
    model, x = BUMPS.denoiser(process), column(0.4, -0.3, 1.1)
    close(sampler(model, x, [0.02, 0.0], generator=gen()), model(x, 0.02), atol=1e-10)


# ------------------------------------------------------------------------------------------- whole walks


def quantile_error(solver, process, grid, target=BUMPS, n=64):
    """In one dimension the flow keeps quantiles: root mean square of F_end(x_end) - F_start(x_start)."""
    first, last = target.marginal(process, float(grid[0])), target.marginal(process, float(grid[-1]))
    x = first.sample(n, gen(), torch.float64)
    return (last.cdf(solver(target.denoiser(process), x, grid)) - first.cdf(x)).square().mean().sqrt().item()


def order_is(stated, solver, process, grid_of, steps=(40, 80)):
    """Halving the steps divides the error by 2^order; `grid_of(steps)` ends above 0."""
    errors = [quantile_error(solver, process, grid_of(n)) for n in steps]
    measured = math.log(errors[0] / errors[1]) / math.log(steps[1] / steps[0])
    assert stated - 0.25 < measured < stated + 0.45, f"order {measured:.2f} instead of {stated}, errors {errors}"


def moments_come_back(velocity, process, variance_rate, steps=2000):
    """Integrate mean and variance of an affine (S)DE from x_1 back to the data's (survey, checks of Eqs. 18 and 19).

    `velocity(model, x, t)` is affine in x for normal data; `variance_rate(t)` is what noise takes from dV/dt.
    """
    model, end = SHIFTED.denoiser(process), process.time_at_log_snr(9.0)

    def rates(t, state):
        at = velocity(model, column(0.0, 1.0), float(t)).flatten().tolist()
        slope = at[1] - at[0]
        return np.array([at[0] + slope * state[0], 2 * slope * state[1] - variance_rate(float(t))])

    def law(t):
        return np.array([process.alpha(t) * 0.7, process.alpha(t) ** 2 * 0.5 + process.sigma(t) ** 2])

    times = [process.time_at_log_snr(v) for v in np.linspace(process.log_snr(1.0), 9.0, steps // 8 + 1)]
    times[0], state = 1.0, law(1.0)
    for a, b in zip(times[:-1], times[1:]):
        h = b - a
        k1 = rates(a, state)
        k2 = rates(a + h / 2, state + h / 2 * k1)
        k3 = rates(a + h / 2, state + h / 2 * k2)
        state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + rates(b, state + h * k3))
    close(state, law(end), rtol=2e-3, atol=2e-3)


def flow_returns(process):
    moments_come_back(score_sde.flow_velocity, process, lambda t: 0.0)


def reverse_sde_returns(process):
    moments_come_back(score_sde.reverse_drift, process, lambda t: process.diffusion(t) ** 2)


def langevin_settles(langevin, variance=1.3, step_size=0.5):
    """The stationary variance of the discretised chain is V / (1 - h / 4V), not V."""
    x = langevin(lambda x: -x / variance, torch.zeros(40000, 1, dtype=torch.float64), step_size, 40, gen(2))
    has_moments(x, 0.0, variance / (1 - step_size / (4 * variance)))


# ------------------------------------------------------------------------------------------- models


def conversions_agree(kinds=("eps", "x0", "v", "score")):
    """Four networks that know the same truth, in four languages, are one Denoiser."""
    from cases import PROCESSES
    x, t = torch.linspace(-2, 2, 7, dtype=torch.float64)[:, None], torch.linspace(0.1, 0.9, 7, dtype=torch.float64)
    for process in PROCESSES.values():
        alpha, sigma = process.alpha(t)[:, None], process.sigma(t)[:, None]
        x0 = torch.sin(x)
        eps = (x - alpha * x0) / sigma
        truth = {"x0": x0, "eps": eps, "v": alpha * eps - sigma * x0, "score": -eps / sigma}
        for kind in kinds:
            model = Denoiser(lambda x, t, kind=kind: truth[kind], process, predicts=kind)
            for asked, answer in {"x0": model(x, t), "eps": model.eps(x, t), "v": model.v(x, t), "score": model.score(x, t)}.items():
                close(answer, truth[asked], rtol=1e-6, atol=1e-8)
            close(denoiser.to_eps(truth[kind], kind, x, alpha, sigma), eps, rtol=1e-6, atol=1e-8)


def score_is_the_gradient(target, x):
    """The mixture's score by automatic differentiation of its log density."""
    x = x.clone().requires_grad_()
    gradient = torch.autograd.grad(target.log_prob(x).sum(), x)[0]
    close(target.score(x.detach()), gradient, rtol=1e-8, atol=1e-9)


def posterior_by_quadrature(process, t):
    """E[x0|x_t] and Var[x0|x_t] of three bumps against an integral over x0."""
    x0 = np.linspace(-4, 4, 200001)
    weights = np.exp(BUMPS.log_prob(torch.as_tensor(x0)[:, None]).numpy())
    model, alpha, sigma = BUMPS.denoiser(process), process.alpha(t), process.sigma(t)
    for x in (-0.8, 0.1, 1.4):
        share = weights * np.exp(-0.5 * ((x - alpha * x0) / sigma) ** 2)
        mean = (share * x0).sum() / share.sum()
        variance = (share * (x0 - mean) ** 2).sum() / share.sum()
        close(model(column(x), t).item(), mean, atol=1e-6)
        close(model.posterior_variance(column(x), t).item(), variance, rtol=1e-5, atol=1e-8)


# ------------------------------------------------------------------------------------------- objectives


def hermite(n=40):
    """Gauss-Hermite nodes and weights for N(0, 1)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    return torch.as_tensor(nodes), torch.as_tensor(weights / weights.sum())


def plane():
    """Nodes x0 ~ N(.7, .5) and noise ~ N(0, 1) as (B, 1) columns, with weights (B,)."""
    nodes, weights = hermite()
    x0, noise = (grid.reshape(-1, 1) for grid in torch.meshgrid(0.7 + 0.5**0.5 * nodes, nodes, indexing="ij"))
    return x0, noise, torch.outer(weights, weights).flatten()


def denoising_equals_explicit(sigma=0.8):
    """Survey Eqs. (11) to (14): Vincent's identity, with its constant -1/2 V0/(V0 + sigma^2)/sigma^2, for any score."""
    x0, noise, weights = plane()
    total = 0.5 + sigma**2
    for slope, shift in ((-0.9, 0.2), (0.4, -1.0)):
        def score(x, slope=slope, shift=shift):
            return slope * x + shift
        explicit = ncsn.explicit_score_matching(score, x0 + sigma * noise, lambda x: -(x - 0.7) / total)
        denoising = ncsn.denoising_score_matching(score, x0, sigma, noise)
        close((weights * (explicit - denoising)).sum(), -0.5 * 0.5 / total / sigma**2, atol=1e-10)


def implicit_equals_explicit():
    """Hyvarinen's identity: implicit = explicit - half the Fisher information, for any score."""
    nodes, weights = hermite()
    x = (0.7 + 0.5**0.5 * nodes)[:, None]
    for bend in (0.3, -1.1):
        def score(x, bend=bend):
            return bend * x**2 - x
        gap = ncsn.explicit_score_matching(score, x, lambda x: -(x - 0.7) / 0.5) - ncsn.implicit_score_matching(score, x)
        close((weights * gap).sum(), 0.5 / 0.5, atol=1e-9)


def sliced_equals_implicit(**knobs):
    """In one dimension with v = +1 or -1 the sliced objective is the implicit one; in more, on average."""
    def score(x):
        return torch.stack([x[:, 0] * x[:, 1] - x[:, 0], x[:, 0] - x[:, 1] ** 2], 1)
    x = torch.tensor([[0.3, -1.2], [1.0, 0.5]], dtype=torch.float64).repeat(40000, 1)
    sliced = ncsn.sliced_score_matching(score, x, gen(4), **knobs).detach().reshape(-1, 2)
    error = 5 * sliced.std(0) / len(sliced) ** 0.5 + 1e-12
    assert ((sliced.mean(0) - ncsn.implicit_score_matching(score, x[:2]).detach()).abs() < error).all()


def loss_is_a_sum(weight, factor, process, t=0.3):
    """weight(t) times the squared error of eps, summed over coordinates, for a network that is off by 0.1 everywhere."""
    x0, noise = torch.randn(5, 2, 3, generator=gen(), dtype=torch.float64), torch.randn(5, 2, 3, generator=gen(1), dtype=torch.float64)
    model = Denoiser(lambda x, t: noise + 0.1, process)
    value = losses.denoising(model, x0, torch.full((5,), t, dtype=torch.float64), noise, weight)
    close(value, factor * 6 * 0.01 * torch.ones(5), rtol=1e-6)


# ------------------------------------------------------------------------------------------- likelihood


def flow_density_is_exact(flow_log_prob, process, target=BUMPS, n=12, steps=100):
    """With the exact score the flow's density is the data's, within a thousandth of a nat (centred data)."""
    x = target.sample(n, gen(7), torch.float64)
    got = flow_log_prob(target.denoiser(process), x, steps=steps)
    close(got, target.log_prob(x), atol=1e-3)


def quantile(law, levels):
    """Inverse of law.cdf by bisection, (B, 1)."""
    low, high = torch.full_like(levels, -500.0), torch.full_like(levels, 500.0)
    for _ in range(80):
        middle = (low + high) / 2
        low, high = torch.where(law.cdf(middle) < levels, middle, low), torch.where(law.cdf(middle) < levels, high, middle)
    return (low + high) / 2


def flow_density_is_the_pushforward(flow_log_prob, process, grid=None, end=0.0, n=12):
    """In one dimension the flow is the quantile map T, so the model's density is p(x) prior(T x) / q_1(T x), exactly.

    The last factor is what the prior N(0, prior_std^2) costs when the data are not centred, in hundredths of a nat for VE.
    """
    law, last = BUMPS.marginal(process, end), BUMPS.marginal(process, 1.0)
    x = law.sample(n, gen(7), torch.float64)
    got = flow_log_prob(BUMPS.denoiser(process), x, grid) if grid is not None else flow_log_prob(BUMPS.denoiser(process), x, steps=100, end=1e-5)
    x1 = quantile(last, law.cdf(x))
    close(got, law.log_prob(x) + process.prior_log_prob(x1) - last.log_prob(x1), atol=5e-4)


def vlb_matches_closed_form(vlb_terms, process, steps=12, n=20000):
    """Each term for N(0, d^2) data and the exact model: L_{t-1} = (SNR(s) - SNR(t)) mmse(t) / 2 (survey Eq. 30)."""
    data = exact.Gaussian([0.0, 0.0], 0.6)
    grid = torch.linspace(1, 0, steps + 1, dtype=torch.float64) ** 1.5
    x0 = data.sample(n, gen(8), torch.float64)
    terms = vlb_terms(data.denoiser(process), x0, grid, variance="posterior", generator=gen(9))
    snr = [process.snr(float(t)) for t in grid[:-1]]
    mmse = [2 * 0.36 / (1 + r * 0.36) for r in snr]
    wanted = [0.5 * (b - a) * m for a, b, m in zip(snr, snr[1:], mmse)]
    assert terms.diffusion.shape == (n, steps - 1)
    error = 5 * terms.diffusion.std(0) / n**0.5
    assert ((terms.diffusion.mean(0) - torch.tensor(wanted, dtype=torch.float64)).abs() < error).all()
    last = process.sigma(float(grid[-2])) ** 2 - 0.0 if process.alpha(float(grid[-2])) == 1 else None
    if last is not None:
        expected = 0.5 * (mmse[-1] / last + 2 * math.log(2 * math.pi * last))
        assert abs(terms.reconstruction.mean() - expected) < 5 * terms.reconstruction.std() / n**0.5
    law = process.alpha(1.0) ** 2 * 0.36 + process.sigma(1.0) ** 2
    var, prior = process.sigma(1.0) ** 2, process.prior_std**2
    kl = 2 * 0.5 * (law / prior - 1 - math.log(var / prior))
    assert abs(terms.prior.mean().item() - kl) < 5 * terms.prior.std().item() / n**0.5 + 1e-9


def bound_is_tight_as_one_over_steps(vlb_terms, process, n=20000):
    """The bound lies above the entropy of the data, and the gap falls as 1/T."""
    data, entropy = exact.Gaussian([0.0], 0.6), 0.5 * math.log(2 * math.pi * math.e * 0.36)
    x0, gaps = data.sample(n, gen(8), torch.float64), []
    x0 = x0 / x0.square().mean().sqrt() * 0.6                         # the sample's own entropy is then exact
    for steps in (40, 80, 160):
        grid = torch.tensor([process.time_at_log_snr(v) for v in np.linspace(process.log_snr(1.0), 12, steps)] + [0.0])
        grid[0] = 1.0
        gaps.append(vlb_terms(data.denoiser(process), x0, grid, variance="posterior", generator=gen(9)).total.mean().item() - entropy)
    assert gaps[0] > gaps[1] > gaps[2] > 0, gaps
    assert 1.6 < gaps[0] / gaps[1] < 2.5 and 1.5 < gaps[1] / gaps[2] < 2.7, gaps


def hutchinson_is_unbiased(divergence_of, n=40000):
    x = torch.tensor([[0.3, -1.2, 0.5]], dtype=torch.float64).repeat(n, 1).requires_grad_()
    velocity = torch.stack([x[:, 0] * x[:, 1], x[:, 1] * x[:, 2] + x[:, 0], x[:, 2] ** 2 - x[:, 1]], 1)
    truth = (x[0, 1] + x[0, 2] + 2 * x[0, 2]).item()
    probe = torch.randn(x.shape, generator=gen(4), dtype=x.dtype).sign()
    noisy = divergence_of(velocity, x, probe)
    velocity = torch.stack([x[:, 0] * x[:, 1], x[:, 1] * x[:, 2] + x[:, 0], x[:, 2] ** 2 - x[:, 1]], 1)
    close(divergence_of(velocity, x), torch.full((n,), truth, dtype=torch.float64))
    assert abs(noisy.mean().item() - truth) < 5 * noisy.std().item() / n**0.5


def probes_have_their_variances(draw_probe, n=40000, dims=16):
    """v'Av for a random symmetric A: its mean is the trace, its variance 2 (|A|^2 - sum diag^2) or 2 |A|^2, within 5 percent."""
    a = torch.randn(dims, dims, generator=gen(3), dtype=torch.float64)
    a = a + a.T
    whole = 2 * a.square().sum().item()
    for kind, wanted in (("rademacher", whole - 2 * a.diagonal().square().sum().item()), ("gaussian", whole)):
        v = draw_probe(torch.zeros(n, dims, dtype=torch.float64), kind, gen(4))
        draws = ((v @ a) * v).sum(1)
        assert abs(draws.mean() - a.trace()) < 5 * (wanted / n) ** 0.5, f"{kind}: mean {draws.mean()}, trace {a.trace()}"
        assert abs(draws.var().item() / wanted - 1) < 0.05, f"{kind}: variance {draws.var()} instead of {wanted}"


RATES = torch.tensor([[0.5, 0.2, -0.1], [-0.3, 0.6, 0.1], [0.2, 0.1, 0.4]], dtype=torch.float64)


def linear_model(process, rates=RATES):
    """A model whose flow is dy/du = A y, y = x/alpha and u = log(sigma/alpha): x0_hat = (1 - A) x/alpha, on any shape."""
    def net(x, t):
        flat = x.reshape(len(x), -1) / process.alpha(t).to(x.dtype)
        return (flat - flat @ rates.T.to(x)).reshape(x.shape)
    return Denoiser(net, process, predicts="x0")


def linear_flow_density(process, x, end, trace=None, rates=RATES):
    """Its density at x, from a matrix exponential; `trace` (B,) takes the place of tr A."""
    first, last = process.half_log_snr(end), process.half_log_snr(1.0)
    y = x.double().reshape(len(x), -1) / process.alpha(end) @ torch.linalg.matrix_exp((first - last) * rates).T
    square, std, dims = (process.alpha(1.0) * y).square().sum(1), process.prior_std, y.shape[1]
    prior = -0.5 * (square / std**2 + dims * math.log(2 * math.pi * std**2))
    return prior + (first - last) * (rates.trace() if trace is None else trace) + dims * math.log(process.alpha(1.0) / process.alpha(end))


def flow_of_a_linear_model(flow_log_prob, process, tolerance=1e-10, end=0.05, **solver):
    """Its density is known; so is Hutchinson's answer, v'Av times the length, for the one probe v of the whole solve."""
    x, model = torch.randn(5, 3, generator=gen(6), dtype=torch.float64), linear_model(process)
    close(flow_log_prob(model, x, end=end, **solver), linear_flow_density(process, x, end), rtol=tolerance)
    for probe in ("rademacher", "gaussian"):
        v = torch.randn(x.shape, generator=gen(8), dtype=x.dtype)
        v = v.sign() if probe == "rademacher" else v
        got = flow_log_prob(model, x, end=end, divergence="hutchinson", probe=probe, generator=gen(8), **solver)
        close(got, linear_flow_density(process, x, end, ((v @ RATES) * v).sum(1)), rtol=tolerance)


def tolerance_is_in_nats(flow_log_prob, dims=64, rtol=1e-4):
    """log p of many coordinates is hundreds of nats. The tolerance of a step is a number of nats, and no share of it."""
    target = exact.GaussianMixture([0.3, 0.7], torch.stack([torch.full((dims,), v, dtype=torch.float64) for v in (-0.5, 0.4)]), [0.3, 0.5])
    x, model = target.sample(3, gen(7), torch.float64), target.denoiser(VP())
    how = {"end": 1e-3, "divergence": "hutchinson"}
    fine = flow_log_prob(model, x, rtol=1e-9, generator=gen(8), **how)
    gap = (flow_log_prob(model, x, rtol=rtol, generator=gen(8), **how) - fine).abs().max().item()
    assert gap < 5 * rtol, f"off by {gap:.2g} nats at a tolerance of {rtol:g}"


def few_calls_are_enough(flow_log_prob, most=600):
    """A noisy trace is still a smooth function of u if its probe stays: the adaptive solver takes as few steps as ever."""
    model, x, calls = linear_model(VP()), torch.randn(5, 3, generator=gen(6), dtype=torch.float64), []
    counter = model.register_forward_hook(lambda *_: calls.append(1) if len(calls) < most else calls[most])
    try:
        flow_log_prob(model, x, end=0.05, divergence="hutchinson", generator=gen(8), rtol=1e-7)
    except IndexError:
        raise AssertionError(f"more than {most} calls") from None
    finally:
        counter.remove()


def flow_gradients_are_differences(flow_log_prob, process):
    """Gradients of a curved model's log density in x and in a weight of its network, against central differences."""
    def density(x, weight, **how):
        net = Denoiser(lambda x, t: weight * torch.tanh(x @ RATES.T) / (1 + t), process, predicts="x0")
        return flow_log_prob(net, x, steps=12, end=0.2, **how)

    weight = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    x = torch.randn(4, 3, generator=gen(6), dtype=torch.float64).requires_grad_()
    got = torch.autograd.grad(density(x, weight, differentiable=True).sum(), (x, weight))
    with torch.no_grad():
        h, shift = 1e-5, torch.eye(3, dtype=torch.float64) * 1e-5
        by_x = torch.stack([(density(x + e, weight) - density(x - e, weight)) / (2 * h) for e in shift], 1)
        by_weight = (density(x, weight + h) - density(x, weight - h)).sum() / (2 * h)
    close(got[0], by_x, rtol=1e-6, atol=1e-8)
    close(got[1], by_weight, rtol=1e-6)


def runge_kutta_has_order_four(runge_kutta):
    """y and the sum of the divergences of dy/du = sin(y) + u: halving the step divides both errors by 16."""
    def field(y, u):
        return torch.sin(y) + u, torch.cos(y)[:, 0]

    def ends(n):
        y, change = runge_kutta(field, column(0.3, -1.0), torch.linspace(-1, 2, n + 1, dtype=torch.float64).tolist())
        return torch.cat([y[:, 0], change])

    truth = ends(1280)
    errors = [(ends(n) - truth).abs().max().item() for n in (20, 40, 80)]
    assert all(3.7 < math.log2(a / b) < 4.4 for a, b in itertools.pairwise(errors)), errors


def bits_are_bits(bits_per_dim):
    """A uniform density on 256 levels costs 8 bits, in each of the usual scalings."""
    dims = 12
    close(bits_per_dim(torch.tensor([-dims * math.log(256.0)]), dims), [8.0], atol=1e-5)
    close(bits_per_dim(torch.tensor([0.0]), dims, bin_width=1 / 256), [8.0], atol=1e-5)
    close(bits_per_dim(torch.tensor([-dims * math.log(2.0)]), dims, bin_width=1 / 128), [8.0], atol=1e-5)




def told(target, process):
    """A Denoiser whose network knows the target exactly: the whole of it for label -1, else one component."""
    def net(x, t, labels=None):
        whole = target.denoiser(process).eps(x, t)
        if labels is None:
            return whole
        parts = torch.stack([exact.Gaussian(mean, float(std)).denoiser(process).eps(x, t)
                             for mean, std in zip(target.means, target.stds)])
        rows = torch.arange(len(x))
        return torch.where((labels < 0)[:, None], whole, parts[labels.clamp(min=0), rows])
    return Denoiser(net, process)


def guided_score_is_of_the_tilted_law(classifier_free, weight, process):
    """score = grad log q(x | c)^(1 + w) q(x)^(-w): by differences of the two log densities of x_t."""
    target = exact.GaussianMixture([0.3, 0.7], [[-1.0], [1.0]], [0.3, 0.5])
    x, labels, t, h = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None], torch.tensor([0, 1, 0] * 3), 0.4, 1e-5
    model = classifier_free(told(target, process), labels, weight)

    def log_tilted(x):
        whole = target.marginal(process, t).log_prob(x)
        parts = torch.stack([exact.Gaussian(mean, float(std)).marginal(process, t).log_prob(x)
                             for mean, std in zip(target.means, target.stds)])
        return (1 + weight) * parts[labels, torch.arange(len(x))] - weight * whole

    slope = (log_tilted(x + h) - log_tilted(x - h)) / (2 * h)
    close(model.score(x, t)[:, 0], slope, atol=1e-6)


# ------------------------------------------------------------------------------------------- multistep solvers


def deis_is_the_papers(solver, process, order, variable, times=(0.9, 0.7, 0.52, 0.3, 0.2), target=BUMPS):
    """Zhang & Chen 2022, Eqs. 14, 15: C_j = integral of Psi(s, tau) g^2 / (2 sigma) times Lagrange's l_j, by scipy's quadrature."""
    from scipy.integrate import quad
    model, first = target.denoiser(process), column(0.4, -1.0, 0.9)
    place = {"t": lambda t: t, "log_rho": lambda t: math.log(process.sigma(t) / process.alpha(t))}[variable]
    x, past = first, []
    for t, s in zip(times[:-1], times[1:]):
        past = [(place(t), model.eps(x, t)), *past][:order]
        x = process.alpha(s) / process.alpha(t) * x
        for j, (node, eps) in enumerate(past):
            def integrand(tau, j=j, node=node, s=s):
                basis = math.prod((place(tau) - other) / (node - other) for i, (other, _) in enumerate(past) if i != j)
                return process.alpha(s) / process.alpha(tau) * process.diffusion(tau) ** 2 / (2 * process.sigma(tau)) * basis
            x = x + quad(integrand, t, s, epsabs=1e-13, epsrel=1e-11)[0] * eps
    close(solver(model, first, list(times)), x, rtol=1e-8, atol=1e-8)


def pndm_is_the_papers(solver, chain, history, warm_up="runge_kutta", stride=4, walked=7):
    """Liu et al. 2022, Eqs. 11 to 13 in alpha_bars, on every `stride`-th step of a chain, written out."""
    model, bars, first = BUMPS.denoiser(chain), chain.alpha_bars, column(0.4, -1.0, 0.9)

    def phi(x, eps, a, b):
        pull = (bars[b] - bars[a]) / (bars[a].sqrt() * (((1 - bars[b]) * bars[a]).sqrt() + ((1 - bars[a]) * bars[b]).sqrt()))
        return (bars[b] / bars[a]).sqrt() * x - pull * eps

    x, past = first, []
    steps = [chain.num_steps - stride * i for i in range(walked + 1)]
    for i, (a, b) in enumerate(zip(steps[:-1], steps[1:])):
        past, middle = [model.eps(x, a), *past], a - stride // 2
        if warm_up == "runge_kutta" and i < history - 1:
            if history == 2:
                eps = (past[0] + model.eps(phi(x, past[0], a, b), b)) / 2
            else:
                second = model.eps(phi(x, past[0], a, middle), middle)
                third = model.eps(phi(x, second, a, middle), middle)
                eps = (past[0] + 2 * second + 2 * third + model.eps(phi(x, third, a, b), b)) / 6
        elif min(history, len(past)) == 4:
            eps = (55 * past[0] - 59 * past[1] + 37 * past[2] - 9 * past[3]) / 24
        elif min(history, len(past)) == 3:
            eps = (23 * past[0] - 16 * past[1] + 5 * past[2]) / 12
        elif min(history, len(past)) == 2:
            eps = (3 * past[0] - past[1]) / 2
        else:
            eps = past[0]
        x = phi(x, eps, a, b)
    close(solver(model, first, [step / chain.num_steps for step in steps]), x, rtol=1e-8, atol=1e-8)


def dpm_solver_replays(solver, process, order, times=(0.9, 0.6, 0.25, 0.1), target=BUMPS):
    """Lu et al. 2022a, Eq. 3.7 and Algorithms 1 and 2, with r1 = 1/3 and r2 = 2/3 in the third order, written out."""
    model, first = target.denoiser(process), column(0.4, -1.0, 0.9)
    x = first
    for t, s in zip(times[:-1], times[1:]):
        lam, h = process.half_log_snr(t), process.half_log_snr(s) - process.half_log_snr(t)
        first_eps = model.eps(x, t)

        def euler(share, x=x, t=t, s=s, lam=lam, h=h, eps=first_eps):
            """Time, noise scale and state of DDIM's step over a share of the step in lambda."""
            inside = s if share == 1 else process.time_at_log_snr(2 * (lam + share * h))
            sigma = process.sigma(inside)
            return inside, sigma, process.alpha(inside) / process.alpha(t) * x - sigma * math.expm1(share * h) * eps

        _, sigma, after = euler(1)
        if order == 2:
            middle, _, u = euler(1 / 2)
            after = after - sigma * math.expm1(h) * (model.eps(u, middle) - first_eps)
        if order == 3:
            s1, _, u1 = euler(1 / 3)
            s2, sigma2, u2 = euler(2 / 3)
            u2 = u2 - 2 * sigma2 * (math.expm1(2 / 3 * h) / (2 / 3 * h) - 1) * (model.eps(u1, s1) - first_eps)
            after = after - 3 / 2 * sigma * (math.expm1(h) / h - 1) * (model.eps(u2, s2) - first_eps)
        x = after
    close(solver(model, first, list(times), order=order), x, rtol=1e-7, atol=1e-8)


def edm_replays(sampler, times=(0.5, 0.3, 0.1, 0.02, 0.001), s_churn=1.5, s_min=0.0, s_max=math.inf, s_noise=1.0):
    """Karras et al. 2022, Algorithm 2, on sigma(t) = 80 t, written out with the same random numbers."""
    model, levels, g = BUMPS.denoiser(EDM()), [80 * t for t in times], gen(5)
    first = torch.linspace(-50, 50, 6, dtype=torch.float64)[:, None]
    after = sampler(model, first, list(times), s_churn=s_churn, s_min=s_min, s_max=s_max, s_noise=s_noise, generator=gen(5))
    x = first
    for now, then in zip(levels[:-1], levels[1:]):
        gamma = min(s_churn / (len(levels) - 1), 2**0.5 - 1) if s_min <= now <= s_max else 0.0
        up = now + gamma * now
        if gamma:
            x = x + (up**2 - now**2) ** 0.5 * s_noise * torch.randn(x.shape, generator=g, dtype=x.dtype)
        slope = (x - model(x, up / 80)) / up
        ahead = x + (then - up) * slope
        x = x + (then - up) * (slope + (ahead - model(ahead, then / 80)) / then) / 2
    close(after, x, rtol=1e-8, atol=1e-8)


def softplus_grid_is_between_level_and_log_snr(softplus, process, scale=4.0):
    """Equal steps in log(1 + scale/level); a huge scale gives equal steps in log SNR, a tiny one in 1/level."""
    for size, measure in ((scale, lambda level: (1 + scale / level).log()), (1e9, lambda level: -level.log()), (1e-9, lambda level: 1 / level)):
        grid = softplus(process, 9, size, 0.9, 0.1)
        steps = measure(process.sigma(grid) / process.alpha(grid)).diff()
        close(steps / steps.mean(), torch.ones(9), rtol=1e-4)
    assert softplus(process, 9, scale)[-2:].tolist() == [process.t_min, 0.0]


def one_point_needs_no_steps(solver, process, times=(0.9, 0.5, 0.4, 0.1)):
    """For one data point eps never changes along the flow: a method whose linear part is exact lands on alpha x0 + sigma eps."""
    x0, eps = column(0.7, 0.7), column(0.4, -1.3)
    model, (first, last) = exact.Gaussian([0.7], 0.0).denoiser(process), (times[0], times[-1])
    x = process.alpha(first) * x0 + process.sigma(first) * eps
    close(solver(model, x, list(times)), process.alpha(last) * x0 + process.sigma(last) * eps, rtol=1e-9, atol=1e-9)


# ------------------------------------------------------------------------------------------- autoencoder


def linear_vae():
    """Three numbers from one latent: x = W z + b + std e, with an encoder that is close to its posterior but not it."""
    vae = VAE(torch.nn.Linear(3, 2), torch.nn.Linear(1, 3), latent=1, std=0.6).double()
    with torch.no_grad():
        vae.decoder.weight.copy_(column(1.2, -0.7, 0.4))
        vae.decoder.bias.copy_(torch.tensor([0.3, 0.0, -0.5]))
        vae.encoder.weight.copy_(torch.tensor([[0.5, -0.2, 0.1], [0.1, 0.2, -0.1]]))
        vae.encoder.bias.copy_(torch.tensor([0.2, -0.9]))
    return vae


def mean_elbo(negative_elbo, vae, x):
    """The bound averaged over its noise: of a quadratic, the mean over noise -1 and 1 is exact."""
    with torch.no_grad():
        return sum(negative_elbo(vae, x, torch.full((len(x), 1), sign, dtype=x.dtype)).total for sign in (-1.0, 1.0)) / 2


def linear_evidence(vae, x):
    """-log p(x) = -log N(x; b, W W' + std^2 I), and the mean and variance of p(z|x) by Bayes' rule."""
    weight, bias, var = vae.decoder.weight.detach(), vae.decoder.bias.detach(), vae.log_std.detach().exp() ** 2
    law = torch.distributions.MultivariateNormal(bias, weight @ weight.T + var * torch.eye(3, dtype=x.dtype))
    posterior = 1 / (1 + weight.square().sum() / var)
    return -law.log_prob(x), posterior * (x - bias) @ weight / var, posterior


def elbo_is_a_bound(negative_elbo):
    """The gap to -log p(x) is the KL of q(z|x) from the true posterior, by the formula for two normals."""
    vae, x = linear_vae(), torch.randn(9, 3, generator=gen(), dtype=torch.float64)
    truth, mean, variance = linear_evidence(vae, x)
    m, log_v = (part.detach() for part in vae.encode(x))
    q, p = torch.distributions.Normal(m, (log_v / 2).exp()), torch.distributions.Normal(mean, variance.sqrt())
    gap = mean_elbo(negative_elbo, vae, x) - truth
    assert (gap > 0).all()
    close(gap, torch.distributions.kl_divergence(q, p).sum(1), rtol=1e-9, atol=1e-10)


def elbo_is_tight(negative_elbo):
    """With the true posterior as encoder the bound is the likelihood."""
    vae, x = linear_vae(), torch.randn(9, 3, generator=gen(), dtype=torch.float64)
    truth, _, variance = linear_evidence(vae, x)
    gain = variance * vae.decoder.weight.detach().T / vae.log_std.detach().exp() ** 2
    with torch.no_grad():
        vae.encoder.weight.copy_(torch.cat([gain, torch.zeros(1, 3)]))
        vae.encoder.bias.copy_(torch.cat([-gain @ vae.decoder.bias, variance.log()[None]]))
    close(mean_elbo(negative_elbo, vae, x), truth, rtol=1e-9, atol=1e-9)


def kl_is_monte_carlo(kl):
    """E_q[log q - log p] over draws of q, within five standard errors."""
    mean, log_variance = torch.tensor([[0.7, -0.2], [0.0, 1.5]]).double(), torch.tensor([[-1.0, 0.4], [0.3, -2.0]]).double()
    q, p = torch.distributions.Normal(mean, (log_variance / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    z = mean + (log_variance / 2).exp() * torch.randn(100000, 2, 2, generator=gen(), dtype=torch.float64)
    draws = (q.log_prob(z) - p.log_prob(z)).sum(2)
    assert ((kl(mean, log_variance) - draws.mean(0)).abs() < 5 * draws.std(0) / 100000**0.5).all()


# ------------------------------------------------------------------------------------------- truncation and distillation


class Straight(GaussianProcess):
    """alpha = 1 - t, sigma = t: at t = 1 no signal is left at all."""

    def alpha(self, t):
        return 1 - t

    def sigma(self, t):
        return 1 * t


def two_ddim_steps(model, x, t, middle, s):
    """Where two DDIM steps lead, in the paper's terms: eps and x0, one after the other; s = 0 is the denoised mean."""
    process = model.process
    for a, b in ((t, middle), (middle, s)):
        x0 = model(x, a)
        x = process.alpha(b) * x0 + process.sigma(b) * (x - process.alpha(a) * x0) / process.sigma(a)
    return x


def one_step_reaches_two(two_step_target, process, times=((1.0, 0.8, 0.6), (0.7, 0.5, 0.35), (0.4, 0.2, 0.0), (1.0, 0.5, 0.0))):
    """Put into one DDIM step, the target ends where two steps of the model do; also when that is t = 0."""
    model, x = Denoiser(lambda x, t: torch.tanh(2 * x) - t, process, predicts="x0"), column(0.4, -1.0, 0.9)
    for t, middle, s in times:
        target = two_step_target(model, x, t, middle, s)
        keep = process.sigma(s) / process.sigma(t)
        reached = keep * x + (process.alpha(s) - keep * process.alpha(t)) * target
        close(reached, two_ddim_steps(model, x, t, middle, s), atol=1e-6)


def halving_of_a_linear_teacher(halving, process):
    """Data N(0, .5^2): the teacher's guess is gain(t) x, so the student's best answer is a known multiple of x."""
    def gain(u):
        return process.alpha(u) * 0.25 / (0.25 * process.alpha(u) ** 2 + process.sigma(u) ** 2)

    teacher, grid = Denoiser(lambda x, t: gain(t).reshape(-1, 1) * x, process, predicts="x0"), [1.0, 0.7, 0.5, 0.2, 0.0]
    x0, noise = column(0.3, -0.4, 0.9), column(1.0, -0.3, 0.4)
    for step in range(2):
        t, middle, s = grid[2 * step : 2 * step + 3]

        def move(a, b):
            keep = process.sigma(b) / process.sigma(a)
            return keep + (process.alpha(b) - keep * process.alpha(a)) * gain(a)

        keep = process.sigma(s) / process.sigma(t)
        best = (move(t, middle) * move(middle, s) - keep) / (process.alpha(s) - keep * process.alpha(t))
        for offset in (0.0, 0.2):
            student = Denoiser(lambda x, time, c=best + offset: c * x, process, predicts="x0")
            found = halving(student, teacher, x0, torch.full((3,), step), noise, grid)
            xt = process.alpha(t) * x0 + process.sigma(t) * noise
            weight = max(process.alpha(t) ** 2 / process.sigma(t) ** 2, 1.0)
            close(found, weight * (offset * xt).square().sum(1), rtol=1e-7, atol=1e-12)


def one_step_loss_is_of_the_start(one_step):
    """||student(x_1, t) - x_0||^2, the noise first in the pair, summed over coordinates."""
    student = Denoiser(lambda x, t: x * t.reshape(-1, 1), VP(), predicts="x0")
    pairs = torch.randn(4, 2, 3, generator=gen(), dtype=torch.float64)
    t = torch.tensor([1.0, 0.9, 0.5, 1.0], dtype=torch.float64)
    close(one_step(student, pairs, t), (t[:, None] * pairs[:, 0] - pairs[:, 1]).square().sum(1))


def early_stop_keeps_the_law(early_stopped, process):
    """A perfect generator of N(0, .5^2): after the walk from T' the variance is that of the sampler's recursion."""
    target, grid = exact.Gaussian([0.0], 0.5), [0.6, 0.45, 0.3, 0.2, 0.0]
    x = target.sample(200000, gen(5), torch.float64)
    out = early_stopped(target.denoiser(process), x, grid, sampler=samplers.ancestral, generator=gen(6))
    expected = exact.variance_after(process, samplers.ancestral_step, grid, 0.5)
    close(out.var(), expected, rtol=0.02)
    close(out.mean(), 0.0, atol=0.006)


# ------------------------------------------------------------------------------------------- searched and learned steps


def shortest_is_brute_force(shortest, places=9):
    """Of all paths with exactly k steps from the first place to the last, none is cheaper."""
    costs = torch.rand(places, places, generator=gen(3), dtype=torch.float64)
    for steps in range(1, places):
        paths = [(0, *inner, places - 1) for inner in itertools.combinations(range(1, places - 1), steps - 1)]
        prices = [sum(costs[a, b].item() for a, b in itertools.pairwise(path)) for path in paths]
        assert tuple(shortest(costs, steps).tolist()) == paths[int(np.argmin(prices))]


def pair_costs_are_kl(pair_costs, process):
    """Every pair against the KL of two normals with Bayes' posterior, averaged over x_0 and the noise; the decoder by its density."""
    times, d2 = [0.9, 0.7, 0.4, 0.1, 0.0], 0.36
    gains = [process.alpha(t) * d2 / (process.alpha(t) ** 2 * d2 + process.sigma(t) ** 2) for t in times]
    square = [d2 - gain * process.alpha(t) * d2 for t, gain in zip(times, gains)]            # E (x_0 - gain x_t)^2
    for variance in ("posterior", "beta"):
        costs = pair_costs(process, times, square, variance=variance)
        for (i, t), (j, s) in itertools.product(enumerate(times), repeat=2):
            if j <= i:
                assert costs[i, j] == math.inf
                continue
            added = process.sigma(t) ** 2 - (process.alpha(t) / process.alpha(s)) ** 2 * process.sigma(s) ** 2
            if s == 0:
                close(costs[i, j], 0.5 * square[i] / added + 0.5 * math.log(2 * math.pi * added), rtol=1e-9)
                continue
            (m1, true), (m0, _) = bayes(process, t, s, 1.0, 0.0), bayes(process, t, s, 0.0, 0.0)
            own = true if variance == "posterior" else added
            kl = 0.5 * ((m1 - m0) ** 2 * square[i] / own + true / own - 1 - math.log(true / own))
            close(costs[i, j], kl, rtol=1e-7)


def kernel_distance_is_a_double_sum(kernel_distance):
    """Over pairs of different points, written out; so its mean over draws of one law is zero."""
    x, y = (torch.randn(n, 3, generator=gen(n), dtype=torch.float64) for n in (7, 5))
    for kernel in (lambda a, b: -(a - b).norm().item(), lambda a, b: ((a @ b).item() / 3 + 1) ** 3):
        def pairs(a, b, kernel=kernel):
            values = [kernel(p, q) for i, p in enumerate(a) for j, q in enumerate(b) if a is not b or i != j]
            return sum(values) / len(values)
        wanted = pairs(x, x) + pairs(y, y) - 2 * pairs(x, y)
        ours = kernel_distance(x, y, block=2) if kernel(x[0], x[0]) == 0 else kernel_distance(x, y, lambda a, b: (a @ b.T / 3 + 1) ** 3)
        close(ours, wanted, rtol=1e-9)


def searched_starts_as_ddim(make, process):
    """Before any search it is DDIM on its grid, with the same noise."""
    model, x = BUMPS.denoiser(process), column(0.4, -1.0, 2.0)
    for grid, eta in ((grids.log_snr(process, 5), 0.0), (grids.uniform(4, end=0.1), 0.6)):
        ours = make(grid, eta)(model, x, generator=gen(4))
        close(ours, samplers.ddim(model, x, grid, eta=eta, generator=gen(4)), rtol=1e-9, atol=1e-9)


def recomputing_keeps_the_gradient(make):
    """The gradient of a chain that asks again equals that of the plain chain, noise included."""
    model = exact.ring().denoiser(VP())
    x = torch.randn(6, 2, generator=gen(1), dtype=torch.float64)
    found = []
    for recompute in (False, True):
        sampler = make(grids.uniform(4), 0.5)
        after = sampler(model, x, recompute=recompute, generator=gen(2))
        found.append(torch.cat([slope.flatten() for slope in torch.autograd.grad(after.square().sum(), sampler.parameters())]))
    assert found[0].abs().max() > 0.1
    close(found[1], found[0], rtol=1e-9, atol=1e-9)


def derivative_is_along_the_flow(flow_derivative, process, t=0.4, h=1e-4):
    """gamma d eps/d gamma by central differences along the line x/alpha + d gamma eps, time moved with it; and in closed form."""
    gamma = process.sigma(t) / process.alpha(t)
    for target in (BUMPS, SHIFTED):
        model, x = target.denoiser(process), process.alpha(t) * column(0.7, -0.9, 1.2)
        eps = model.eps(x, t)

        def moved(share, model=model, x=x, eps=eps):
            after = process.time_at_log_snr(-2 * math.log(gamma * (1 + share)))
            return model.eps(process.alpha(after) * (x / process.alpha(t) + gamma * share * eps), after)

        found = flow_derivative(model, x, t)
        close(found[0], eps, rtol=1e-9, atol=1e-9)
        close(found[1], (moved(h) - moved(-h)) / (2 * h), rtol=1e-5, atol=1e-5)
    d2 = SHIFTED.stds.item() ** 2
    close(found[1], gamma * d2 / (d2 + gamma**2) ** 2 * (x / process.alpha(t) - 0.7), rtol=1e-8, atol=1e-9)


# ------------------------------------------------------------------------------------------- schedules and the bound in continuous time


def schedule_has_ends(make):
    """Log SNR at t_min and at 1 is what was asked for, whatever the curve between; its slope is what beta says."""
    schedule = make()
    close(schedule.log_snr(schedule.t_min), schedule.height(torch.zeros(1, dtype=torch.float64)).item(), atol=1e-9)
    learned = vdm.LearnedSchedule(9.0, -10.0, 7)
    with torch.no_grad():
        learned.parts.copy_(2 * torch.randn(7, generator=gen(3)))
    t = torch.linspace(schedule.t_min, 1, 200, dtype=torch.float64)
    for one in (learned, vdm.TableSchedule([9.0, 3.0, -10.0])):
        close(one.log_snr(torch.tensor([one.t_min, 1.0], dtype=torch.float64)).detach(), [9.0, -10.0], atol=1e-9)
        assert (one.log_snr(t.clamp(min=one.t_min)).diff() <= 0).all()
    assert (schedule.log_snr(t).diff() < 0).all()
    close(schedule.beta(t).detach(), (schedule.sigma(t) ** 2 * rate_of(schedule, t)).detach(), rtol=1e-4, atol=1e-6)


def rate_of(schedule, t, h=1e-6):
    """-d log SNR/dt by one-sided differences to the inside."""
    inside = torch.where(t > 0.5, -h, h)
    return -(schedule.log_snr(t + inside) - schedule.log_snr(t)) / inside


def schedule_learns(make):
    """Gradients of alpha, sigma, log SNR and g in the parameters against differences."""
    schedule, t = make().double(), torch.tensor([0.2, 0.6, 0.9], dtype=torch.float64)
    for curve_of in (schedule.alpha, schedule.sigma, schedule.log_snr, schedule.diffusion):
        for parameter in (schedule.parts, schedule.slopes, schedule.offsets):
            found = torch.autograd.grad(curve_of(t).sum(), parameter)[0][5]
            values = []
            for h in (1e-5, -1e-5):
                with torch.no_grad():
                    parameter[5] += h
                    values.append(curve_of(t).sum())
                    parameter[5] -= h
            close(found, (values[0] - values[1]) / 2e-5, rtol=1e-4, atol=1e-8)


def continuous_vlb_matches_closed_form(continuous_vlb, process, n=40000):
    """Prior, diffusion and reconstruction of N(0, .6^2) data in two dimensions, each within five standard errors."""
    data, end = exact.Gaussian([0.0, 0.0], 0.6), 0.02
    x0 = data.sample(n, gen(8), torch.float64)
    terms = continuous_vlb(data.denoiser(process), x0, draws=4, end=end, generator=gen(9))
    assert terms.diffusion.shape == (n, 4)
    first, last = process.snr(end), process.snr(1.0)
    noise = process.sigma(1.0) ** 2
    wanted = (process.alpha(1.0) ** 2 * 0.36 + noise - 1 - math.log(noise),
              math.log((1 + first * 0.36) / (1 + last * 0.36)),
              0.36 / (1 + first * 0.36) * first + math.log(2 * math.pi / first))
    for found, value in zip((terms.prior, terms.diffusion.sum(1), terms.reconstruction), wanted):
        assert abs(found.mean().item() - value) < 5 * found.std().item() / n**0.5 + 1e-9, (found.mean(), value)
    close(terms.total, terms.prior + terms.diffusion.sum(1) + terms.reconstruction)


def diffusion_loss_is_half_the_log_ratio(diffusion_nats, process):
    """I-MMSE for N(0, s^2): the loss of (x_0, eps) is A eps^2 + 2 C eps x_0 + B x_0^2, so its mean is A + B s^2, without chance."""
    for std in (0.5, 1.3):
        model, x0 = exact.Gaussian([0.0], std).denoiser(process), column(1.0, 1.0, 1.0)
        eps = torch.randn(3, 1, generator=gen(7), dtype=torch.float64)[:, 0]
        none, plus, minus = (diffusion_nats(model, sign * x0, generator=gen(7)) for sign in (0, 1, -1))
        mean = none / eps**2 + ((plus + minus) / 2 - none) * std**2
        ratio = (1 + process.snr(process.t_min) * std**2) / (1 + process.snr(1.0) * std**2)
        close(mean, torch.full((3,), 0.5 * math.log(ratio)), rtol=1e-6)


def times_are_even(even_times):
    """Sorted, the times have equal gaps; so have those of each example; each alone is uniform."""
    times = even_times(5, 4, 0.2, gen(1))
    assert times.shape == (5, 4) and times.min() > 0.2 and times.max() <= 1
    close(times.flatten().sort().values.diff() * 25, torch.ones(19))
    for row in times:
        close(row.sort().values.diff() * 5, torch.ones(3))
    many = torch.stack([even_times(5, 4, 0.2, gen(seed)) for seed in range(2000)])
    close(many.mean(0), torch.full((5, 4), 0.6), atol=5 * 0.8 / 12**0.5 / 2000**0.5)
    close(many.var(0), torch.full((5, 4), 0.64 / 12), rtol=0.15)


def decoder_adds_up(decoder, levels=9):
    """The probabilities of all values add up to one, far outside the data as well."""
    values = torch.linspace(-1, 1, levels, dtype=torch.float64)
    for xt in (-3.0, -0.99, 0.04, 0.3, 1.2):
        for sigma in (0.5, 0.02):
            given = torch.full((levels,), xt, dtype=torch.float64)
            close(decoder(values, given, 0.9, sigma, levels).exp().sum(), 1.0, atol=1e-9)


def categorical_is_bayes(categorical_log_prob):
    """P(x|xt) with equal odds before, by the normal density of xt around alpha x."""
    values, alpha, sigma = torch.linspace(-1, 1, 5, dtype=torch.float64), 0.8, 0.3
    for xt in (-0.7, 0.1):
        density = torch.distributions.Normal(alpha * values, sigma).log_prob(torch.tensor(xt, dtype=torch.float64)).exp()
        found = categorical_log_prob(values, torch.full_like(values, xt), alpha, sigma, 5).exp()
        close(found, density / density.sum(), rtol=1e-9)


def dequantised_density_is_a_probability(dequantise, bin_width, levels=5):
    """Noise fills the bin evenly: no gap between neighbours, and a density over it is a probability once times the width."""
    x = torch.linspace(-1, 1, levels, dtype=torch.float64).repeat(20000)
    y = dequantise(x, levels, gen(4))
    width = bin_width(levels)
    assert (y - x).abs().max() <= width / 2 and width == 2 / (levels - 1)
    close((y - x).mean(), 0.0, atol=5 * width / 12**0.5 / len(x) ** 0.5)
    close((y - x).var(), width**2 / 12, rtol=0.02)
    close(y.min(), -1 - width / 2, atol=1e-3)
    density = 1 / (levels * width)                                  # uniform on all bins
    close(likelihood.bits_per_dim(math.log(density), 1, width), math.log2(levels), atol=1e-12)


def times_have_their_slope():
    """dt / d log SNR of a process that finds its times by bisection is one over the slope of its log SNR."""
    value = torch.tensor([3.0, 0.0, -4.0], dtype=torch.float64, requires_grad=True)
    process, h = Faded(), 1e-5
    times = process.time_at_log_snr(value)
    assert times.requires_grad
    slope, = torch.autograd.grad(times.sum(), value)
    step = process.time_at_log_snr(value.detach() + h) - process.time_at_log_snr(value.detach() - h)
    close(slope, step / (2 * h), rtol=1e-6)
