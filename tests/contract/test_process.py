"""What every process promises, over all of them."""
import copy
import math
import pickle

import laws
import pytest
import torch
from cases import CHAINS, CONTINUOUS, DEVICES, LADDERS, PRESERVING, PROCESSES, SHIFTED, UNIT, close, column, gen

from minidiff import DDPM, NCSN, VE, VP, Cosine, GaussianProcess
from minidiff import process as process_module
from minidiff.denoiser import Model

every = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
CURVES = ("alpha", "sigma", "snr", "log_snr", "half_log_snr", "drift_rate", "diffusion")


def smooth_times(name):
    """Times where the rates are continuous: the middle of each interval of a table."""
    table = CHAINS | LADDERS
    if name not in table:
        return torch.linspace(0.03, 0.97, 48, dtype=torch.float64)
    steps = getattr(table[name], "num_steps", None) or table[name].num_levels
    return (torch.arange(steps, dtype=torch.float64) + 0.5) / steps


@every
@pytest.mark.parametrize("curve", CURVES)
def test_a_curve_answers_in_the_form_of_its_time(process, curve):
    f = getattr(process, curve)
    times = torch.linspace(0.11, 0.93, 5, dtype=torch.float64)
    row = f(times)
    assert row.shape == (5,) and row.dtype == torch.float64
    assert torch.equal(row, f(times))                                          # the same twice
    assert isinstance(f(0.11), float) and f(0.11) == pytest.approx(row[0].item(), rel=1e-12)
    assert f(times[0]).shape == () and f(times[0]).item() == row[0].item()
    single = f(times.float())
    assert single.dtype == torch.float32
    close(single, row, rtol=2e-3, atol=1e-3)                                   # float32 times on a table's steep parts


@every
def test_starts_at_the_data(process):
    laws.starts_at_the_data(process)


@pytest.mark.parametrize("process", PRESERVING.values(), ids=PRESERVING)
def test_variance_is_preserved(process):
    laws.keeps_variance(process)


@pytest.mark.parametrize("name", PROCESSES)
def test_rates_follow_from_scales(name):
    laws.rates_follow_from_scales(PROCESSES[name], smooth_times(name))


@every
def test_rates_are_finite_at_the_data(process):
    for curve in (process.drift_rate, process.diffusion):
        assert math.isfinite(curve(0.0))


@every
def test_log_snr_is_invertible(process):
    laws.log_snr_is_invertible(process)


@every
def test_prior_is_the_law_of_x1(process):
    laws.prior_is_the_law_of_x1(process)


@pytest.mark.parametrize("name", [*CONTINUOUS, "DDPM.linear", "DDPM.cosine", "NCSN.geometric"])
def test_little_of_the_data_is_left_at_time_one(name):
    process = PROCESSES[name]
    assert process.alpha(1.0) / process.sigma(1.0) < 0.1


@every
@pytest.mark.parametrize("t, s", [(0.9, 0.5), (0.31, 0.3), (1.0, 0.9)])
def test_posterior_is_bayes(process, t, s):
    laws.posterior_is_bayes(process, t, s)


@every
def test_steps_compose(process):
    """Noise of t given s, then of s given r, is noise of t given r; at r = 0 it is sigma^2."""
    t, s, r = 0.8, 0.45, 0.1
    ratio = process.alpha(t) / process.alpha(s)
    close(process.added_variance(t, s) + ratio**2 * process.added_variance(s, r), process.added_variance(t, r), rtol=1e-10)
    close(process.added_variance(t, 0.0), process.sigma(t) ** 2, rtol=1e-12)


