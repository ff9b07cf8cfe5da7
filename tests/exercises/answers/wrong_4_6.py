# %% linear
def learned_variance(v, betas, step):
    bars = (1 - betas).cumprod(0)
    low = torch.cat([betas[:1], betas[1:] * (1 - bars[:-1]) / (1 - bars[1:])])
    low[1] = low[2]
    column = (-1,) + (1,) * (v.ndim - 1)
    low, high = (table[step].reshape(column) for table in (low, betas))
    return v * high + (1 - v) * low


# %% v the other way round
def learned_variance(v, betas, step):
    bars = (1 - betas).cumprod(0)
    low = torch.cat([betas[:1], betas[1:] * (1 - bars[:-1]) / (1 - bars[1:])])
    low[1] = low[2]
    column = (-1,) + (1,) * (v.ndim - 1)
    low, high = (table[step].log().reshape(column) for table in (low, betas))
    return (v * low + (1 - v) * high).exp()


# %% the first step not mended
def learned_variance(v, betas, step):
    bars = (1 - betas).cumprod(0)
    low = torch.cat([betas[:1], betas[1:] * (1 - bars[:-1]) / (1 - bars[1:])])
    column = (-1,) + (1,) * (v.ndim - 1)
    low, high = (table[step].log().reshape(column) for table in (low, betas))
    return (v * high + (1 - v) * low).exp()


# %% the first step cut off at 1e-20
def learned_variance(v, betas, step):
    bars = (1 - betas).cumprod(0)
    low = torch.cat([betas[:1], betas[1:] * (1 - bars[:-1]) / (1 - bars[1:])]).clamp(min=1e-20)
    column = (-1,) + (1,) * (v.ndim - 1)
    low, high = (table[step].log().reshape(column) for table in (low, betas))
    return (v * high + (1 - v) * low).exp()


# %% the first step replaced by beta_1
def learned_variance(v, betas, step):
    bars = (1 - betas).cumprod(0)
    low = torch.cat([betas[:1], betas[1:] * (1 - bars[:-1]) / (1 - bars[1:])])
    low[1] = betas[1]
    column = (-1,) + (1,) * (v.ndim - 1)
    low, high = (table[step].log().reshape(column) for table in (low, betas))
    return (v * high + (1 - v) * low).exp()


# %% all steps one late
def learned_variance(v, betas, step):
    bars = (1 - betas).cumprod(0)
    low = torch.cat([betas[:1], betas[1:] * (1 - bars[:-1]) / (1 - bars[1:])])
    low[1] = low[2]
    low[0], betas = low[1], torch.cat([betas[1:2], betas[1:]])
    column = (-1,) + (1,) * (v.ndim - 1)
    low, high = (table[step - 1].log().reshape(column) for table in (low, betas))
    return (v * high + (1 - v) * low).exp()


# %% steps matched with the last axis
def learned_variance(v, betas, step):
    bars = (1 - betas).cumprod(0)
    low = torch.cat([betas[:1], betas[1:] * (1 - bars[:-1]) / (1 - bars[1:])])
    low[1] = low[2]
    low, high = (table[step].log().expand(v.shape[-1]) if len(step) == 1 else table[step].log()[: v.shape[-1]]
                 for table in (low, betas))
    return (v * high + (1 - v) * low).exp()


# %% standard deviations
def learned_variance(v, betas, step):
    bars = (1 - betas).cumprod(0)
    low = torch.cat([betas[:1], betas[1:] * (1 - bars[:-1]) / (1 - bars[1:])])
    low[1] = low[2]
    column = (-1,) + (1,) * (v.ndim - 1)
    low, high = (table[step].log().reshape(column) for table in (low, betas))
    return ((v * high + (1 - v) * low) / 2).exp()


# %% log variances
def learned_variance(v, betas, step):
    bars = (1 - betas).cumprod(0)
    low = torch.cat([betas[:1], betas[1:] * (1 - bars[:-1]) / (1 - bars[1:])])
    low[1] = low[2]
    column = (-1,) + (1,) * (v.ndim - 1)
    low, high = (table[step].log().reshape(column) for table in (low, betas))
    return v * high + (1 - v) * low


# %% no gradient
def learned_variance(v, betas, step):
    bars = (1 - betas).cumprod(0)
    low = torch.cat([betas[:1], betas[1:] * (1 - bars[:-1]) / (1 - bars[1:])])
    low[1] = low[2]
    column = (-1,) + (1,) * (v.ndim - 1)
    low, high = (table[step].log().reshape(column) for table in (low, betas))
    return (v.detach() * high + (1 - v.detach()) * low).exp()


# %% a floor under the whole table
def learned_variance(v, betas, step):
    alpha_bars = (1 - betas).cumprod(0)
    low = betas.clone()
    low[1:] = betas[1:] * (1 - alpha_bars[:-1]) / (1 - alpha_bars[1:])
    low = low.clamp(min=low[2].item())
    shape = (-1,) + (1,) * (v.ndim - 1)
    log_low, log_high = (table[step].log().reshape(shape) for table in (low, betas))
    return (v * log_high + (1 - v) * log_low).exp()
