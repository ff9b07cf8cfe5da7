# %% uniform times
def draw_times(process, n, earliest, generator=None):
    t = earliest + (1 - earliest) * torch.rand(n, generator=generator, dtype=torch.float64)
    return t, (1 - earliest) / 2 * (process.diffusion(t) / process.sigma(t)) ** 2


# %% uniform times, one in each share
def draw_times(process, n, earliest, generator=None):
    u = (torch.arange(n) + torch.rand(n, generator=generator, dtype=torch.float64)) / n
    t = earliest + (1 - earliest) * u
    return t, (1 - earliest) / 2 * (process.diffusion(t) / process.sigma(t)) ** 2


# %% independent times in log SNR
def draw_times(process, n, earliest, generator=None):
    low, high = process.log_snr(1.0), process.log_snr(earliest)
    u = torch.rand(n, generator=generator, dtype=torch.float64)
    return process.time_at_log_snr(low + (high - low) * u), torch.full((n,), (high - low) / 2).double()


# %% a fixed grid
def draw_times(process, n, earliest, generator=None):
    low, high = process.log_snr(1.0), process.log_snr(earliest)
    u = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    return process.time_at_log_snr(low + (high - low) * u), torch.full((n,), (high - low) / 2).double()


# %% an even grid with its ends, moved inside by a little noise
def draw_times(process, n, earliest, generator=None):
    low, high = process.log_snr(1.0), process.log_snr(earliest)
    u = torch.linspace(0, 1, n, dtype=torch.float64)
    u = (u + 0.01 * (torch.rand(n, generator=generator, dtype=torch.float64) - 0.5)).clamp(0, 1)
    return process.time_at_log_snr(low + (high - low) * u), torch.full((n,), (high - low) / 2).double()


# %% the half forgotten
def draw_times(process, n, earliest, generator=None):
    low, high = process.log_snr(1.0), process.log_snr(earliest)
    u = (torch.arange(n) + torch.rand(n, generator=generator, dtype=torch.float64)) / n
    return process.time_at_log_snr(low + (high - low) * u), torch.full((n,), high - low).double()


# %% half the log SNR
def draw_times(process, n, earliest, generator=None):
    low, high = process.half_log_snr(1.0), process.half_log_snr(earliest)
    u = (torch.arange(n) + torch.rand(n, generator=generator, dtype=torch.float64)) / n
    return process.time_at_log_snr(2 * (low + (high - low) * u)), torch.full((n,), (high - low) / 2).double()


# %% good times, the weight of uniform ones
def draw_times(process, n, earliest, generator=None):
    low, high = process.log_snr(1.0), process.log_snr(earliest)
    u = (torch.arange(n) + torch.rand(n, generator=generator, dtype=torch.float64)) / n
    t = process.time_at_log_snr(low + (high - low) * u)
    return t, (1 - earliest) / 2 * (process.diffusion(t) / process.sigma(t)) ** 2


# %% weights that sum to one
def draw_times(process, n, earliest, generator=None):
    low, high = process.log_snr(1.0), process.log_snr(earliest)
    u = (torch.arange(n) + torch.rand(n, generator=generator, dtype=torch.float64)) / n
    return process.time_at_log_snr(low + (high - low) * u), torch.full((n,), 1 / n).double()


# %% the log SNR of VP, whatever the process
def draw_times(process, n, earliest, generator=None):
    low, high = VP().log_snr(1.0), VP().log_snr(earliest)
    u = (torch.arange(n) + torch.rand(n, generator=generator, dtype=torch.float64)) / n
    return VP().time_at_log_snr(low + (high - low) * u), torch.full((n,), (high - low) / 2).double()


# %% equal shares of log time
def draw_times(process, n, earliest, generator=None):
    u = (torch.arange(n) + torch.rand(n, generator=generator, dtype=torch.float64)) / n
    t = earliest ** u
    return t, -math.log(earliest) / 2 * t * (process.diffusion(t) / process.sigma(t)) ** 2 / 2


# %% antithetic pairs of uniform times
def draw_times(process, n, earliest, generator=None):
    u = torch.rand((n + 1) // 2, generator=generator, dtype=torch.float64)
    t = earliest + (1 - earliest) * torch.cat([u, 1 - u])[:n]
    return t, (1 - earliest) / 2 * (process.diffusion(t) / process.sigma(t)) ** 2


# %% the same shift in every batch
def draw_times(process, n, earliest, generator=None):
    low, high = process.log_snr(1.0), process.log_snr(earliest)
    u = (torch.arange(n, dtype=torch.float64) + torch.rand(1, generator=torch.Generator().manual_seed(0)).double()) / n
    return process.time_at_log_snr(low + (high - low) * u), torch.full((n,), (high - low) / 2).double()


# %% the generator not used
def draw_times(process, n, earliest, generator=None):
    low, high = process.log_snr(1.0), process.log_snr(earliest)
    u = (torch.arange(n) + torch.rand(n, dtype=torch.float64)) / n
    return process.time_at_log_snr(low + (high - low) * u), torch.full((n,), (high - low) / 2).double()


# %% two places in each share, by a coin
def draw_times(process, n, earliest, generator=None):
    low, high = process.log_snr(1.0), process.log_snr(earliest)
    coin = torch.randint(0, 2, (n,), generator=generator)
    share = (torch.arange(n) + 0.25 + 0.5 * coin.double()) / n
    times = process.time_at_log_snr(low + (high - low) * share)
    return times, torch.full((n,), (high - low) / 2, dtype=torch.float64)


# %% the middle 95 percent of each share
def draw_times(process, n, earliest, generator=None):
    low, high = process.log_snr(1.0), process.log_snr(earliest)
    inside = 0.025 + 0.95 * torch.rand(n, generator=generator, dtype=torch.float64)
    share = (torch.arange(n) + inside) / n
    times = process.time_at_log_snr(low + (high - low) * share)
    return times, torch.full((n,), (high - low) / 2, dtype=torch.float64)
