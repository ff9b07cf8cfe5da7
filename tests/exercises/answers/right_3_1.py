# %% solved as two linear conditions
def ddim_coefficients(process, t, s, c):
    rest = max(process.sigma(s) ** 2 - c**2, 0.0) ** 0.5
    return rest / process.sigma(t), process.alpha(s) - process.alpha(t) * rest / process.sigma(t)


# %% through the predicted noise, tensors
def ddim_coefficients(process, t, s, c):
    t, s = (torch.tensor(time, dtype=torch.float64) for time in (t, s))
    towards_noise = torch.sqrt((process.sigma(s) - c) * (process.sigma(s) + c))
    keep = towards_noise / process.sigma(t)
    return keep, process.alpha(s) - towards_noise * process.alpha(t) / process.sigma(t)
