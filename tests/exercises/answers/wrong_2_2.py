# %% no entry for the data
def chain_scales(betas):
    alpha_bars = (1 - betas).cumprod(0)
    return alpha_bars.sqrt(), (1 - alpha_bars).sqrt()


# %% the product of the betas
def chain_scales(betas):
    bars = torch.cat([betas.new_ones(1), betas.cumprod(0)])
    return bars.sqrt(), (1 - bars).sqrt()


# %% alpha_bar in the place of its square root
def chain_scales(betas):
    bars = torch.cat([betas.new_ones(1), (1 - betas).cumprod(0)])
    return bars, (1 - bars**2).sqrt()


# %% a variance in the place of sigma
def chain_scales(betas):
    bars = torch.cat([betas.new_ones(1), (1 - betas).cumprod(0)])
    return bars.sqrt(), 1 - bars


# %% late by one step
def chain_scales(betas):
    bars = torch.cat([betas.new_ones(2), (1 - betas).cumprod(0)[:-1]])
    return bars.sqrt(), (1 - bars).sqrt()


# %% betas added up
def chain_scales(betas):
    bars = torch.cat([betas.new_ones(1), (-betas.cumsum(0)).exp()])
    return bars.sqrt(), (1 - bars).sqrt()


# %% alpha taken for alpha_bar in sigma
def chain_scales(betas):
    a = torch.cat([betas.new_ones(1), (1 - betas).cumprod(0)]).sqrt()
    return a, (1 - a).sqrt()


# %% each step by itself
def chain_scales(betas):
    return torch.cat([betas.new_ones(1), (1 - betas).sqrt()]), torch.cat([betas.new_zeros(1), betas.sqrt()])
