# %% trapezoids in the SNR itself, at times with equal steps in log SNR
def diffusion_loss(process, error, earliest):
    goals = torch.linspace(process.log_snr(1.0), process.log_snr(earliest), 600, dtype=torch.float64)
    t = torch.stack([torch.tensor(process.time_at_log_snr(float(goal)), dtype=torch.float64) for goal in goals])
    snr = (process.alpha(t) / process.sigma(t)) ** 2
    return 0.5 * torch.trapezoid(error(t), snr)


# %% Gauss's rule with 200 points in log SNR
import numpy as np


def diffusion_loss(process, error, earliest):
    nodes, weights = (torch.from_numpy(v) for v in np.polynomial.legendre.leggauss(200))
    low, high = process.log_snr(1.0), process.log_snr(earliest)
    logs = low + (high - low) * (nodes + 1) / 2
    return (error(process.time_at_log_snr(logs)) * logs.exp() @ weights).item() * (high - low) / 4


# %% the weight g^2 alpha^2 / sigma^4 in t, times with equal steps in log SNR
def diffusion_loss(process, error, earliest):
    goals = torch.linspace(process.log_snr(earliest), process.log_snr(1.0), 1001, dtype=torch.float64)
    edges = process.time_at_log_snr(goals)
    middle = process.time_at_log_snr((goals[1:] + goals[:-1]) / 2)
    snr = process.snr(edges)
    return float(0.5 * (error(middle) * (snr[:-1] - snr[1:])).sum())
