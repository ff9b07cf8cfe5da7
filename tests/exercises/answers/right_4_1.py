# %% by the angle sum, in a loop
def cosine_schedule(steps, m=0.008, largest=0.999):
    betas, bars = [0.0], [1.0]
    for t in range(1, steps + 1):
        a, b = (((u / steps + m) / (1 + m)) * math.pi / 2 for u in (t - 1, t))
        betas.append(min(1 - (math.cos(b) / math.cos(a)) ** 2, largest))
        bars.append(bars[-1] * (1 - betas[-1]))
    return torch.tensor(betas, dtype=torch.float64), torch.tensor(bars, dtype=torch.float64)


# %% numpy, sums of logarithms
import numpy as np


def cosine_schedule(steps, m=0.008, largest=0.999):
    signal = 2 * np.log(np.cos((np.arange(steps + 1) / steps + m) / (1 + m) * np.pi / 2))
    betas = np.concatenate([[0.0], np.minimum(-np.expm1(np.diff(signal)), largest)])
    return torch.from_numpy(betas), torch.from_numpy(np.exp(np.cumsum(np.log1p(-betas))))
