# %% from the integrals at both ends, with a series for short steps
def linear_weights(h, b):
    if h < 0.01:
        linear = sum((-1) ** k * h**k / math.factorial(k) for k in range(2, 9))
    else:
        linear = h - 1 + math.exp(-h)
    return -math.expm1(-h) + linear / b, -linear / b


# %% numpy, the sum of the weights known
import numpy as np


def linear_weights(h, b):
    before = -(h + np.expm1(-h)) / b
    return -np.expm1(-h) - before, before


# %% Gauss-Legendre in short pieces
import numpy as np


def linear_weights(h, b):
    nodes, weights = np.polynomial.legendre.leggauss(40)
    u = h * (nodes + 1) / 2
    density = h / 2 * weights * np.exp(u - h)
    return (density * (1 + u / b)).sum(), -(density * u).sum() / b


# %% the library's
def linear_weights(h, b):
    from minidiff.samplers.multistep import exponential_weights
    return exponential_weights([0.0, -b], h, damped=False)
