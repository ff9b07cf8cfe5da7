# %% equal steps in a cheaper curve of the same shape: level / (level + d)
def good_grid(process, steps, data_std):
    top = process.sigma(1.0) / process.alpha(1.0)
    share = torch.linspace(top / (top + data_std), 0, steps + 1, dtype=torch.float64)[1:-1]
    level = data_std * share / (1 - share)
    return torch.cat([torch.ones(1), process.time_at_log_snr(-2 * level.log()), torch.zeros(1)])


# %% found by dynamic programming over 400 levels
def good_grid(process, steps, data_std):
    angle = torch.linspace(math.atan(process.sigma(1.0) / process.alpha(1.0) / data_std), 0, 401, dtype=torch.float64)
    level = data_std * angle.tan()
    factor = (data_std**2 + level[:, None] * level) / (data_std**2 + level[:, None] ** 2)
    exact = ((data_std**2 + level**2) / (data_std**2 + level[:, None] ** 2)).sqrt()
    loss = torch.where(torch.ones_like(factor, dtype=torch.bool).triu(1) & (factor > 0), -(factor / exact).log(), math.inf)
    best, arrows = loss[:, -1], []
    for _ in range(steps - 1):
        best, arrow = (loss + best).min(1)
        arrows.append(arrow)
    path = [0]
    for arrow in reversed(arrows):
        path.append(arrow[path[-1]].item())
    inner = process.time_at_log_snr(-2 * level[path[1:]].log())
    return torch.cat([torch.ones(1), inner, torch.zeros(1)])


# %% a list of numbers, the curvature summed up on a fine grid of levels
import numpy as np


def good_grid(process, steps, data_std):
    fine = np.concatenate([[0.0], np.geomspace(1e-4 * data_std, process.sigma(1.0) / process.alpha(1.0), 4000)])
    density = 1 / (fine**2 + data_std**2)
    passed = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(fine))])
    levels = np.interp(np.linspace(passed[-1], 0, steps + 1), passed, fine)
    return [1.0] + [process.time_at_log_snr(float(-2 * np.log(level))) for level in levels[1:-1]] + [0.0]
