# %% one random shift of an even grid, as in VDM
def draw_times(process, n, earliest, generator=None):
    low, high = process.log_snr(1.0), process.log_snr(earliest)
    shift = torch.rand((), generator=generator, dtype=torch.float64)
    share = (shift + torch.arange(n, dtype=torch.float64) / n).remainder(1.0)
    times = process.time_at_log_snr(low + share * (high - low)).clamp(earliest, 1.0)
    return times, torch.full_like(times, 0.5 * (high - low))


# %% a point in each stratum, from the noisy end
def draw_times(process, n, earliest, generator=None):
    top, bottom = process.log_snr(earliest), process.log_snr(1.0)
    edges = torch.linspace(bottom, top, n + 1, dtype=torch.float64)
    u = torch.rand((n,), generator=generator, dtype=torch.float64)
    times = process.time_at_log_snr(torch.lerp(edges[:-1], edges[1:], u))
    return times, (edges[1:] - edges[:-1]) * n / 2


# %% strata of a tilted density in log SNR, the weights tilted back
def draw_times(process, n, earliest, generator=None):
    low, high = process.log_snr(1.0), process.log_snr(earliest)
    inside = torch.rand(n, generator=generator, dtype=torch.float64)
    u = (torch.arange(n, dtype=torch.float64) + inside) / n
    share = (torch.sqrt(0.81 + 0.4 * u) - 0.9) / 0.2          # density 0.9 + 0.2 share
    times = process.time_at_log_snr(low + (high - low) * share)
    return times, (high - low) / 2 / (0.9 + 0.2 * share)
