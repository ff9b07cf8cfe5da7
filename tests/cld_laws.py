"""Laws of critically-damped Langevin diffusion and its samplers, as in laws.py: each raises AssertionError when it is broken.

Expected values come from the SDE itself, by matrix exponentials, differences, conditioning of normals and scipy's solver.
"""
import importlib
import math
from unittest import mock

import numpy as np
import torch
from cases import BUMPS, close, gen
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from minidiff import exact
from minidiff.cld import CLD, CLDExact

VELOCITY = importlib.import_module("minidiff.samplers.velocity")
PLAIN, HEAVY = CLD(), CLD(mass=1.5, beta=2.0, gamma=0.3)
SPREAD = exact.GaussianMixture([0.35, 0.65], [[-0.8], [0.9]], [0.2, 0.5])


def sde(process):
    """F and G G^T of dz = F z dt + G dw, from the paper's equation; friction^2 = 4 mass."""
    mass, beta, friction = process.mass, process.beta, 2 * math.sqrt(process.mass)
    drift = beta * np.array([[0, 1 / mass], [-1, -friction / mass]])
    return drift, np.diag([0.0, 2 * friction * beta])


def ornstein_uhlenbeck(drift, kick, time):
    """exp(drift time), and the variance that noise of rate `kick` leaves after it (Van Loan's block matrix)."""
    block = expm(time * np.block([[drift, kick], [np.zeros((2, 2)), -drift.T]]))
    move = block[:2, :2]
    return move, block[:2, 2:] @ move.T


def law_of(process, t):
    """Mean per x_0 and covariance of z_t given x_0."""
    move, spread = ornstein_uhlenbeck(*sde(process), t)
    return move[:, 0], spread + move @ np.diag([0, process.gamma * process.mass]) @ move.T


# ------------------------------------------------------------------------------------------- the process


def transition_is_the_matrix_exponential(process):
    for time in (1e-3, 0.1, 0.4, 1.0):
        ours, theirs = process.transition(time), ornstein_uhlenbeck(*sde(process), time)
        close(ours[0], theirs[0], atol=1e-11)
        close(ours[1], theirs[1], atol=1e-11)
    close(process.transition(-0.3)[0] @ process.transition(0.3)[0], np.eye(2), atol=1e-11)


def marginal_solves_the_lyapunov_equation(process, h=1e-4):
    """dC/dt = F C + C F' + G G' and d mean/dt = F mean, from (1, 0) and diag(0, gamma M) at t = 0."""
    drift, kick = sde(process)
    signal, covariance = process.marginal(0.0)
    close(signal, [1.0, 0.0])
    close(covariance, np.diag([0, process.gamma * process.mass]))
    for t in (0.02, 0.2, 0.7):
        (up, wide), (down, narrow), (signal, covariance) = (process.marginal(t + d) for d in (h, -h, 0))
        covariance = covariance.numpy()
        close((wide - narrow) / (2 * h), drift @ covariance + covariance @ drift.T + kick, atol=1e-4)
        close((up - down) / (2 * h), drift @ signal.numpy(), atol=1e-4)


def rest_is_at_rest(process):
    """Nothing moves the prior, the damping is critical (one decay rate), and samples of it have its moments."""
    drift, kick = sde(process)
    rest = np.diag([1.0, process.mass])
    close(drift @ rest + rest @ drift.T + kick, np.zeros((2, 2)))
    assert abs(np.diff(np.linalg.eigvals(drift))[0]) < 1e-6 * process.beta
    z = process.prior_sample((100000, 2, 1), gen(1), torch.float64)[:, :, 0]
    close(z.T.cov(), rest, atol=0.02 * max(1, process.mass))
    close(z.mean(0), [0.0, 0.0], atol=0.02 * max(1, process.mass))


def factors_are_factors(process, h=1e-5):
    """K K' is the covariance; L is lower triangular; R solves dR/dt = (F + 1/2 G G' C^-1) R."""
    drift, kick = sde(process)
    for t in (0.05, 0.3, 0.9):
        covariance = law_of(process, t)[1]
        for kind in "LR":
            factor = process.factor(t, kind).numpy()
            close(factor @ factor.T, covariance, atol=1e-10)
        assert process.factor(t, "L")[0, 1] == 0 < process.factor(t, "L")[1, 1]
        slope = (process.factor(t + h, "R") - process.factor(t - h, "R")).numpy() / (2 * h)
        close(slope, (drift + kick @ np.linalg.inv(covariance) / 2) @ factor, atol=1e-5)


