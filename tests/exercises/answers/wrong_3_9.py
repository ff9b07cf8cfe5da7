# %% the faults themselves
def churn(denoise, x, levels, s_churn, generator=None):
    return churn_with_faults(denoise, x, levels, s_churn, generator)


# %% the first fault alone repaired
def churn(denoise, x, levels, s_churn, generator=None):
    levels = [float(level) for level in levels]
    for level, lower in zip(levels[:-1], levels[1:]):
        gamma = min(s_churn / (len(levels) - 1), math.sqrt(2) - 1)
        up = (1 + gamma) * level
        x = x + math.sqrt(up**2 - level**2) * torch.randn(x.shape, generator=generator, dtype=x.dtype)
        slope = (x - denoise(x, level)) / level
        ahead = x + (lower - up) * slope
        if lower > 0:
            ahead = x + (lower - up) * (slope + (ahead - denoise(ahead, lower)) / lower) / 2
        x = ahead
    return x


# %% the second fault alone repaired
def churn(denoise, x, levels, s_churn, generator=None):
    levels = [float(level) for level in levels]
    for level, lower in zip(levels[:-1], levels[1:]):
        gamma = max(s_churn / (len(levels) - 1), math.sqrt(2) - 1)
        up = (1 + gamma) * level
        x = x + math.sqrt(up**2 - level**2) * torch.randn(x.shape, generator=generator, dtype=x.dtype)
        slope = (x - denoise(x, up)) / up
        ahead = x + (lower - up) * slope
        if lower > 0:
            ahead = x + (lower - up) * (slope + (ahead - denoise(ahead, lower)) / lower) / 2
        x = ahead
    return x


# %% the network told the right level, the slope divided by the old one
def churn(denoise, x, levels, s_churn, generator=None):
    levels = [float(level) for level in levels]
    for level, lower in zip(levels[:-1], levels[1:]):
        up = (1 + min(s_churn / (len(levels) - 1), math.sqrt(2) - 1)) * level
        x = x + math.sqrt(up**2 - level**2) * torch.randn(x.shape, generator=generator, dtype=x.dtype)
        slope = (x - denoise(x, up)) / level
        ahead = x + (lower - up) * slope
        if lower > 0:
            ahead = x + (lower - up) * (slope + (ahead - denoise(ahead, lower)) / lower) / 2
        x = ahead
    return x


# %% the slope divided by the right level, the network told the old one
def churn(denoise, x, levels, s_churn, generator=None):
    levels = [float(level) for level in levels]
    for level, lower in zip(levels[:-1], levels[1:]):
        up = (1 + min(s_churn / (len(levels) - 1), math.sqrt(2) - 1)) * level
        x = x + math.sqrt(up**2 - level**2) * torch.randn(x.shape, generator=generator, dtype=x.dtype)
        slope = (x - denoise(x, level)) / up
        ahead = x + (lower - up) * slope
        if lower > 0:
            ahead = x + (lower - up) * (slope + (ahead - denoise(ahead, lower)) / lower) / 2
        x = ahead
    return x


# %% a step as long as without churn
def churn(denoise, x, levels, s_churn, generator=None):
    levels = [float(level) for level in levels]
    for level, lower in zip(levels[:-1], levels[1:]):
        up = (1 + min(s_churn / (len(levels) - 1), math.sqrt(2) - 1)) * level
        x = x + math.sqrt(up**2 - level**2) * torch.randn(x.shape, generator=generator, dtype=x.dtype)
        slope = (x - denoise(x, up)) / up
        ahead = x + (lower - level) * slope
        if lower > 0:
            ahead = x + (lower - level) * (slope + (ahead - denoise(ahead, lower)) / lower) / 2
        x = ahead
    return x


# %% the noise of a difference of levels, not of variances
def churn(denoise, x, levels, s_churn, generator=None):
    levels = [float(level) for level in levels]
    for level, lower in zip(levels[:-1], levels[1:]):
        up = (1 + min(s_churn / (len(levels) - 1), math.sqrt(2) - 1)) * level
        x = x + (up - level) * torch.randn(x.shape, generator=generator, dtype=x.dtype)
        slope = (x - denoise(x, up)) / up
        ahead = x + (lower - up) * slope
        if lower > 0:
            ahead = x + (lower - up) * (slope + (ahead - denoise(ahead, lower)) / lower) / 2
        x = ahead
    return x


