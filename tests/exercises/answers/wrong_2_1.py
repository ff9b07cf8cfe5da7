# %% a standard deviation and not a variance
def variance_of_xt(process, t, data_std):
    return ((process.alpha(t) * data_std) ** 2 + process.sigma(t) ** 2) ** 0.5


# %% the data's standard deviation is not squared
def variance_of_xt(process, t, data_std):
    return process.alpha(t) ** 2 * data_std + process.sigma(t) ** 2


# %% the signal scale is not squared
def variance_of_xt(process, t, data_std):
    return process.alpha(t) * data_std**2 + process.sigma(t) ** 2


# %% sigma taken for a variance
def variance_of_xt(process, t, data_std):
    return (process.alpha(t) * data_std) ** 2 + process.sigma(t)


# %% standard deviations added
def variance_of_xt(process, t, data_std):
    return (process.alpha(t) * data_std + process.sigma(t)) ** 2


# %% right for variance-preserving processes only
def variance_of_xt(process, t, data_std):
    return process.alpha(t) ** 2 * data_std**2 + 1 - process.alpha(t) ** 2


# %% the process forgotten
def variance_of_xt(process, t, data_std):
    from minidiff import VP
    return VP().alpha(t) ** 2 * data_std**2 + VP().sigma(t) ** 2


# %% a column in the place of (B,)
def variance_of_xt(process, t, data_std):
    v = process.alpha(t) ** 2 * data_std ** 2 + process.sigma(t) ** 2
    return v[:, None] if torch.is_tensor(v) else v


# %% the first time for all
def variance_of_xt(process, t, data_std):
    t = float(t) if not torch.is_tensor(t) else float(t.flatten()[0])
    return process.alpha(t) ** 2 * data_std ** 2 + process.sigma(t) ** 2