# ------------------------------------------------------------------------------------------- models


def log_density(target, process, t, z):
    """log q_t of a mixture on the line, z (B, 2, 1) -> (B,)."""
    signal, covariance = law_of(process, t)
    parts = []
    for weight, mean, std in zip(target.weights, target.means, target.stds):
        whole = torch.tensor(covariance + std.item() ** 2 * np.outer(signal, signal))
        part = torch.distributions.MultivariateNormal(torch.tensor(signal) * mean, whole)
        parts.append(weight.log() + part.log_prob(z[:, :, 0]))
    return torch.stack(parts).logsumexp(0)


def states(process, t, n=12):
    x0 = SPREAD.sample(n, gen(2), torch.float64)
    return process.perturb(x0, t, torch.randn(n, 2, 1, generator=gen(3), dtype=torch.float64))


def score_is_the_gradient(make, process, t):
    z = states(process, t).requires_grad_()
    slope = torch.autograd.grad(log_density(SPREAD, process, t, z).sum(), z)[0]
    z = z.detach()
    close(make(SPREAD, process).score(z, t), slope, rtol=1e-7, atol=1e-7)


def perturbed_states_have_the_law(process, t, n=100000):
    noise = torch.randn(n, 2, 1, generator=gen(4), dtype=torch.float64)
    z = process.perturb(torch.full((n, 1), 1.3, dtype=torch.float64), t, noise)[:, :, 0]
    signal, covariance = law_of(process, t)
    close(z.mean(0), 1.3 * signal, atol=0.02)
    close(z.T.cov(), covariance, atol=0.02)


def last_mean_is_bayes(process, t, mean=0.7, std=0.5):
    """E[(x_0, v_0) | z_t] by conditioning one normal vector, for normal data."""
    model, z = CLDExact(exact.Gaussian([mean], std), process), states(process, t)
    move, spread = ornstein_uhlenbeck(*sde(process), t)
    start = np.diag([std**2, process.gamma * process.mass])
    gain = start @ move.T @ np.linalg.inv(spread + move @ start @ move.T)
    center = np.array([mean, 0.0])
    close(model.data(z, t, model(z, t))[:, :, 0], center + (z[:, :, 0].numpy() - move @ center) @ gain.T, atol=1e-8)


# ------------------------------------------------------------------------------------------- samplers


def affine(sampler, model, grid):
    """Offset (2,), matrix (2, 2) and noise covariance (2, 2) of a sampler whose model is a line, exactly.

    Such a sampler is linear in its start and in every number that it draws: each gets an example of the batch of its own.
    """
    draws = []

    def count(x, generator=None):
        draws.append(x[0].numel())
        return torch.zeros_like(x)

    with mock.patch.object(VELOCITY, "randn_like", count):
        sampler(model, torch.zeros(1, 2, 1, dtype=torch.float64), grid)
    size, first = 3 + sum(draws), iter(3 + np.cumsum([0, *draws]))

    def unit(x, generator=None):
        noise, row = torch.zeros_like(x).reshape(len(x), -1), int(next(first))
        for k in range(noise.shape[1]):
            noise[row + k, k] = 1
        return noise.reshape(x.shape)

    z = torch.zeros(size, 2, 1, dtype=torch.float64)
    z[1, 0] = z[2, 1] = 1
    with mock.patch.object(VELOCITY, "randn_like", unit):
        after = sampler(model, z, grid)[:, :, 0]
    columns = (after[1:] - after[0]).T
    return after[0], columns[:, :2], columns[:, 2:] @ columns[:, 2:].T


def gaussian_score(process, t, mean, std):
    """Score of z_t for N(mean, std^2) data as offset - precision z: (offset, precision)."""
    signal, covariance = law_of(process, t)
    precision = np.linalg.inv(covariance + std**2 * np.outer(signal, signal))
    return precision @ signal * mean, precision


