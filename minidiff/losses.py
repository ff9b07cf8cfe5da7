"""Training objectives: per-example values, a sum over coordinates, never averaged inside."""
import torch

from .checks import check_choice, check_model, readable, shown
from .process import expand

WEIGHTS = ("simple", "x0", "v", "snr", "likelihood")


def weight_of(process, t, weight):
    """The factor of ||eps - eps_theta||^2 at time t, (B,) -> (B,).

    "simple"      1, DDPM's choice (survey Eq. 10)
    "x0"          1/SNR: the plain squared error of x0
    "v"           1 + 1/SNR: the plain squared error of v, if alpha^2 + sigma^2 = 1
                  (Salimans & Ho 2022, "SNR + 1" in units of x0)
    "snr"         max(1, 1/SNR): the x0 error weighted by max(SNR, 1)
                  (Salimans & Ho 2022, truncated SNR)
    "likelihood"  g^2 / (2 sigma^2): the ScoreFlow bound in nats per unit of time
                  (Song et al. 2021; survey Eq. 35)
    or a function of t.
    """
    if callable(weight):
        return weight(t)
    check_choice("weight", weight, WEIGHTS)
    if weight == "simple":
        return torch.ones_like(process.alpha(t))
    time = torch.as_tensor(process.as_time(t))
    if readable(time) and not torch.all(time > 0):
        raise ValueError(f"t must be above 0 for the weight {weight!r}, got {shown(t)}")
    if weight == "likelihood":
        return process.diffusion(t) ** 2 / (2 * process.sigma(t) ** 2)
    inverse = 1 / process.snr(t)
    return {"x0": inverse, "v": 1 + inverse, "snr": inverse.clamp(min=1)}[weight]


def denoising(model, x0, t, noise, weight="simple"):
    """weight(t) ||noise - eps_theta(x_t, t)||^2, (B, *shape) -> (B,) (survey Eqs. 10, 14, 20).

    In squared units of eps. With s = -eps/sigma this is lambda sigma^2 ||score of q(x_t|x_0) -
    s_theta||^2 as well: DDPM's loss and NCSN's are one. t is (B,), times or, for a chain, whole
    steps. Raises as process.perturb does.
    """
    process = check_model(model).process
    xt = process.perturb(x0, t, noise)
    error = (model.eps(xt, t) - noise).reshape(len(x0), -1).square().sum(1)
    if isinstance(weight, str) and weight == "simple":
        return error
    return expand(weight_of(process, process.as_time(t), weight), error) * error
