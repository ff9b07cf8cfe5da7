# %% the noise forgotten: right for c = 0 only
def ddim_coefficients(process, t, s, c):
    keep = process.sigma(s) / process.sigma(t)
    return keep, process.alpha(s) - keep * process.alpha(t)


# %% standard deviations subtracted and not variances
def ddim_coefficients(process, t, s, c):
    keep = (process.sigma(s) - c) / process.sigma(t)
    return keep, process.alpha(s) - keep * process.alpha(t)


# %% the formula of the paper with eps in the place of x_t
def ddim_coefficients(process, t, s, c):
    return math.sqrt(process.sigma(s) ** 2 - c**2), process.alpha(s)


# %% x_0 counted twice: x_t holds some of it already
def ddim_coefficients(process, t, s, c):
    return math.sqrt(process.sigma(s) ** 2 - c**2) / process.sigma(t), process.alpha(s)


# %% right for variance-preserving processes only
def ddim_coefficients(process, t, s, c):
    keep = max(1 - process.alpha(s) ** 2 - c**2, 0.0) ** 0.5 / max(1 - process.alpha(t) ** 2, 1e-12) ** 0.5
    return keep, process.alpha(s) - keep * process.alpha(t)


# %% the posterior whatever c is
def ddim_coefficients(process, t, s, c):
    return process.posterior(t, s)[:2]


# %% c taken for a variance
def ddim_coefficients(process, t, s, c):
    keep = max(process.sigma(s) ** 2 - c, 0.0) ** 0.5 / process.sigma(t)
    return keep, process.alpha(s) - keep * process.alpha(t)


# %% the other root
def ddim_coefficients(process, t, s, c):
    keep = -math.sqrt(process.sigma(s) ** 2 - c**2) / process.sigma(t)
    return keep, process.alpha(s) - keep * process.alpha(t)


# %% the pair turned round
def ddim_coefficients(process, t, s, c):
    keep = math.sqrt(process.sigma(s) ** 2 - c**2) / process.sigma(t)
    return process.alpha(s) - keep * process.alpha(t), keep