def one_step_is_the_papers(name, sampler, process, t=0.6, s=0.45, mean=0.7, std=0.5):
    """Mean and covariance of one step from every start: Euler-Maruyama, or the three parts of SSCS, written out."""
    (drift, kick), h, eye = sde(process), t - s, np.eye(2)
    offset, precision = gaussian_score(process, t, mean, std)
    if name == "euler_maruyama_cld":
        law = h * kick @ offset, eye - h * (drift + kick @ precision), h * kick
    else:
        rest = np.diag([1, 1 / process.mass])
        half, spread = ornstein_uhlenbeck(-drift - kick @ rest, kick, h / 2)
        middle = eye + h * kick @ (rest - precision)
        law = half @ (h * kick @ offset), half @ middle @ half, spread + half @ middle @ spread @ (half @ middle).T
    got = affine(sampler, CLDExact(exact.Gaussian([mean], std), process), [t, s])
    for ours, theirs in zip(got, law):
        close(ours, theirs, atol=1e-9)


def rest_stays_at_rest(sampler, steps=3):
    """Data and velocity at rest from the start: the score is the prior's, and SSCS leaves the law as it is, in steps of any size."""
    process = CLD(gamma=1.0)
    grid = torch.linspace(1.0, 0.1, steps + 1, dtype=torch.float64)
    offset, matrix, noise = affine(sampler, CLDExact(exact.Gaussian([0.0], 1.0), process), grid)
    rest = process.rest
    close(offset, [0.0, 0.0], atol=1e-9)
    close(matrix @ rest @ matrix.T + noise, rest, atol=1e-9)


def covariance_error(sampler, process, steps, std=0.5, first=1.0, last=0.2):
    """Largest error of the covariance that a walk from the true law at `first` leaves at `last`."""
    def whole(t):
        signal, covariance = law_of(process, t)
        return torch.tensor(covariance + std**2 * np.outer(signal, signal))
    grid = torch.linspace(first, last, steps + 1, dtype=torch.float64)
    _, matrix, noise = affine(sampler, CLDExact(exact.Gaussian([0.0], std), process), grid)
    return (matrix @ whole(first) @ matrix.T + noise - whole(last)).abs().max().item()


def weak_order_is_one(sampler, process):
    measured = math.log2(covariance_error(sampler, process, 80) / covariance_error(sampler, process, 160))
    assert abs(measured - 1) < 0.2, f"order {measured:.2f}"


def flow_ends(model, z, t, s):
    """The probability flow dz/dt = F z - 1/2 G G' score by scipy, from t to s."""
    drift, kick = (torch.tensor(part) for part in sde(model.process))

    def rate(time, flat):
        z = torch.tensor(flat).reshape(-1, 2, 1)
        return (drift @ z - kick @ model.score(z, float(time)) / 2).reshape(-1).numpy()

    answer = solve_ivp(rate, (t, s), z.reshape(-1).numpy(), "DOP853", rtol=1e-11, atol=1e-12)
    return torch.tensor(answer.y[:, -1]).reshape(z.shape)


def gddim_has_order(order, process, factor="R", first=0.7, last=0.2, steps=(40, 80)):
    model = CLDExact(BUMPS, process)
    z = states(process, first)
    right, errors = flow_ends(model, z, first, last), []
    for n in steps:
        grid = torch.linspace(first, last, n + 1, dtype=torch.float64)
        errors.append((VELOCITY.gddim(model, z, grid, order=order, factor=factor) - right).abs().mean().item())
    measured = math.log2(errors[0] / errors[1])
    assert abs(measured - order) < 0.3, f"order {measured:.2f} instead of {order}, errors {errors}"


def one_point_needs_one_step(process, factor="R", first=1.0, last=0.01):
    """For one data point eps of K = R stands still along the flow: one step of any size is exact."""
    x0, eps = torch.full((4, 1), 0.7, dtype=torch.float64), torch.randn(4, 2, 1, generator=gen(5), dtype=torch.float64)

    def state(t):
        signal, _ = law_of(process, t)
        return torch.tensor(signal)[:, None] * x0[:, None] + process.factor(t, "R") @ eps

    model = CLDExact(exact.Gaussian([0.7], 0.0), process)
    close(VELOCITY.gddim(model, state(first), [first, last], factor=factor), state(last), atol=1e-7)
