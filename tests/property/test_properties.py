"""Properties over drawn shapes, dtypes, times and schedules (hypothesis; the examples are the same on every machine)."""
import math

import torch
from cases import PROCESSES, SAMPLERS, close, gen
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from minidiff import DDPM, NCSN, VE, VP, Cosine, Denoiser, exact, grids, likelihood, losses
from minidiff.denoiser import PREDICTIONS
from minidiff.process import expand

settings.register_profile("minidiff", deadline=None, derandomize=True, max_examples=40, database=None)
settings.load_profile("minidiff")

names = st.sampled_from(sorted(PROCESSES))
shapes = st.lists(st.integers(1, 4), min_size=0, max_size=3).map(tuple)
batches = st.integers(1, 4)
dtypes = st.sampled_from([torch.float32, torch.float64])
times = st.floats(0.02, 0.98)
kinds = st.sampled_from(PREDICTIONS)


def draw(shape, dtype, seed=0):
    return torch.randn(shape, generator=gen(seed), dtype=torch.float64).to(dtype)


@given(names, batches, shapes, dtypes, times)
def test_perturb_and_back(name, batch, shape, dtype, t):
    """The noise is what is left when the scaled signal is taken off; number, 0-dim and (B,) times say the same."""
    process = PROCESSES[name]
    x0, noise = draw((batch, *shape), dtype), draw((batch, *shape), dtype, 1)
    xt = process.perturb(x0, t, noise)
    assert xt.shape == x0.shape and xt.dtype == dtype
    close((xt - process.alpha(t) * x0) / process.sigma(t), noise, rtol=1e-3, atol=2e-2 if dtype == torch.float32 else 1e-6)
    row = torch.full((batch,), t, dtype=torch.float64)
    close(process.perturb(x0, row, noise), xt, rtol=1e-5, atol=1e-5)
    close(process.perturb(x0, row[0], noise), xt, rtol=1e-5, atol=1e-5)


@given(names, kinds, batches, shapes, dtypes, times)
def test_predictions_are_four_views_of_one_answer(name, kind, batch, shape, dtype, t):
    """x = alpha x0_hat + sigma eps, score = -eps/sigma, v = alpha eps - sigma x0_hat, whatever the network predicts."""
    process = PROCESSES[name]
    assume(process.sigma(t) > 0.05 and process.alpha(t) > 0.05)
    x = draw((batch, *shape), torch.float64)
    model = Denoiser(lambda x, t: torch.sin(x), process, predicts=kind)
    time = torch.full((batch,), t, dtype=torch.float64)
    alpha, sigma = process.alpha(t), process.sigma(t)
    x0, eps = model(x, time), model.eps(x, time)
    close(alpha * x0 + sigma * eps, x, rtol=1e-8, atol=1e-8)
    close(model.score(x, time), -eps / sigma, rtol=1e-8, atol=1e-9)
    close(model.v(x, time), alpha * eps - sigma * x0, rtol=1e-7, atol=1e-7)
    close({"eps": eps, "x0": x0, "v": model.v(x, time), "score": model.score(x, time)}[kind], torch.sin(x), rtol=1e-8, atol=1e-8)
    single = model(x.to(dtype), time.to(dtype))
    assert single.shape == x.shape and single.dtype == dtype


@given(names, batches, shapes, dtypes, times)
def test_preconditioning_sees_and_gives_unit_variance(name, batch, shape, dtype, t):
    """EDM: data and noise of the stated variance reach the network with variance one; a zero network gives Wiener's answer."""
    process, seen = PROCESSES[name], []

    def net(x, t):
        seen.append((x, t))
        return torch.zeros_like(x)

    model = Denoiser(net, process, predicts="x0", sigma_data=0.5)
    x = draw((batch, *shape), dtype)
    x0_hat = model(x, torch.full((batch,), t, dtype=dtype))
    alpha, sigma = process.alpha(t), process.sigma(t)
    close(seen[0][0], x / math.sqrt(alpha**2 * 0.25 + sigma**2), rtol=2e-3, atol=1e-4)
    close(x0_hat, exact.Gaussian(torch.zeros(shape), 0.5).denoiser(process)(x, t), rtol=2e-3, atol=1e-4)
    assert seen[0][1].shape == (batch,) and seen[0][1].dtype == dtype


@given(st.lists(st.floats(1e-4, 0.99), min_size=1, max_size=12), st.integers(0, 12))
def test_any_betas_make_a_chain(betas, step):
    chain = DDPM(betas)
    step = min(step, len(betas))
    close(chain.alpha_bars[step], math.prod(1 - beta for beta in betas[:step]), rtol=1e-9)
    close(chain.alpha(step) ** 2 + chain.sigma(step) ** 2, 1.0, rtol=1e-9)
    assert (chain.posterior_variance <= chain.betas + 1e-15).all()
    assert chain.as_time(step) == step / len(betas)
    for t in (0.3, 0.77):
        close(chain.alpha(chain.time_at_log_snr(chain.log_snr(t))), chain.alpha(t), rtol=1e-8)


