# %% a power of the ratio
def learned_variance(v, betas, step):
    bars = torch.cumprod(1 - betas, 0)
    tilde = (1 - bars[step - 1]) / (1 - bars[step]) * betas[step]
    second = (1 - bars[1]) / (1 - bars[2]) * betas[2]
    tilde = torch.where(step == 1, second, tilde)
    expand = (...,) + (None,) * (v.ndim - 1)
    return tilde[expand] * (betas[step] / tilde)[expand] ** v


# %% one example after another
def learned_variance(v, betas, step):
    bars, rows = torch.cumprod(1 - betas, 0), []
    for row, t in zip(v, step.tolist()):
        k = max(t, 2)
        low = math.log(betas[k] * (1 - bars[k - 1]) / (1 - bars[k]))
        rows.append(torch.exp(low + row * (math.log(betas[t]) - low)))
    return torch.stack(rows)
