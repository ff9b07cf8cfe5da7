# %% precisions and messages, plain floats
def posterior_mean(x0, xt, t, betas):
    before = 1.0
    for beta in betas[: t - 1].tolist():
        before *= 1 - beta
    beta = betas[t - 1].item()
    if before == 1.0:
        return x0
    from_data, from_state = 1 / (1 - before), (1 - beta) / beta
    return (from_data * before**0.5 * x0 + from_state * xt / (1 - beta) ** 0.5) / (from_data + from_state)


# %% by way of the noise
def posterior_mean(x0, xt, t, betas):
    bar = (1 - betas[:t]).prod()
    eps = (xt - bar.sqrt() * x0) / (1 - bar).sqrt()
    return (xt - betas[t - 1] / (1 - bar).sqrt() * eps) / (1 - betas[t - 1]).sqrt()


# %% the library
def posterior_mean(x0, xt, t, betas):
    return DDPM(betas).posterior_mean(x0, xt, t)


# %% numpy
import numpy as np


def posterior_mean(x0, xt, t, betas):
    b = np.asarray(betas, dtype=float)
    bars = np.append(1.0, np.cumprod(1 - b))
    B = b[t - 1]
    c0 = np.sqrt(bars[t - 1]) * B / (1 - bars[t])
    ct = np.sqrt(1 - B) * (1 - bars[t - 1]) / (1 - bars[t])
    return c0 * np.asarray(x0) + ct * np.asarray(xt)


# %% Kalman's update
def posterior_mean(x0, xt, t, betas):
    keep = torch.prod(1 - betas[: t - 1])
    m, v = keep.sqrt() * x0, 1 - keep
    a, b = (1 - betas[t - 1]).sqrt(), betas[t - 1]
    gain = v * a / (a * a * v + b)
    return m + gain * (xt - a * m)