@given(st.lists(st.floats(1e-3, 100), min_size=1, max_size=10, unique=True), st.floats(0.0, 1.0))
def test_any_falling_levels_make_a_ladder(sigmas, t):
    sigmas = sorted(sigmas, reverse=True)
    ladder = NCSN(sigmas)
    for level, sigma in enumerate(sigmas, 1):
        close(ladder.sigma(level), sigma, rtol=1e-9)
    assert 0 <= ladder.sigma(t) <= sigmas[0] * (1 + 1e-9)
    assert ladder.sigma(min(1.0, t + 0.05)) >= ladder.sigma(t) * (1 - 1e-9)


@given(st.sampled_from(["VP", "VE", "Cosine"]), st.integers(1, 40), st.floats(0.3, 1.0),
       st.one_of(st.just(0.0), st.floats(1e-6, 0.25)), st.floats(1.0, 10.0))
def test_grids_fall_for_any_arguments(name, steps, start, end, rho):
    process = PROCESSES[name]
    for grid in (grids.uniform(steps, start, end), grids.quadratic(steps, start, end),
                 grids.log_snr(process, steps, start=start, end=end), grids.karras(process, steps, rho=rho, start=start, end=end)):
        assert len(grid) == steps + 1 and grid[0] == start and grid[-1] == end and (grid.diff() < 0).all()


@given(st.sampled_from(sorted(SAMPLERS)), names, st.lists(st.floats(0.05, 1.0), min_size=2, max_size=5, unique=True), st.booleans())
@settings(max_examples=60)
def test_any_grid_can_be_walked(sampler, name, grid, finish):
    grid = sorted(grid, reverse=True)
    assume(min(a - b for a, b in zip(grid, grid[1:])) > 1e-3)
    grid = grid + [0.0] if finish else grid
    process = PROCESSES[name]
    x = process.sigma(grid[0]) * draw((3, 2), torch.float64)
    after = SAMPLERS[sampler](exact.Gaussian([0.0, 0.5], 0.5).denoiser(process), x, grid, generator=gen(1))
    assert after.shape == x.shape and torch.isfinite(after).all()


@given(names, batches, shapes, dtypes, st.sampled_from(losses.WEIGHTS))
def test_losses_are_one_number_per_example(name, batch, shape, dtype, weight):
    process = PROCESSES[name]
    x0, noise = draw((batch, *shape), dtype), draw((batch, *shape), dtype, 1)
    model = Denoiser(lambda x, t: torch.tanh(x), process)
    t = torch.linspace(0.2, 0.9, batch, dtype=dtype)
    value = losses.denoising(model, x0, t, noise, weight)
    assert value.shape == (batch,) and value.dtype == dtype and (value >= 0).all()
    for i in range(batch):                                         # an example's loss does not depend on its neighbours
        alone = losses.denoising(model, x0[i:i + 1], t[i:i + 1], noise[i:i + 1], weight)
        close(alone[0], value[i], rtol=1e-3, atol=1e-5)


@given(st.lists(st.floats(0.05, 1.0), min_size=1, max_size=4), shapes, st.floats(0.1, 2.0))
def test_mixtures_agree_in_all_three_forms_of_stds(weights, shape, std):
    weights = torch.tensor(weights, dtype=torch.float64) / sum(weights)
    means = draw((len(weights), *shape), torch.float64)
    x = draw((3, *shape), torch.float64, 1)
    forms = [exact.GaussianMixture(weights, means, stds) for stds in (std, torch.full((len(weights),), std), torch.full(means.shape, std))]
    for other in forms[1:]:
        close(other.log_prob(x), forms[0].log_prob(x), rtol=1e-5, atol=1e-6)
        close(other.score(x), forms[0].score(x), rtol=1e-5, atol=1e-6)
        model, first = other.denoiser(VP()), forms[0].denoiser(VP())
        close(model.posterior_variance(x, 0.4), first.posterior_variance(x, 0.4), rtol=1e-5, atol=1e-6)


@given(st.floats(-50, 50), st.integers(1, 1000), st.floats(1e-3, 1.0))
def test_bits_grow_with_the_negative_log_density(log_prob, dims, width):
    value = likelihood.bits_per_dim(torch.tensor([log_prob, log_prob - dims], dtype=torch.float64), dims, width)
    close(value[1] - value[0], 1 / math.log(2), rtol=1e-6)


@given(shapes, st.integers(1, 5))
def test_expand_multiplies_examples(shape, batch):
    x, t = torch.ones(batch, *shape), torch.arange(batch, dtype=torch.float64)
    assert expand(0.5, x) == 0.5 and expand(torch.tensor(2.0), x).ndim == 0
    product = expand(t, x) * x
    assert product.shape == x.shape and product.dtype == x.dtype
    assert all((product[i] == i).all() for i in range(batch))


@given(st.sampled_from([VP(), VE(), Cosine()]), st.floats(-8.0, 8.0))
def test_log_snr_round_trip(process, value):
    t = process.time_at_log_snr(value)
    assume(0 < t < 1)
    close(process.log_snr(t), value, rtol=1e-6, atol=1e-6)
