# %% in torch, float32
def variance_of_xt(process, t, data_std):
    alpha, sigma = (torch.as_tensor(scale, dtype=torch.float32) for scale in (process.alpha(t), process.sigma(t)))
    return data_std**2 * alpha.square() + sigma.square()


# %% through the signal-to-noise form
def variance_of_xt(process, t, data_std):
    return process.sigma(t) ** 2 + pow(process.alpha(t), 2) * pow(data_std, 2)


# %% numpy
import numpy as np


def variance_of_xt(process, t, data_std):
    a, s = np.asarray(process.alpha(t)), np.asarray(process.sigma(t))
    return a**2 * np.square(data_std) + s**2
