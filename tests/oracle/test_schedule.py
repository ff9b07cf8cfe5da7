"""Section 4.1: schedules by log SNR, the bound in continuous time, decoders, dequantisation, against closed forms."""
import copy
import math

import laws
import pytest
import torch
from cases import BUMPS, close, gen

from minidiff import NCSN, VP, Cosine, Denoiser, GaussianProcess, exact, grids, likelihood, samplers, vdm

SCHEDULES = {"line": lambda: vdm.TableSchedule([9.0, -10.0]), "table": lambda: vdm.TableSchedule([13.0, 5.0, 4.0, -1.0, -6.0]),
             "learned": lambda: shaken(vdm.LearnedSchedule(9.0, -10.0)),
             "learned ends": lambda: shaken(vdm.LearnedSchedule(8.0, -7.0, 5, learn_ends=True, t_min=0.02))}
every_schedule = pytest.mark.parametrize("make", SCHEDULES.values(), ids=SCHEDULES.keys())
PIXELS = exact.GaussianMixture([0.4, 0.1, 0.2, 0.3], [[-1.0], [-1 / 3], [1 / 3], [1.0]], 0.0)      # four grey levels


def shaken(schedule):
    """Parameters moved at random, the ends kept."""
    with torch.no_grad():
        for name, parameter in schedule.named_parameters():
            if name != "ends":
                parameter += 0.7 * torch.randn(parameter.shape, generator=gen(len(name)))
    return schedule


@every_schedule
def test_schedule_is_a_process(make):
    schedule = make()
    laws.starts_at_the_data(schedule)
    laws.keeps_variance(schedule)
    laws.rates_follow_from_scales(schedule, [0.011, 0.1999, 0.7123])
    laws.log_snr_is_invertible(schedule)
    laws.posterior_is_bayes(schedule, 0.5, 0.3)
    t = torch.tensor([0.3 * schedule.t_min, 0.9 * schedule.t_min], dtype=torch.float64)
    close(schedule.beta(t).detach(), GaussianProcess.diffusion(schedule, t).detach() ** 2, rtol=1e-9)       # below t_min, too
    close(schedule.time_at_log_snr(schedule.log_snr(t).detach()), t, rtol=1e-6)
    close(schedule.gamma(t).detach(), -schedule.log_snr(t).detach())


@every_schedule
def test_schedule_keeps_its_ends(make):
    laws.schedule_has_ends(make)


def test_samplers_and_grids_take_a_schedule():
    schedule, x = vdm.LearnedSchedule(9.0, -10.0), torch.randn(50, 1, generator=gen(), dtype=torch.float64)
    model = BUMPS.denoiser(schedule)
    fine = samplers.ddim(model, x, grids.log_snr(schedule, 100))
    same_levels = grids.log_snr(VP(), 100)[:-1]
    vp = torch.cat([VP().time_at_log_snr(schedule.log_snr(grids.log_snr(schedule, 100)[:-1]).detach()), same_levels.new_zeros(1)])
    close(fine, samplers.ddim(BUMPS.denoiser(VP()), x, vp), atol=2e-3)


def test_learned_schedule_lives_in_a_model():
    laws.schedule_learns(lambda: vdm.LearnedSchedule(9.0, -10.0))
    schedule = vdm.LearnedSchedule(9.0, -10.0)
    model = Denoiser(torch.nn.Linear(1, 1), vdm.TableSchedule([10.0, -11.0])).seen_as(schedule)
    assert {"process.line", "process.parts"} <= dict(model.named_parameters()).keys()
    before = schedule.sigma(0.5)
    twin = copy.deepcopy(schedule)
    with torch.no_grad():
        schedule.parts[:4] += 3.0
    assert schedule.sigma(0.5) != before and twin.sigma(0.5) == before
    twin.load_state_dict(schedule.state_dict())
    assert twin.sigma(0.5) == schedule.sigma(0.5)


def test_table_interpolates_the_process():
    times = torch.linspace(1e-3, 1, 4001, dtype=torch.float64)
    table, t = vdm.TableSchedule(VP().log_snr(times)), torch.linspace(0.01, 1, 37, dtype=torch.float64)
    close(table.log_snr(t), VP().log_snr(t), atol=1e-4)


