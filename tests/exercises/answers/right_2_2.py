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


# %% two lists, by the recursion
def chain_scales(betas):
    alpha, var = [1.0], [0.0]
    for b in betas:
        alpha.append(float(alpha[-1] * (1 - b) ** .5))
        var.append(float((1 - b) * var[-1] + b))
    return alpha, [v ** .5 for v in var]


# %% numpy, float32
import numpy as np


def chain_scales(betas):
    a = np.ones(len(betas) + 1, dtype=np.float32)
    a[1:] = np.exp(0.5 * np.cumsum(np.log1p(-betas.numpy())))
    return a, np.sqrt(-np.expm1(2 * np.log(a)))
