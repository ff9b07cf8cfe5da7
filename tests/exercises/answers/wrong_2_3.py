# %% index late by one
def posterior_mean(x0, xt, t, betas):
    bars = torch.cat([betas.new_ones(1), (1 - betas).cumprod(0)])
    beta, bar, before = betas[min(t, len(betas) - 1)], bars[t], bars[t - 1]
    return (before.sqrt() * beta * x0 + (1 - beta).sqrt() * (1 - before) * xt) / (1 - bar)


# %% alpha_bar of t where that of t - 1 belongs
def posterior_mean(x0, xt, t, betas):
    bars = torch.cat([betas.new_ones(1), (1 - betas).cumprod(0)])
    beta, bar = betas[t - 1], bars[t]
    return (bar.sqrt() * beta * x0 + (1 - beta).sqrt() * (1 - bar) * xt) / (1 - bar)


# %% the coefficients swapped
def posterior_mean(x0, xt, t, betas):
    bars = torch.cat([betas.new_ones(1), (1 - betas).cumprod(0)])
    beta, bar, before = betas[t - 1], bars[t], bars[t - 1]
    return (before.sqrt() * beta * xt + (1 - beta).sqrt() * (1 - before) * x0) / (1 - bar)


# %% a square root forgotten
def posterior_mean(x0, xt, t, betas):
    bars = torch.cat([betas.new_ones(1), (1 - betas).cumprod(0)])
    beta, bar, before = betas[t - 1], bars[t], bars[t - 1]
    return (before * beta * x0 + (1 - beta).sqrt() * (1 - before) * xt) / (1 - bar)


# %% without the first step's case: tables that start at step 1
def posterior_mean(x0, xt, t, betas):
    bars = (1 - betas).cumprod(0)
    beta, bar, before = betas[t - 1], bars[t - 1], bars[t - 2]
    return (before.sqrt() * beta * x0 + (1 - beta).sqrt() * (1 - before) * xt) / (1 - bar)


# %% a variance in the place of beta
def posterior_mean(x0, xt, t, betas):
    bars = torch.cat([betas.new_ones(1), (1 - betas).cumprod(0)])
    beta, bar, before = betas[t - 1], bars[t], bars[t - 1]
    return (before.sqrt() * beta.sqrt() * x0 + (1 - beta).sqrt() * (1 - before) * xt) / (1 - bar)


# %% a weighted average of data and x_t
def posterior_mean(x0, xt, t, betas):
    bars = torch.cat([betas.new_ones(1), (1 - betas).cumprod(0)])
    w = betas[t - 1] / (1 - bars[t])
    return w * x0 + (1 - w) * xt


# %% the mean of DDIM
def posterior_mean(x0, xt, t, betas):
    bars = torch.cat([betas.new_ones(1), (1 - betas).cumprod(0)])
    e = (xt - bars[t].sqrt() * x0) / (1 - bars[t]).sqrt()
    return bars[t - 1].sqrt() * x0 + (1 - bars[t - 1]).sqrt() * e