# ------------------------------------------------------------------------------------------- the bound in continuous time


@pytest.mark.parametrize("process", [VP(), Cosine(), SCHEDULES["table"](), SCHEDULES["learned"]()],
                         ids=["VP", "Cosine", "table", "learned"])
def test_continuous_bound_is_the_closed_form(process):
    laws.continuous_vlb_matches_closed_form(likelihood.continuous_vlb, process)


def test_diffusion_loss_is_half_the_log_ratio():
    laws.diffusion_loss_is_half_the_log_ratio(likelihood.diffusion_nats, VP())
    laws.diffusion_loss_is_half_the_log_ratio(likelihood.diffusion_nats, SCHEDULES["table"]())


def test_diffusion_loss_hears_only_the_ends():
    x0, schedule = BUMPS.sample(6, gen(1), torch.float64), SCHEDULES["table"]()
    other = vdm.TableSchedule([13.0, -6.0])
    ours, theirs = (likelihood.diffusion_nats(BUMPS.denoiser(process), x0, generator=gen(2)) for process in (schedule, other))
    close(ours, theirs, rtol=1e-12)
    shorter = likelihood.diffusion_nats(BUMPS.denoiser(schedule), x0, start=0.5, end=0.25, generator=gen(2))
    assert (shorter < ours).all() and (shorter > 0).all()


def test_continuous_bound_is_the_limit_of_the_chain():
    """vlb_terms on grids of one schedule falls towards continuous_vlb as 1/T."""
    process, x0 = vdm.TableSchedule([9.0, -10.0]), BUMPS.sample(40000, gen(3), torch.float64)
    model = BUMPS.denoiser(process)
    limit = likelihood.continuous_vlb(model, x0, draws=8, generator=gen(4))
    gaps = []
    for steps in (40, 80):
        grid = torch.cat([torch.linspace(1, process.t_min, steps + 1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)])
        terms = likelihood.vlb_terms(model, x0, grid, variance="posterior", generator=gen(5))
        gaps.append((terms.diffusion.sum(1).mean() - limit.diffusion.sum(1).mean()).item())
        close(terms.reconstruction.mean(), limit.reconstruction.mean(), atol=0.02)
    assert gaps[0] > gaps[1] > 0 and 1.4 < gaps[0] / gaps[1] < 2.8, gaps


def test_even_times_leave_no_gap():
    laws.times_are_even(likelihood.even_times)


def test_gradients_flow_when_asked():
    schedule, x0 = vdm.LearnedSchedule(9.0, -10.0, learn_ends=True), BUMPS.sample(20, gen(3), torch.float64)
    model = BUMPS.denoiser(vdm.TableSchedule([12.0, -12.0])).seen_as(schedule)
    assert not likelihood.continuous_vlb(model, x0, generator=gen(1)).total.requires_grad
    likelihood.continuous_vlb(model, x0, differentiable=True, generator=gen(1)).total.mean().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in schedule.parameters())


def test_ends_move_the_bound_as_they_should():
    """d total / d ends by differences of the expectation: for Gaussian data the exact bound is known."""
    data, schedule = exact.Gaussian([0.0], 0.6), vdm.LearnedSchedule(5.0, 0.5, learn_ends=True, t_min=0.05)
    x0 = data.sample(100000, gen(1), torch.float64)
    model = data.denoiser(vdm.TableSchedule([12.0, -12.0])).seen_as(schedule)
    terms = likelihood.continuous_vlb(model, x0, draws=2, differentiable=True, generator=gen(2))
    found = torch.autograd.grad(terms.total.mean(), schedule.ends)[0][0]

    def wanted(first):
        last = first - 4.5                      # the span stays
        noise = 1 / (1 + math.exp(last))
        prior = 0.5 * ((1 - noise) * 0.36 + noise - 1 - math.log(noise))
        mmse = 0.36 / (1 + math.exp(first) * 0.36)
        last_nats = 0.5 * (mmse * math.exp(first) + math.log(2 * math.pi) - first)
        return prior + last_nats + 0.5 * math.log((1 + math.exp(first) * 0.36) / (1 + math.exp(last) * 0.36))

    close(found, (wanted(5.001) - wanted(4.999)) / 0.002, atol=0.02)