@every
@pytest.mark.parametrize("shape", [(4,), (4, 2), (4, 1, 8, 8)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("device", DEVICES)
def test_perturb_is_the_one_equation(process, shape, dtype, device):
    x0, noise = (torch.randn(shape, generator=gen(seed), dtype=dtype).to(device) for seed in (0, 1))
    t = torch.tensor([0.0, 0.2, 0.7, 1.0], dtype=dtype, device=device)
    xt = process.perturb(x0, t, noise)
    assert xt.shape == x0.shape and xt.dtype == dtype and xt.device == x0.device
    for i in range(4):
        close(xt[i], process.alpha(t[i]) * x0[i] + process.sigma(t[i]) * noise[i], rtol=1e-5, atol=1e-4)
    close(process.perturb(x0, 0.7, noise), process.perturb(x0, torch.full((4,), 0.7, dtype=torch.float64, device=device), noise),
          rtol=1e-5, atol=1e-4)
    assert process.drift(x0, t).shape == x0.shape


@every
def test_euler_steps_of_the_forward_sde_give_the_kernel(process):
    """Many small steps of dx = f x dt + g dw end with the mean and the variance of the closed kernel."""
    mean, variance, steps = 1.0, 0.0, 20000
    t = torch.arange(steps, dtype=torch.float64) * 0.9 / steps + 0.45 / steps
    for f, g in zip(process.drift_rate(t).tolist(), process.diffusion(t).tolist()):
        gain = math.exp(f * 0.9 / steps)
        mean, variance = gain * mean, gain**2 * variance + g**2 * 0.9 / steps
    close([mean, variance], [process.alpha(0.9), process.sigma(0.9) ** 2], rtol=2e-3)


def test_simulate_takes_one_euler_step():
    from minidiff import score_sde
    process, n = VP(), 100000
    seen = []
    x = score_sde.simulate(process, torch.full((n, 1), 1.3, dtype=torch.float64), 2, until=0.4, generator=gen(),
                           trace=lambda step, t, x: seen.append((step, t)))
    assert seen == [(0, 0.0), (1, 0.2)]
    gain = [1 - 0.1 * process.beta(t) for t in (0.0, 0.2)]
    laws.has_moments(x, 1.3 * gain[0] * gain[1], 0.2 * process.beta(0.0) * gain[1] ** 2 + 0.2 * process.beta(0.2))


# ------------------------------------------------------------------------------------------- tables


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_tables_have_the_data_in_entry_zero(chain):
    steps = chain.num_steps
    assert len(chain.betas) == len(chain.alpha_bars) == len(chain.posterior_variance) == steps + 1
    assert chain.betas[0] == 0 and chain.alpha_bars[0] == 1 and chain.posterior_variance[1] == 0
    close(chain.alpha_bars[1:], torch.cumprod(1 - chain.betas[1:], 0), rtol=1e-10)
    every_step = torch.arange(steps + 1)
    close(chain.alpha(every_step) ** 2, chain.alpha_bars, rtol=1e-10)
    close(chain.sigma(every_step) ** 2, 1 - chain.alpha_bars, rtol=1e-8)
    assert chain.alpha(3) == pytest.approx(chain.alpha(3 / steps), rel=1e-12)
    close(chain.added_variance(3 / steps, 2 / steps), chain.betas[3], rtol=1e-8)
    assert chain.grid()[0] == 1 and chain.grid()[-1] == 0 and len(chain.grid()) == steps + 1


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize("law", [laws.marginal_of_the_chain, laws.posterior_of_the_chain, laws.vlb_weight_matches_the_kl])
def test_chain(chain, law):
    law(chain)


@pytest.mark.parametrize("ladder", LADDERS.values(), ids=LADDERS)
def test_levels_are_the_papers(ladder):
    levels = torch.arange(1, ladder.num_levels + 1)
    close(ladder.sigma(levels), ladder.sigmas, rtol=1e-9)
    assert ladder.sigma(1) == pytest.approx(ladder.sigmas[0].item()) and ladder.alpha(2) == 1.0
    assert ladder.sigma(ladder.t_min) == pytest.approx(ladder.sigmas[-1].item())
    assert len(ladder.grid()) == ladder.num_levels + 1 and ladder.grid()[-1] == 0


def test_one_level_is_a_ladder_too():
    ladder = NCSN([0.5])
    assert ladder.sigma(1) == 0.5 and ladder.sigma(0.5) == 0.25 and ladder.num_levels == 1


def test_geometric_levels_have_one_ratio():
    ratios = NCSN.geometric(20.0, 0.01, 25).sigmas[:-1] / NCSN.geometric(20.0, 0.01, 25).sigmas[1:]
    close(ratios, torch.full((24,), 2000 ** (1 / 24)), rtol=1e-6)


def test_numpy_steps_are_steps():
    """np.arange gives np.int64: a step like any other, not the time 1.0."""
    import numpy as np
    chain, ladder = CHAINS["DDPM.linear"], LADDERS["NCSN"]
    assert chain.alpha(np.int64(1)) == chain.alpha(1)
    assert ladder.sigma(np.int64(2)) == ladder.sigma(2)


def test_default_betas_fit_their_prior_at_any_length():
    for steps in (50, 200, 1000):
        assert DDPM.linear(steps).alpha_bars[-1] < 1e-3
    thousand = DDPM.linear(1000)
    close([thousand.betas[1], thousand.betas[1000]], [1e-4, 0.02], rtol=1e-12)
    close(DDPM.linear(10, 0.1, 0.5).betas[[1, 10]], [0.1, 0.5])


def test_cosine_chain_has_the_papers_numbers():
    """Survey Eq. (28) at T = 1000: beta_1 = 4.13e-5, below a pixel's bin in standard deviation; one clipped beta."""
    chain = DDPM.cosine(1000)
    assert chain.betas[1].item() == pytest.approx(4.13e-5, rel=2e-3)
    assert chain.betas[1] ** 0.5 < 1 / 127.5
    assert chain.betas[999].item() == pytest.approx(0.75, abs=0.01)
    assert chain.betas[1000].item() == pytest.approx(0.999)


def test_the_chain_is_its_process_seen_at_whole_steps():
    for process in (VP(), Cosine()):
        chain = DDPM.from_process(process, 200)
        t = torch.arange(201, dtype=torch.float64) / 200
        close(chain.alpha(torch.arange(201)), process.alpha(t), rtol=1e-9)
        close(chain.sigma(torch.arange(201)), process.sigma(t), rtol=1e-7, atol=1e-9)
    fine = DDPM.from_process(VP(), 20000)                                   # T beta_t -> beta(t), survey Eq. (16)
    close(20000 * fine.betas[10000], VP().beta(0.5), rtol=1e-3)


def test_ve_is_the_limit_of_the_ladder():
    """Survey Eq. (17): the ladder's variance differs from the SDE's kernel by sigma_min^2, the subtraction that is exact."""
    process, ladder = VE(0.01, 50.0), NCSN.geometric(50.0, 0.01, 1000)
    level = torch.arange(1, 1001)
    time = (1000 - level).double() / 999
    close(process.sigma(time) ** 2 + 0.01**2, ladder.sigma(level) ** 2, rtol=1e-9)


# ------------------------------------------------------------------------------------------- conversions of process


@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.parametrize("other", ["VP", "VE", "EDM", "DDPM.linear"])
def test_a_model_seen_as_another_process_is_that_processs_model(name, other):
    """Equal SNR, x rescaled: the exact model of one process, asked as another, is the other's exact model."""
    own, theirs = PROCESSES[name], PROCESSES[other]
    seen, truth = SHIFTED.denoiser(own).seen_as(theirs), SHIFTED.denoiser(theirs)
    t = theirs.time_at_log_snr(torch.tensor([3.0, 0.0, -2.0], dtype=torch.float64))
    x = column(0.5, -0.4, 1.0) * (1 + theirs.sigma(t)[:, None])
    for question in ("forward", "eps", "score", "v"):
        close(getattr(seen, question)(x, t), getattr(truth, question)(x, t), rtol=1e-5, atol=1e-7)
    assert isinstance(seen(x.float(), 0.4), torch.Tensor) and seen(x.float(), 0.4).dtype == torch.float32


def test_chains_and_ladders_are_asked_by_step_too():
    chain, ladder = CHAINS["DDPM.linear"], LADDERS["NCSN"]
    x, model = column(0.3, 0.9), SHIFTED.denoiser(chain)
    close(model(x, 40), model(x, 0.4), rtol=1e-12)
    close(model(x, torch.tensor([40, 70])), model(x, torch.tensor([0.4, 0.7], dtype=torch.float64)), rtol=1e-12)
    close(SHIFTED.denoiser(ladder)(x, 1), SHIFTED.denoiser(ladder)(x, 1.0), rtol=1e-12)


def test_a_new_process_needs_two_functions():
    """drift and diffusion of one's own process follow from alpha and sigma alone."""
    class Straight(GaussianProcess):
        @process_module.curve
        def alpha(self, t):
            return 1 - 0.9 * t

        @process_module.curve
        def sigma(self, t):
            return t

    laws.rates_follow_from_scales(Straight(), [0.1, 0.4, 0.8])
    laws.flow_returns(Straight())
    with pytest.raises(NotImplementedError, match="Half must define sigma"):
        type("Half", (GaussianProcess,), {"alpha": lambda self, t: t})().sigma(0.3)
    with pytest.raises(NotImplementedError, match="alpha"):
        GaussianProcess().alpha(0.3)
    with pytest.raises(NotImplementedError, match="beta"):
        process_module.VariancePreserving().beta(0.3)


def test_a_new_model_needs_one_function():
    """Whoever writes E[x0|x_t] gets eps, score and v: Wiener's filter against the exact model of normal data."""
    class Wiener(Model):
        def forward(self, x, t):
            alpha, sigma = self.scales(x, t)
            return alpha * x / (alpha**2 + sigma**2)

    x, t = column(0.5, -1.2), torch.tensor([0.3, 0.8], dtype=torch.float64)
    for process in PROCESSES.values():
        ours, truth = Wiener(process), UNIT.denoiser(process)
        for question in ("forward", "eps", "score", "v"):
            close(getattr(ours, question)(x, t), getattr(truth, question)(x, t), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("device", DEVICES)
@every
def test_tables_follow_the_device_of_the_time(process, device):
    t = torch.tensor([0.2, 0.9], device=device)
    for curve in CURVES:
        assert getattr(process, curve)(t).device == t.device
    assert process.time_at_log_snr(process.log_snr(t)).device == t.device
    model = SHIFTED.denoiser(process).seen_as(VP())
    assert model(torch.zeros(2, 1, device=device), t).device == t.device
    if device != "cpu":
        steps = torch.tensor([1, 2], device=device)
        if hasattr(process, "num_steps") or hasattr(process, "num_levels"):
            assert process.sigma(steps).device == steps.device


def test_a_changed_parameter_is_heard_at_once():
    process = VP()
    before = process.alpha(0.5)
    process.beta_max = 5.0
    assert process.alpha(0.5) == VP(beta_max=5.0).alpha(0.5) != before


def test_a_process_that_was_asked_can_be_copied_and_pickled():
    process = VP()
    answer = process.alpha(0.5)
    assert copy.deepcopy(process).alpha(0.5) == pickle.loads(pickle.dumps(process)).alpha(0.5) == answer


@pytest.mark.parametrize("chain", [DDPM([0.01, 0.9, 0.05, 0.9]), NCSN([12.0, 5.0, 1.0, 0.3])], ids=["DDPM", "NCSN"])
def test_rate_of_a_chain_belongs_to_the_whole_interval(chain):
    """(g/sigma)^2 is the fall of log SNR also just above a step, and a step in float32 is still that step."""
    for k in range(1, 4):
        t, h = k / 4 + 1e-4, 2e-5
        fall = (chain.log_snr(t - h) - chain.log_snr(t + h)) / (2 * h)
        close((chain.diffusion(t) / chain.sigma(t)) ** 2, fall, rtol=1e-3)
        close(chain.diffusion(torch.tensor(k / 4)), chain.diffusion(k / 4), rtol=1e-5)