# %% no cap
def churn(denoise, x, levels, s_churn, generator=None):
    levels = [float(level) for level in levels]
    for level, lower in zip(levels[:-1], levels[1:]):
        up = (1 + s_churn / (len(levels) - 1)) * level
        x = x + math.sqrt(up**2 - level**2) * torch.randn(x.shape, generator=generator, dtype=x.dtype)
        slope = (x - denoise(x, up)) / up
        ahead = x + (lower - up) * slope
        if lower > 0:
            ahead = x + (lower - up) * (slope + (ahead - denoise(ahead, lower)) / lower) / 2
        x = ahead
    return x


# %% the number of levels for the number of steps
def churn(denoise, x, levels, s_churn, generator=None):
    levels = [float(level) for level in levels]
    for level, lower in zip(levels[:-1], levels[1:]):
        up = (1 + min(s_churn / len(levels), math.sqrt(2) - 1)) * level
        x = x + math.sqrt(up**2 - level**2) * torch.randn(x.shape, generator=generator, dtype=x.dtype)
        slope = (x - denoise(x, up)) / up
        ahead = x + (lower - up) * slope
        if lower > 0:
            ahead = x + (lower - up) * (slope + (ahead - denoise(ahead, lower)) / lower) / 2
        x = ahead
    return x


# %% the churn switched off
def churn(denoise, x, levels, s_churn, generator=None):
    levels = [float(level) for level in levels]
    for level, lower in zip(levels[:-1], levels[1:]):
        slope = (x - denoise(x, level)) / level
        ahead = x + (lower - level) * slope
        if lower > 0:
            ahead = x + (lower - level) * (slope + (ahead - denoise(ahead, lower)) / lower) / 2
        x = ahead
    return x


# %% Euler in the place of Heun
def churn(denoise, x, levels, s_churn, generator=None):
    levels = [float(level) for level in levels]
    for level, lower in zip(levels[:-1], levels[1:]):
        up = (1 + min(s_churn / (len(levels) - 1), math.sqrt(2) - 1)) * level
        x = x + math.sqrt(up**2 - level**2) * torch.randn(x.shape, generator=generator, dtype=x.dtype)
        x = x + (lower - up) / up * (x - denoise(x, up))
    return x


# %% one noise for the whole batch
def churn(denoise, x, levels, s_churn, generator=None):
    levels = [float(level) for level in levels]
    for level, lower in zip(levels[:-1], levels[1:]):
        up = (1 + min(s_churn / (len(levels) - 1), math.sqrt(2) - 1)) * level
        x = x + math.sqrt(up**2 - level**2) * torch.randn(x[:1].shape, generator=generator, dtype=x.dtype)
        slope = (x - denoise(x, up)) / up
        ahead = x + (lower - up) * slope
        if lower > 0:
            ahead = x + (lower - up) * (slope + (ahead - denoise(ahead, lower)) / lower) / 2
        x = ahead
    return x


# %% the generator not used
def churn(denoise, x, levels, s_churn, generator=None):
    levels = [float(level) for level in levels]
    for level, lower in zip(levels[:-1], levels[1:]):
        up = (1 + min(s_churn / (len(levels) - 1), math.sqrt(2) - 1)) * level
        x = x + math.sqrt(up**2 - level**2) * torch.randn_like(x)
        slope = (x - denoise(x, up)) / up
        ahead = x + (lower - up) * slope
        if lower > 0:
            ahead = x + (lower - up) * (slope + (ahead - denoise(ahead, lower)) / lower) / 2
        x = ahead
    return x


# %% asks the network at level 0
def churn(denoise, x, levels, s_churn, generator=None):
    levels = [float(level) for level in levels]
    for level, lower in zip(levels[:-1], levels[1:]):
        up = (1 + min(s_churn / (len(levels) - 1), math.sqrt(2) - 1)) * level
        x = x + math.sqrt(up**2 - level**2) * torch.randn(x.shape, generator=generator, dtype=x.dtype)
        slope = (x - denoise(x, up)) / up
        ahead = x + (lower - up) * slope
        x = x + (lower - up) * (slope + (ahead - denoise(ahead, lower)) / max(lower, 1e-9)) / 2
    return x
