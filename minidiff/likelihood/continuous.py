"""The variational bound in continuous time (Kingma et al. 2021; survey Eqs. 29 and 30), in nats."""
import torch

from ..checks import (check_choice, check_count, check_data, check_generator, check_model,
                      check_number, shown)
from ..process import check_process, check_signal, randn_like
from .decoder import categorical_log_prob, check_levels, discretised_log_prob
from .vlb import VLB, decoder_nats, prior_nats, sum_coordinates

DECODERS = ("normal", "categorical")


def even_times(count, draws, end=0.0, generator=None, dtype=torch.float64, device=None):
    """Times for `draws` rounds of a batch, (count, draws), uniform on [end, 1] one by one.

    One random shift and then equal steps, modulo the length: over the batch, and over the draws of
    each example, they leave no gap. The low-discrepancy sampler of VDM (its appendix I.1).
    """
    count, draws = check_count("count", count), check_count("draws", draws)
    end = check_number("end", end, 0, 1, open_low=False)
    check_generator(generator)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise TypeError(f"dtype must be a floating-point one of torch, got {shown(dtype)}")
    shift = torch.rand((), generator=generator, dtype=torch.float64, device=device)
    place = torch.arange(count * draws, dtype=torch.float64, device=device) / (count * draws)
    place = place.reshape(draws, count).T
    return (1 - (1 - end) * ((shift + place) % 1)).to(dtype)       # (end, 1], so never 0


def reconstruction_nats(model, x0, end, levels, decoder, noise):
    """-log p(x_0|x_end) in nats, (B,): what is left to say when all noise but the last is gone."""
    check_choice("decoder", decoder, DECODERS)
    process, t = model.process, x0.new_full((), end)
    xt = process.perturb(x0, t, noise)
    if levels is not None and decoder == "categorical":
        return sum_coordinates(-categorical_log_prob(x0, xt, *process.scales(t), levels))
    x0_hat, variance = model(xt, t), process.sigma(t) ** 2 / process.alpha(t) ** 2
    if levels is None:
        return sum_coordinates(decoder_nats((x0 - x0_hat) ** 2, 1, variance).to(x0.dtype))
    return sum_coordinates(-discretised_log_prob(x0, x0_hat, variance.sqrt(), levels))


def continuous_vlb(model, x0, *, draws=1, levels=None, decoder="normal", end=None,
                   differentiable=False, generator=None):
    """The negative bound of infinitely many steps in nats, (B, *shape) -> VLB (survey Eq. 29).

    The diffusion loss is 1/2 the integral of (g/sigma)^2 |eps - eps_theta|^2 dt from `end` to 1,
    which is Eq. 30 written in time. Column j of VLB.diffusion, (B, draws), is draw j of it over
    `draws`, so that the columns add up to an unbiased estimate; times come from even_times. `end`
    is the process's t_min by default. There the decoder takes over. levels=None: the density of a
    normal law around the denoised mean, of variance 1/SNR(end). levels=256 (8 bits) or 17 (the
    digits), for data in [-1, 1]: that law's probability of the value (decoder="normal"), or VDM's
    softmax over the values, which asks no network (decoder="categorical").

    Prior, diffusion and reconstruction are all *added* to the negative bound. differentiable=True
    keeps the graph, to train a model, its schedule, or both.
    """
    check_data("x0", x0)
    process = check_process(check_model(model).process)
    draws, decoder = check_count("draws", draws), check_choice("decoder", decoder, DECODERS)
    end = process.t_min if end is None else check_number("end", end, 0, 1)
    if levels is not None:
        check_levels(x0, levels)
    elif decoder == "categorical":
        raise ValueError('levels must be given for decoder="categorical", got None')
    with torch.set_grad_enabled(differentiable and torch.is_grad_enabled()):
        times = even_times(len(x0), draws, end, generator, device=x0.device)
        diffusion = [(1 - end) / draws * draw_nats(model, x0, t, randn_like(x0, generator))
                     for t in times.unbind(1)]
        last = reconstruction_nats(model, x0, end, levels, decoder, randn_like(x0, generator))
        prior = prior_nats(process, x0, x0.new_ones(()))
    return VLB(prior, torch.stack(diffusion, 1), last)


def draw_nats(model, x0, t, noise):
    """1/2 (g/sigma)^2 |noise - eps_theta|^2 at times t, (B,): nats of diffusion loss per unit t.

    (g/sigma)^2 is the slope of -log SNR, gamma' in VDM. Its mean over t and noise, times the length
    of the time, is the diffusion loss; its variance is what a learned schedule is trained on.
    """
    process = model.process
    square = sum_coordinates((model.eps(process.perturb(x0, t, noise), t) - noise) ** 2)
    rate = (process.diffusion(t) / process.sigma(t)) ** 2
    return 0.5 * rate.to(x0.dtype) * square


@torch.no_grad()
def diffusion_nats(model, x0, *, noise_levels=101, start=1.0, end=None, generator=None):
    """The diffusion loss by quadrature over the SNR, in nats, (B, *shape) -> (B,) (survey Eq. 30).

    1/2 the integral of SNR |x_0 - x0_hat|^2 over log SNR, between its values at the times `start`
    and `end` (t_min by default), by Simpson's rule over an odd number of `noise_levels`, equally
    spaced in log SNR. Time does not enter but through the two ends. Each example has one noise for
    all levels: what is random is the noise alone, and two schedules with the same ends agree to
    rounding. Raises ValueError for an even number of levels, which Simpson's rule cannot use.
    """
    check_data("x0", x0)
    process = check_process(check_model(model).process)
    count = check_count("noise_levels", noise_levels, least=3)
    if count % 2 == 0:
        raise ValueError("noise_levels must be odd, two intervals for each parabola of Simpson's "
                         f"rule, got {count}")
    start = check_number("start", start, 0, 1, open_high=False)
    end = min(process.t_min, start / 2) if end is None else check_number("end", end, 0, start)
    low, high = check_signal(process, start), process.log_snr(end)
    log_snrs = torch.linspace(low, high, count, dtype=torch.float64)
    times = process.time_at_log_snr(log_snrs).tolist()
    noise, total = randn_like(x0, generator), 0.0
    for i, t in enumerate([start, *times[1:-1], end]):             # no rounding at the ends
        weight = 1 if i in (0, count - 1) else 4 if i % 2 else 2
        square = (model.eps(process.perturb(x0, t, noise), t) - noise) ** 2
        total = total + weight * sum_coordinates(square)
    return 0.5 * (high - low) / (count - 1) / 3 * total
