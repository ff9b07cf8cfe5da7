# %% mirrored by the sign, ends as a mask, log(-expm1)
def decoder_log_prob(x, mean, std, levels):
    half, side = 1 / (levels - 1), torch.where(x > mean, -1.0, 1.0).to(x.dtype)
    centre = side * (x - mean)                             # never above 0
    upper = torch.special.log_ndtr((centre + half) / std)
    lower = torch.special.log_ndtr((centre - half) / std)
    open_below = (x - half < -1) & (side > 0) | (x + half > 1) & (side < 0)
    open_above = (x + half > 1) & (side > 0) | (x - half < -1) & (side < 0)
    upper = torch.where(open_above, torch.zeros_like(upper), upper)
    inside = upper + torch.log(-torch.expm1(torch.clamp(lower - upper, max=-1e-300)))
    return torch.where(open_below, upper, inside)


# %% number by number with scipy
def decoder_log_prob(x, mean, std, levels):
    import numpy as np
    from scipy.special import log_ndtr

    width = 1 / (levels - 1)
    std = torch.as_tensor(std, dtype=torch.float64).expand(x.shape)
    found = []
    for value, centre, spread in zip(x.flatten().tolist(), mean.flatten().tolist(), std.flatten().tolist()):
        k = round((value + 1) * (levels - 1) / 2)
        low = -np.inf if k == 0 else (value - width - centre) / spread
        high = np.inf if k == levels - 1 else (value + width - centre) / spread
        if low > 0:
            low, high = -high, -low
        top, bottom = log_ndtr(high), log_ndtr(low)
        found.append(top if bottom == -np.inf else top + np.log1p(-np.exp(bottom - top)))
    return torch.tensor(found, dtype=x.dtype).reshape(x.shape)
