"""The bound on the model SDE's likelihood, example by example, in nats (survey Eqs. 36 and 37)."""
import torch

from ..checks import check_choice, check_count, check_data, check_model, check_number
from ..process import check_process, check_signal, outside_inference, randn_like
from .continuous import even_times, reconstruction_nats
from .flow import DIVERGENCES, divergence_of, draw_probe
from .vlb import prior_nats, sum_coordinates

FORMS = ("denoising", "implicit")


def denoising_rate(model, x0, t, noise):
    """1/2 |noise - eps_theta|^2 at times t, (B,): nats of the bound per unit of log SNR."""
    error = model.eps(model.process.perturb(x0, t, noise), t) - noise
    return 0.5 * sum_coordinates(error**2)


def implicit_rate(model, x0, t, noise, probe=None):
    """1/2 (|eps_theta|^2 + d) - sigma div eps_theta at times t, (B,): the same in the mean.

    For noise . eps_theta has the mean sigma div eps_theta, by parts. The divergence is exact, or
    that along a `probe`.
    """
    with torch.enable_grad():
        x = model.process.perturb(x0, t, noise).detach().requires_grad_()
        eps = model.eps(x, t) + 0 * x                              # it may not depend on x
        divergence = divergence_of(eps, x, probe).detach()
    sigma = torch.as_tensor(model.process.sigma(t)).to(x0.dtype)
    return 0.5 * (sum_coordinates(eps.detach() ** 2) + x0[0].numel()) - sigma * divergence


@outside_inference
@torch.no_grad()
def sde_bound(model, x, *, form="denoising", draws=16, end=None, divergence="exact",
              generator=None):
    """An unbiased estimate of a bound on -log p_sde(x) in nats, (B, *shape) -> (B,).

    p_sde is the law of x_0 when the model SDE (survey Eq. 33) runs from the prior down to the time
    `end` (t_min by default) and a normal law around the denoised mean, of variance 1/SNR(end),
    decodes. Its bound, survey Eqs. (36) and (37), with all that is known in closed form taken out:

        KL(q(x_1|x) || prior) + integral of the form's rate over log SNR - E log p(x|x_end)

    form: "denoising", 1/2 |noise - eps_theta|^2, or "implicit", which asks for a divergence in the
    place of the noise (`divergence`: "exact", a backward pass a coordinate, or "hutchinson", one).
    Both have the same mean at each time. Times are drawn with density proportional to g^2/sigma^2,
    that is uniformly in log SNR, `draws` for each example, spread evenly over the batch. Song et
    al. 2021 (Maximum Likelihood Training), Theorem 3; Huang et al. 2021; with form="denoising" the
    mean is that of `continuous_vlb`. Raises ValueError for other words, draws below 1, end outside
    (0, 1) and a process without signal at t = 1.
    """
    check_data("x", x)
    process = check_process(check_model(model).process)
    check_choice("form", form, FORMS)
    check_choice("divergence", divergence, DIVERGENCES)
    end = process.t_min if end is None else check_number("end", end, 0, 1)
    low, high = check_signal(process), process.log_snr(end)      # else the integral has no end
    total, draws = 0, check_count("draws", draws)
    for place in even_times(len(x), draws, 0.0, generator, device=x.device).unbind(1):
        t, noise = process.time_at_log_snr(low + (high - low) * place), randn_like(x, generator)
        if form == "denoising":
            rate = denoising_rate(model, x, t, noise)
        else:
            probe = draw_probe(x, "rademacher", generator) if divergence == "hutchinson" else None
            rate = implicit_rate(model, x, t, noise, probe)
        last = reconstruction_nats(model, x, end, None, "normal", randn_like(x, generator))
        total = total + (high - low) * rate + last
    return prior_nats(process, x, x.new_ones(())) + total / draws
