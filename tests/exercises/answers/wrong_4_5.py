# %% the sum over coordinates
def best_variances(alpha_bars, steps, eps):
    found = []
    for t, s, noise in zip(steps[:-1], steps[1:], eps):
        t, s = alpha_bars[t], alpha_bars[s]
        beta = 1 - t / s
        square = noise.square().flatten(1).sum(1).mean()
        hidden = (1 - t) / t * (1 - square).clamp(min=0)
        found.append(beta * (1 - s) / (1 - t) + s * beta**2 / (1 - t) ** 2 * hidden)
    return torch.stack(found)


# %% the chain's own betas on a walk that skips
def best_variances(alpha_bars, steps, eps):
    found = []
    for k, s, noise in zip(steps[:-1], steps[1:], eps):
        t, s = alpha_bars[k], alpha_bars[s]
        beta = 1 - t / alpha_bars[k - 1]
        hidden = (1 - t) / t * (1 - noise.square().mean()).clamp(min=0)
        found.append(beta * (1 - s) / (1 - t) + s * beta**2 / (1 - t) ** 2 * hidden)
    return torch.stack(found)


# %% no cut
def best_variances(alpha_bars, steps, eps):
    found = []
    for t, s, noise in zip(steps[:-1], steps[1:], eps):
        t, s = alpha_bars[t], alpha_bars[s]
        beta = 1 - t / s
        hidden = (1 - t) / t * (1 - noise.square().mean())
        found.append(beta * (1 - s) / (1 - t) + s * beta**2 / (1 - t) ** 2 * hidden)
    return torch.stack(found)


# %% every example cut on its own
def best_variances(alpha_bars, steps, eps):
    found = []
    for t, s, noise in zip(steps[:-1], steps[1:], eps):
        t, s = alpha_bars[t], alpha_bars[s]
        beta = 1 - t / s
        unsure = (1 - noise.square().flatten(1).mean(1)).clamp(min=0).mean()
        found.append(beta * (1 - s) / (1 - t) + s * beta**2 / (1 - t) * unsure / t)
    return torch.stack(found)


# %% the variance of the noise, its factor forgotten
def best_variances(alpha_bars, steps, eps):
    found = []
    for t, s, noise in zip(steps[:-1], steps[1:], eps):
        t, s = alpha_bars[t], alpha_bars[s]
        beta = 1 - t / s
        hidden = (1 - noise.square().mean()).clamp(min=0)
        found.append(beta * (1 - s) / (1 - t) + s * beta**2 / (1 - t) ** 2 * hidden)
    return torch.stack(found)


# %% pull not squared
def best_variances(alpha_bars, steps, eps):
    found = []
    for t, s, noise in zip(steps[:-1], steps[1:], eps):
        t, s = alpha_bars[t], alpha_bars[s]
        beta = 1 - t / s
        hidden = (1 - t) / t * (1 - noise.square().mean()).clamp(min=0)
        found.append(beta * (1 - s) / (1 - t) + s**0.5 * beta / (1 - t) * hidden)
    return torch.stack(found)


# %% the posterior variance alone
def best_variances(alpha_bars, steps, eps):
    t, s = alpha_bars[steps[:-1]], alpha_bars[steps[1:]]
    return (1 - t / s) * (1 - s) / (1 - t)


# %% beta
def best_variances(alpha_bars, steps, eps):
    return 1 - alpha_bars[steps[:-1]] / alpha_bars[steps[1:]]


# %% the spread of the noises about their mean
def best_variances(alpha_bars, steps, eps):
    found = []
    for t, s, noise in zip(steps[:-1], steps[1:], eps):
        t, s = alpha_bars[t], alpha_bars[s]
        beta = 1 - t / s
        hidden = (1 - t) / t * (1 - noise.var()).clamp(min=0)
        found.append(beta * (1 - s) / (1 - t) + s * beta**2 / (1 - t) ** 2 * hidden)
    return torch.stack(found)


# %% the whole variance cut to beta tilde and beta
def best_variances(alpha_bars, steps, eps):
    found = []
    for t, s, noise in zip(steps[:-1], steps[1:], eps):
        t, s = alpha_bars[t], alpha_bars[s]
        beta = 1 - t / s
        hidden = (1 - t) / t * (1 - noise.square().mean()).clamp(min=0)
        tilde = beta * (1 - s) / (1 - t)
        found.append(torch.minimum(tilde + s * beta**2 / (1 - t) ** 2 * hidden, beta))
    return torch.stack(found)


# %% standard deviations
def best_variances(alpha_bars, steps, eps):
    found = []
    for t, s, noise in zip(steps[:-1], steps[1:], eps):
        t, s = alpha_bars[t], alpha_bars[s]
        beta = 1 - t / s
        hidden = (1 - t) / t * (1 - noise.square().mean()).clamp(min=0)
        found.append((beta * (1 - s) / (1 - t) + s * beta**2 / (1 - t) ** 2 * hidden).sqrt())
    return torch.stack(found)
