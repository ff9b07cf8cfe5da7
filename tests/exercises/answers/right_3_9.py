# %% as in the paper, in Karras's variables, noise always drawn
def churn(denoise, x, levels, s_churn, generator=None):
    levels = [float(level) for level in levels]
    n = len(levels) - 1
    gamma = min(s_churn / n, 2**0.5 - 1)
    for i in range(n):
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        t_hat = levels[i] + gamma * levels[i]
        x_hat = x + (t_hat**2 - levels[i] ** 2) ** 0.5 * noise
        d = (x_hat - denoise(x_hat, t_hat)) / t_hat
        x = x_hat + (levels[i + 1] - t_hat) * d
        if levels[i + 1] != 0:
            d_prime = (x - denoise(x, levels[i + 1])) / levels[i + 1]
            x = x_hat + (levels[i + 1] - t_hat) * (0.5 * d + 0.5 * d_prime)
    return x


# %% all noise drawn ahead, the last step written as the denoised mean
def churn(denoise, x, levels, s_churn, generator=None):
    levels = [float(level) for level in levels]
    n = len(levels) - 1
    z = torch.randn((n, *x.shape), generator=generator, dtype=x.dtype)
    gamma = min(s_churn / n, math.sqrt(2.0) - 1.0)
    for i, (level, lower) in enumerate(zip(levels[:-1], levels[1:])):
        up = level * (1 + gamma)
        x = x + level * math.sqrt(gamma * (2 + gamma)) * z[i]
        clean = denoise(x, up)
        if lower == 0:
            return clean
        ahead = clean + lower / up * (x - clean)
        x = ahead + (up / lower - 1) / 2 * (denoise(ahead, lower) - clean)
    return x


# %% the library's sampler, told to start at the top of a wider process
def churn(denoise, x, levels, s_churn, generator=None):
    from minidiff.denoiser import Model

    process = EDM(0.002, 80.0)

    class Wrapped(Model):
        def forward(self, x, t):
            return denoise(x, float(self.process.sigma(float(t))))

    inner = torch.as_tensor(levels, dtype=torch.float64)[:-1]
    times = torch.cat([process.time_at_log_snr(-2 * inner.log()), torch.zeros(1, dtype=torch.float64)])
    model, n = Wrapped(process), len(times) - 1
    if s_churn == 0:
        return samplers.edm(model, x, times)
    gamma = min(s_churn / n, math.sqrt(2) - 1)
    for i in range(n):                                       # it adds no noise before a last step to 0: done here
        if i == n - 1:
            level = float(inner[i])
            x = x + level * math.sqrt(gamma * (2 + gamma)) * torch.randn(x.shape, generator=generator, dtype=x.dtype)
            return denoise(x, level * (1 + gamma))
        x = samplers.edm(model, x, times[i : i + 2], s_churn=gamma, generator=generator)
    return x
