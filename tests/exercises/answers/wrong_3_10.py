# %% uniform
def good_grid(process, steps, data_std):
    return grids.uniform(steps)


# %% quadratic
def good_grid(process, steps, data_std):
    return grids.quadratic(steps)


# %% equal steps in log SNR
def good_grid(process, steps, data_std):
    return grids.log_snr(process, steps)


# %% Karras
def good_grid(process, steps, data_std):
    return grids.karras(process, steps)


# %% blind to the data: right for a standard deviation of 0.5
def good_grid(process, steps, data_std):
    top = math.atan(process.sigma(1.0) / process.alpha(1.0) / 0.5)
    angles = torch.linspace(top, 0.0, steps + 1, dtype=torch.float64)[1:-1]
    inner = process.time_at_log_snr(-2 * (0.5 * angles.tan()).log())
    return torch.cat([torch.ones(1), inner, torch.zeros(1)])


# %% blind to the process: right for VP
def good_grid(process, steps, data_std):
    top = math.atan(VP().sigma(1.0) / VP().alpha(1.0) / data_std)
    angles = torch.linspace(top, 0.0, steps + 1, dtype=torch.float64)[1:-1]
    inner = VP().time_at_log_snr(-2 * (data_std * angles.tan()).log())
    return torch.cat([torch.ones(1), inner, torch.zeros(1)])


# %% log SNR taken for its half
def good_grid(process, steps, data_std):
    top = math.atan(process.sigma(1.0) / process.alpha(1.0) / data_std)
    angles = torch.linspace(top, 0.0, steps + 1, dtype=torch.float64)[1:-1]
    inner = process.time_at_log_snr(-(data_std * angles.tan()).log())
    return torch.cat([torch.ones(1), inner, torch.zeros(1)])


# %% equal steps in the level itself
def good_grid(process, steps, data_std):
    levels = torch.linspace(process.sigma(1.0) / process.alpha(1.0), 0, steps + 1, dtype=torch.float64)[1:-1]
    return torch.cat([torch.ones(1), process.time_at_log_snr(-2 * levels.log()), torch.zeros(1)])


# %% one time too few
def good_grid(process, steps, data_std):
    top = math.atan(process.sigma(1.0) / process.alpha(1.0) / data_std)
    angles = torch.linspace(top, 0.0, steps, dtype=torch.float64)[1:-1]
    inner = process.time_at_log_snr(-2 * (data_std * angles.tan()).log())
    return torch.cat([torch.ones(1), inner, torch.zeros(1)])


# %% rising
def good_grid(process, steps, data_std):
    top = math.atan(process.sigma(1.0) / process.alpha(1.0) / data_std)
    angles = torch.linspace(0.0, top, steps + 1, dtype=torch.float64)[1:-1]
    inner = process.time_at_log_snr(-2 * (data_std * angles.tan()).log())
    return torch.cat([torch.zeros(1), inner, torch.ones(1)])


# %% more steps than were asked for
def good_grid(process, steps, data_std):
    top = math.atan(process.sigma(1.0) / process.alpha(1.0) / data_std)
    angles = torch.linspace(top, 0.0, 2 * steps + 1, dtype=torch.float64)[1:-1]
    inner = process.time_at_log_snr(-2 * (data_std * angles.tan()).log())
    return torch.cat([torch.ones(1), inner, torch.zeros(1)])


# %% stops above the data
def good_grid(process, steps, data_std):
    top = math.atan(process.sigma(1.0) / process.alpha(1.0) / data_std)
    angles = torch.linspace(top, 0.01, steps + 1, dtype=torch.float64)
    return process.time_at_log_snr(-2 * (data_std * angles.tan()).log()).clamp(max=1.0)
