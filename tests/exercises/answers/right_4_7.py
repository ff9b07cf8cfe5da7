# %% closed form in y = M / alpha^2
def bound_and_kls(process, data_std, delta, kappa=1.0):
    def kl(p, q):
        return (p / q - 1 - math.log(p / q)) / 2

    alpha, sigma = process.alpha(1.0), process.sigma(1.0)
    level, prior, data = (alpha * data_std) ** 2 + sigma**2, process.prior_std**2, data_std**2
    shrink = data * alpha**2 / level
    ode = prior / alpha**2 * shrink ** (1 + delta)
    kept = prior / alpha**2 * shrink ** (2 + 2 * delta)
    sde = kept + data * (1 - shrink ** (1 + 2 * delta)) / (1 + 2 * delta)
    price = (1 + kappa**2) ** 2 / (4 * kappa**2) if kappa else math.inf
    return kl(level, prior) - delta**2 / 2 * math.log(shrink), kl(data, sde), kl(data, ode), "ode", price


# %% by scipy, the walk turned round
def bound_and_kls(process, data_std, delta, kappa=1.0):
    from scipy.integrate import quad, solve_ivp

    def spread(t):
        return (process.alpha(t) * data_std) ** 2 + process.sigma(t) ** 2

    def back(share, noisy):
        def rate(u, p):
            t = min(max(1 - u, 0.0), 1.0)
            g2 = process.diffusion(t) ** 2
            towards = share * g2 * (1 + delta) / spread(t)
            return -2 * (process.drift_rate(t) + towards) * p + noisy * g2
        return solve_ivp(rate, (0, 1), [process.prior_std**2], rtol=1e-7, atol=1e-12).y[0, -1]

    def kl(p, q):
        return (p / q - 1 - math.log(p / q)) / 2

    area = quad(lambda t: process.diffusion(t) ** 2 / spread(t), 0, 1, limit=200)[0]
    bound = delta**2 / 2 * area + kl(spread(1.0), process.prior_std**2)
    price = (1 + kappa**2) ** 2 / (4 * kappa**2) if kappa else math.inf
    return torch.tensor(bound), kl(data_std**2, back(1.0, 1)), kl(data_std**2, back(0.5, 0)), "ODE", price


# %% Euler in many small steps, tensors
def bound_and_kls(process, data_std, delta, kappa=1.0):
    n = 40_000
    t = torch.linspace(1, 0, n + 1, dtype=torch.float64)[:-1] - 0.5 / n
    f, g2 = process.drift_rate(t), process.diffusion(t) ** 2
    m = (process.alpha(t) * data_std) ** 2 + process.sigma(t) ** 2
    pull = g2 * (1 + delta) / m
    sde, grow = process.prior_std**2, torch.exp(-2 * (f + pull) / n)
    for factor, noise in zip(grow.tolist(), (g2 / n).tolist()):
        sde = factor * sde + noise
    ode = process.prior_std**2 * math.exp(-(2 * f + pull).sum().item() / n)
    ratios = data_std**2 / torch.tensor([sde, ode], dtype=torch.float64)
    kls = (ratios - 1 - ratios.log()) / 2
    last = ((process.alpha(1.0) * data_std) ** 2 + process.sigma(1.0) ** 2) / process.prior_std**2
    bound = delta**2 / 2 * (g2 / m).mean() + (last - 1 - math.log(last)) / 2
    price = (1 + kappa**2) ** 2 / (4 * kappa**2) if kappa else math.inf
    return bound, kls[0], kls[1], "ode", price
