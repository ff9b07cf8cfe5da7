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