def test_gradients_reach_a_schedule_through_any_process():
    """A network trained on a process that finds its times by bisection, seen as a learned schedule: against differences."""
    laws.times_have_their_slope()
    data, schedule = exact.Gaussian([0.0], 0.6), vdm.LearnedSchedule(5.0, 0.5, learn_ends=True, t_min=0.05)
    model = data.denoiser(NCSN.geometric(20.0, 0.01, 30)).seen_as(schedule)
    x0 = data.sample(50, gen(1), torch.float64)

    def total(shift=0.0):
        with torch.no_grad():
            schedule.ends += torch.tensor([shift, 0.0])
        value = likelihood.continuous_vlb(model, x0, differentiable=True, generator=gen(2)).total.mean()
        with torch.no_grad():
            schedule.ends -= torch.tensor([shift, 0.0])
        return value
    found = torch.autograd.grad(total(), schedule.ends)[0][0]
    close(found, (total(1e-2) - total(-1e-2)).detach() / 2e-2, rtol=1e-2)


# ------------------------------------------------------------------------------------------- discrete data


def test_decoders_take_a_scale_for_each_example():
    """(B,) belongs to the batch, also where B is the number of levels."""
    x = torch.tensor([[-1.0, 0.0], [0.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
    alpha, sigma = torch.tensor([0.9, 0.8, 0.7], dtype=torch.float64), torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)
    for decode in (lambda x, a, s: likelihood.categorical_log_prob(x, 0.9 * x, a, s, 3),
                   lambda x, a, s: likelihood.discretised_log_prob(x, 0.9 * x, s / a, 3)):
        rows = torch.cat([decode(x[i:i + 1], alpha[i].item(), sigma[i].item()) for i in range(3)])
        close(decode(x, alpha, sigma), rows)


def test_decoders_are_probabilities():
    laws.decoder_adds_up(likelihood.categorical_log_prob)
    laws.decoder_adds_up(lambda x, xt, alpha, sigma, levels: likelihood.discretised_log_prob(x, xt / alpha, sigma / alpha, levels))


def test_categorical_decoder_is_bayes_with_equal_odds():
    laws.categorical_is_bayes(likelihood.categorical_log_prob)


@pytest.mark.parametrize("decoder", ["normal", "categorical"])
def test_discrete_bound_is_above_the_entropy_and_near(decoder):
    """Four grey levels, exact denoiser: the bound's mean is the entropy in bits, to three standard errors and from above."""
    process = vdm.TableSchedule([9.0, -9.0])
    x0 = PIXELS.sample(20000, gen(5), torch.float64)
    terms = likelihood.continuous_vlb(PIXELS.denoiser(process), x0, draws=8, levels=4, decoder=decoder, generator=gen(6))
    bits = likelihood.bits_per_dim(-terms.total, 1)
    entropy = -(PIXELS.weights * PIXELS.weights.log2()).sum()
    assert abs(bits.mean() - entropy) < 3 * bits.std() / 20000**0.5


def test_dequantised_data_have_the_entropy():
    laws.dequantised_density_is_a_probability(likelihood.dequantise, likelihood.bin_width)
    close(likelihood.bin_width(256), 1 / 127.5)


X, MODEL = BUMPS.sample(3, gen(0), torch.float64), BUMPS.denoiser(VP())
GREY = torch.tensor([[-1.0], [0.0], [1.0]], dtype=torch.float64)


@pytest.mark.parametrize("error, words, call", [
    (ValueError, ["noise_levels", "odd", "100"], lambda: likelihood.diffusion_nats(MODEL, X, noise_levels=100)),
    (ValueError, ["noise_levels", "at least 3", "1"], lambda: likelihood.diffusion_nats(MODEL, X, noise_levels=1)),
    (ValueError, ["end", "(0, 0.5)", "0.7"], lambda: likelihood.diffusion_nats(MODEL, X, start=0.5, end=0.7)),
    (ValueError, ["end", "(0, 1)", "0"], lambda: likelihood.continuous_vlb(MODEL, X, end=0.0)),
    (ValueError, ["draws", "at least 1", "0"], lambda: likelihood.continuous_vlb(MODEL, X, draws=0)),
    (ValueError, ["decoder", "'categorical'", "'softmax'"], lambda: likelihood.continuous_vlb(MODEL, X, decoder="softmax")),
    (ValueError, ["levels", "None"], lambda: likelihood.continuous_vlb(MODEL, X, decoder="categorical")),
    (ValueError, ["x", "[-1, 1]"], lambda: likelihood.continuous_vlb(MODEL, 3 * GREY, levels=3)),
    (ValueError, ["x", "4 levels", "0"], lambda: likelihood.continuous_vlb(MODEL, GREY, levels=4)),
    (TypeError, ["model", "Denoiser"], lambda: likelihood.continuous_vlb(None, X)),
    (TypeError, ["process", "GaussianProcess"], lambda: likelihood.continuous_vlb(torch.nn.Module.__new__(Bare), X)),
    (ValueError, ["x0", "NaN"], lambda: likelihood.diffusion_nats(MODEL, X * math.nan)),
    (ValueError, ["x", "[-1, 1]"], lambda: likelihood.dequantise(GREY * 2, 3)),
    (ValueError, ["x", "dequantised"], lambda: likelihood.dequantise(likelihood.dequantise(GREY, 3, gen()), 3)),
    (TypeError, ["generator", "torch.Generator"], lambda: likelihood.dequantise(GREY, 3, 7)),
    (ValueError, ["levels", "at least 2", "1"], lambda: likelihood.bin_width(1)),
    (ValueError, ["std", "positive", "0"], lambda: likelihood.discretised_log_prob(GREY, GREY, 0.0, 3)),
    (ValueError, ["std", "positive", "-1"], lambda: likelihood.discretised_log_prob(GREY, GREY, -1.0, 3)),
    (ValueError, ["std", "broadcast", "(5, 1, 1)"], lambda: likelihood.discretised_log_prob(GREY, GREY, torch.ones(5, 1, 1), 3)),
    (TypeError, ["std", "'narrow'"], lambda: likelihood.discretised_log_prob(GREY, GREY, "narrow", 3)),
    (ValueError, ["sigma", "positive", "0"], lambda: likelihood.categorical_log_prob(GREY, GREY, 1.0, 0.0, 3)),
    (ValueError, ["decoder", "'zzz'"], lambda: likelihood.reconstruction_nats(MODEL, X, 0.1, None, "zzz", X)),
    (TypeError, ["dtype", "floating", "int64"], lambda: likelihood.even_times(4, 1, dtype=torch.int64)),
    (ValueError, ["square", "-1"], lambda: likelihood.pair_costs(VP(), [1.0, 0.5, 0.0], [0.5, -1.0, 0.0])),
    (ValueError, ["xt", "shape of x"], lambda: likelihood.categorical_log_prob(GREY, GREY[:1], 1.0, 0.1, 3)),
    (ValueError, ["log_snrs", "fall"], lambda: vdm.TableSchedule([-10.0, 9.0])),
    (ValueError, ["log_snrs", "fall", "[9.0, 9.0]"], lambda: vdm.TableSchedule([9.0, 9.0])),
    (ValueError, ["t_min", "(0, 1)", "0"], lambda: vdm.TableSchedule([9.0, -9.0], t_min=0.0)),
    (ValueError, ["last", "(-inf, -10)", "9"], lambda: vdm.LearnedSchedule(-10.0, 9.0)),
    (TypeError, ["first", "number", "'9'"], lambda: vdm.LearnedSchedule("9", -9.0)),
    (ValueError, ["width", "at least 1", "0"], lambda: vdm.LearnedSchedule(9.0, -9.0, width=0)),
    (ValueError, ["t ", "[0, 1]", "1.5"], lambda: vdm.LearnedSchedule(9.0, -9.0).gamma(1.5)),
])
def test_wrong_input(error, words, call):
    with pytest.raises(error) as caught:
        call()
    assert all(word in str(caught.value) for word in words), str(caught.value)


class Bare(torch.nn.Module):
    """A module whose process is none."""

    process = "VP"
