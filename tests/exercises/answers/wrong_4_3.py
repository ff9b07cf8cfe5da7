# %% the difference of two cumulative probabilities, cut off
def decoder_log_prob(x, mean, std, levels):
    half = 1 / (levels - 1)
    low = torch.where(x < -1 + half, -math.inf, (x - half - mean) / std)
    high = torch.where(x > 1 - half, math.inf, (x + half - mean) / std)
    return (torch.special.ndtr(high) - torch.special.ndtr(low)).clamp(min=1e-12).log()


# %% the difference, not cut off
def decoder_log_prob(x, mean, std, levels):
    half = 1 / (levels - 1)
    low = torch.where(x < -1 + half, -math.inf, (x - half - mean) / std)
    high = torch.where(x > 1 - half, math.inf, (x + half - mean) / std)
    return (torch.special.ndtr(high) - torch.special.ndtr(low)).log()


# %% closed ends
def decoder_log_prob(x, mean, std, levels):
    half = 1 / (levels - 1)
    low, high = (x - half - mean) / std, (x + half - mean) / std
    low, high = torch.where(low > 0, -high, low), torch.where(low > 0, -low, high)
    log_low, log_high = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
    return log_high + torch.log1p(-(log_low - log_high).exp())


# %% one end closed
def decoder_log_prob(x, mean, std, levels):
    half = 1 / (levels - 1)
    low = torch.where(x < -1 + half, -math.inf, (x - half - mean) / std)
    high = (x + half - mean) / std
    low, high = torch.where(low > 0, -high, low), torch.where(low > 0, -low, high)
    log_low, log_high = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
    return log_high + torch.log1p(-(log_low - log_high).exp())


# %% the ends swapped
def decoder_log_prob(x, mean, std, levels):
    half = 1 / (levels - 1)
    low = torch.where(x > 1 - half, -math.inf, (x - half - mean) / std)
    high = torch.where(x < -1 + half, math.inf, (x + half - mean) / std)
    low, high = torch.where(low > 0, -high, low), torch.where(low > 0, -low, high)
    log_low, log_high = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
    return log_high + torch.log1p(-(log_low - log_high).exp())


# %% bins of twice the width
def decoder_log_prob(x, mean, std, levels):
    half = 2 / (levels - 1)
    low = torch.where(x < -1 + half, -math.inf, (x - half - mean) / std)
    high = torch.where(x > 1 - half, math.inf, (x + half - mean) / std)
    low, high = torch.where(low > 0, -high, low), torch.where(low > 0, -low, high)
    log_low, log_high = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
    return log_high + torch.log1p(-(log_low - log_high).exp())


# %% the bins of 256 levels
def decoder_log_prob(x, mean, std, levels):
    half = 1 / 255
    low = torch.where(x < -1 + half, -math.inf, (x - half - mean) / std)
    high = torch.where(x > 1 - half, math.inf, (x + half - mean) / std)
    low, high = torch.where(low > 0, -high, low), torch.where(low > 0, -low, high)
    log_low, log_high = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
    return log_high + torch.log1p(-(log_low - log_high).exp())


# %% the logarithms right, the upper tail lost
def decoder_log_prob(x, mean, std, levels):
    half = 1 / (levels - 1)
    low = torch.where(x < -1 + half, -math.inf, (x - half - mean) / std)
    high = torch.where(x > 1 - half, math.inf, (x + half - mean) / std)
    log_low, log_high = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
    return log_high + torch.log1p(-(log_low - log_high).exp())


# %% a variance in the place of a standard deviation
def decoder_log_prob(x, mean, std, levels):
    half, std = 1 / (levels - 1), std**0.5
    low = torch.where(x < -1 + half, -math.inf, (x - half - mean) / std)
    high = torch.where(x > 1 - half, math.inf, (x + half - mean) / std)
    low, high = torch.where(low > 0, -high, low), torch.where(low > 0, -low, high)
    log_low, log_high = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
    return log_high + torch.log1p(-(log_low - log_high).exp())


# %% the density times the width
def decoder_log_prob(x, mean, std, levels):
    std = torch.as_tensor(std, dtype=x.dtype)
    return -0.5 * ((x - mean) / std) ** 2 - (std * math.sqrt(2 * math.pi)).log() + math.log(2 / (levels - 1))


# %% summed over coordinates
def decoder_log_prob(x, mean, std, levels):
    half = 1 / (levels - 1)
    low = torch.where(x < -1 + half, -math.inf, (x - half - mean) / std)
    high = torch.where(x > 1 - half, math.inf, (x + half - mean) / std)
    low, high = torch.where(low > 0, -high, low), torch.where(low > 0, -low, high)
    log_low, log_high = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
    return (log_high + torch.log1p(-(log_low - log_high).exp())).reshape(len(x), -1).sum(1)


# %% the ends found by thresholds made for 256 levels
def decoder_log_prob(x, mean, std, levels):
    half = 1 / (levels - 1)
    low, high = (x - half - mean) / std, (x + half - mean) / std
    low = torch.where(x < -0.999, -math.inf, low)
    high = torch.where(x > 0.999, math.inf, high)
    low, high = torch.where(low > 0, -high, low), torch.where(low > 0, -low, high)
    log_low, log_high = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
    return log_high + torch.log1p(-(log_low - log_high).exp())
