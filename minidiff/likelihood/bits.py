"""From nats to bits per dimension: the one place where units change."""
import math

import torch

from ..checks import check_count, check_generator, check_number, check_tensor
from .decoder import check_levels


def bin_width(levels):
    """Distance of neighbouring values, for `levels` of them from -1 to 1: 1/127.5 for 256."""
    return 2 / (check_count("levels", levels, least=2) - 1)


def dequantise(x, levels, generator=None):
    """x plus noise that is uniform over its bin, (B, *shape) -> (B, *shape): data with a density.

    x holds `levels` values from -1 to 1; a value v becomes uniform on v +- bin_width(levels)/2, so
    the ends reach a little beyond [-1, 1]. The mean of log density + log bin_width under this noise
    is a lower bound on the log probability of x (Theis et al. 2016): a density model of the noisy
    values may be quoted in bits per dimension. Raises ValueError for x that is not such data.
    """
    check_levels(x, levels)
    check_generator(generator)
    noise = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device)
    return x + (noise - 0.5) * bin_width(levels)


def bits_per_dim(log_prob, dims, bin_width=1.0):
    """Nats to bits per dimension: -(log_prob / dims + log bin_width) / log 2, shaped as log_prob.

    log_prob is the whole example's, over `dims` coordinates (pixels times channels). Two kinds of
    it come in. A log *probability* of discrete data (vlb_terms with levels, negated) needs no
    bin_width. A log *density* of dequantised data needs the width of a bin in the units of x, since
    probability is density times width: bin_width(256) = 1/127.5 for 8 bits in [-1, 1] (adds 6.99
    bits), 1/255 for values k/255 in [0, 1], 1/256 for (k + u)/256. A density with the width left
    out is no number of bits of anything: it moves when the data are scaled.
    """
    dims, bin_width = check_count("dims", dims), check_number("bin_width", bin_width, 0)
    if isinstance(log_prob, torch.Tensor):
        check_tensor("log_prob", log_prob)
    else:
        check_number("log_prob", log_prob, open_low=False)
    return -(log_prob / dims + math.log(bin_width)) / math.log(2)
