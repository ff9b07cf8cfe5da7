# %% a loop over Python floats
def chain_scales(betas):
    bars = [1.0]
    for beta in betas.tolist():
        bars.append(bars[-1] * (1 - beta))
    bars = torch.tensor(bars, dtype=torch.float64)
    return bars.sqrt(), (1 - bars).sqrt()


# %% sums of logarithms, float32
def chain_scales(betas):
    logs = torch.nn.functional.pad(torch.log1p(-betas.float()).cumsum(0), (1, 0))
    return (logs / 2).exp(), (-torch.expm1(logs)).sqrt()
