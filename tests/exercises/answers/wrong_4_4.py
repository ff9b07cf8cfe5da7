# %% equal steps in t
def diffusion_loss(process, error, earliest):
    t = torch.linspace(earliest, 1.0, 1000, dtype=torch.float64)
    return -0.5 * torch.trapezoid(error(t), process.snr(t)).item()


# %% equal steps in SNR
def diffusion_loss(process, error, earliest):
    snr = torch.linspace(process.snr(1.0), process.snr(earliest), 1000, dtype=torch.float64)
    return 0.5 * torch.trapezoid(error(process.time_at_log_snr(snr.log())), snr).item()


# %% d SNR taken for d log SNR
def diffusion_loss(process, error, earliest):
    logs = torch.linspace(process.log_snr(1.0), process.log_snr(earliest), 1000, dtype=torch.float64)
    return 0.5 * torch.trapezoid(error(process.time_at_log_snr(logs)), logs).item()


# %% half the log SNR taken for the log SNR
def diffusion_loss(process, error, earliest):
    logs = torch.linspace(process.log_snr(1.0), process.log_snr(earliest), 1000, dtype=torch.float64)
    return 0.5 * torch.trapezoid(error(process.time_at_log_snr(logs)) * (logs / 2).exp(), logs).item()


# %% the half forgotten
def diffusion_loss(process, error, earliest):
    logs = torch.linspace(process.log_snr(1.0), process.log_snr(earliest), 1000, dtype=torch.float64)
    return torch.trapezoid(error(process.time_at_log_snr(logs)) * logs.exp(), logs).item()


# %% the sign
def diffusion_loss(process, error, earliest):
    logs = torch.linspace(process.log_snr(earliest), process.log_snr(1.0), 1000, dtype=torch.float64)
    return 0.5 * torch.trapezoid(error(process.time_at_log_snr(logs)) * logs.exp(), logs).item()


# %% right, but with too many calls
def diffusion_loss(process, error, earliest):
    logs = torch.linspace(process.log_snr(1.0), process.log_snr(earliest), 5000, dtype=torch.float64)
    return 0.5 * torch.trapezoid(error(process.time_at_log_snr(logs)) * logs.exp(), logs).item()


# %% rectangles from the left
def diffusion_loss(process, error, earliest):
    logs = torch.linspace(process.log_snr(1.0), process.log_snr(earliest), 1000, dtype=torch.float64)
    values = error(process.time_at_log_snr(logs)) * logs.exp()
    return 0.5 * (values[:-1].sum() * (logs[1] - logs[0])).item()


# %% ends of VP, whatever the process
def diffusion_loss(process, error, earliest):
    logs = torch.linspace(VP().log_snr(1.0), VP().log_snr(earliest), 1000, dtype=torch.float64)
    return 0.5 * torch.trapezoid(error(process.time_at_log_snr(logs)) * logs.exp(), logs).item()


# %% the closed form of unit Gaussian data
def diffusion_loss(process, error, earliest):
    return 0.5 * math.log((1 + process.snr(earliest)) / (1 + process.snr(1.0)))
