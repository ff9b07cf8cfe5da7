"""Decoders for data of finitely many grey levels: the last step as a probability, not a density."""
import torch

from ..checks import check_count, check_data, check_same_shape, readable, shown


def check_levels(x, levels):
    """Return `levels` if every number of x is one of that many, equally spaced from -1 to 1."""
    levels = check_count("levels", levels, least=2)
    place = (check_data("x", x).double() + 1) * (levels - 1) / 2       # 0, 1, ..., levels - 1
    if place.min() < -1e-3 or place.max() > levels - 1 + 1e-3:
        raise ValueError(f"x must lie in [-1, 1], got {x.min():g} to {x.max():g}")
    off = (place - place.round()).abs()
    if off.max() > 1e-3:
        wrong = x.flatten()[off.argmax()].item()
        raise ValueError(f"x must hold the {levels} levels -1 + 2k/{levels - 1}, got {wrong:g}: "
                         "data of another number of levels, or already dequantised?")
    return levels


def check_scale(name, scale, x):
    """Return a positive number, (B,) for one per example, or what broadcasts to x, in float64."""
    try:
        scale = torch.as_tensor(scale, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"{name} must be a number or a tensor, got {shown(scale)}") from None
    if scale.ndim == 1 and len(scale) == len(x):
        scale = scale.reshape(-1, *[1] * (x.ndim - 1))
    if scale.ndim > x.ndim or any(a not in (1, b) for a, b in
                                  zip(scale.shape[::-1], x.shape[::-1])):
        raise ValueError(f"{name} must be a number, ({len(x)},), or broadcast to x, "
                         f"{tuple(x.shape)}, got shape {tuple(scale.shape)}")
    if readable(scale) and not (scale > 0).all():
        raise ValueError(f"{name} must be positive, got {scale.min():g}")
    return scale


def discretised_log_prob(x, mean, std, levels):
    """log P(x) of a normal law rounded to `levels` values in [-1, 1], in nats, shape of x.

    The integral of the density over the bin of x, of width 2/(levels - 1); the two end bins reach
    to infinity, so the probabilities of all levels add up to 1 (Ho et al. 2020, Eq. 13, for 256
    levels). mean has the shape of x; std is a number, (B,), or broadcasts. Raises ValueError for x
    that is not one of the levels, and for a std that is not positive.
    """
    levels = check_levels(x, levels)
    check_same_shape("mean", mean, "x", x)
    half = 1 / (levels - 1)
    std = check_scale("std", std, x)
    low, high = ((x.double() + sign * half - mean) / std for sign in (-1, 1))
    low = low.masked_fill(x < -1 + half, -torch.inf)
    high = high.masked_fill(x > 1 - half, torch.inf)
    # in the upper tail both cdfs are 1 to rounding: look at the mirror image
    low, high = torch.where(low > 0, -high, low), torch.where(low > 0, -low, high)
    log_low, log_high = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
    return (log_high + torch.log1p(-(log_low - log_high).exp())).to(x.dtype)


def categorical_log_prob(x, xt, alpha, sigma, levels):
    """log P(x) among `levels` values, given xt = alpha x + sigma eps, in nats, shape of x.

    P(x) is proportional to the density of xt around alpha times each value -1 + 2k/(levels - 1): a
    softmax per coordinate, which asks no network. VDM's decoder (Kingma et al. 2021); good
    when sigma/alpha is far below the width of a bin. alpha and sigma: numbers, (B,), or what
    broadcasts to x. Keeps (B, *shape, levels) numbers in memory.
    """
    levels = check_levels(x, levels)
    check_same_shape("xt", xt, "x", x)
    alpha, sigma = check_scale("alpha", alpha, x), check_scale("sigma", sigma, x)
    values = torch.linspace(-1, 1, levels, dtype=torch.float64, device=x.device)
    means = alpha.unsqueeze(-1) * values                           # (..., levels)
    logits = -0.5 * ((xt.double().unsqueeze(-1) - means) / sigma.unsqueeze(-1)) ** 2
    place = ((x.double() + 1) * (levels - 1) / 2).round().long()
    return logits.log_softmax(-1).gather(-1, place.unsqueeze(-1)).squeeze(-1).to(x.dtype)
