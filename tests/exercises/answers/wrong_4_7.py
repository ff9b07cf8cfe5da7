# %% the other model named
def bound_and_kls(process, data_std, delta, kappa=1.0):
    n = 4000
    t = (torch.arange(n, 0, -1, dtype=torch.float64) - 0.5) / n
    f, g2 = process.drift_rate(t), process.diffusion(t) ** 2
    m = (process.alpha(t) * data_std) ** 2 + process.sigma(t) ** 2
    prior, pull = process.prior_std**2, g2 * (1 + delta) / m

    def kl(p, q):
        return (p / q - 1 - math.log(p / q)) / 2

    sde = ode = prior
    for drift, towards, noise in zip(f.tolist(), pull.tolist(), g2.tolist()):
        sde = math.exp(-2 * (drift + towards) / n) * sde + noise / n
        ode = math.exp(-2 * (drift + towards / 2) / n) * ode
    last = (process.alpha(1.0) * data_std) ** 2 + process.sigma(1.0) ** 2
    bound = delta**2 / 2 * (g2 / m).mean().item() + kl(last, prior)
    price = (1 + kappa**2) ** 2 / (4 * kappa**2) if kappa else math.inf
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "sde", price


# %% the half of the bound forgotten
def bound_and_kls(process, data_std, delta, kappa=1.0):
    n = 4000
    t = (torch.arange(n, 0, -1, dtype=torch.float64) - 0.5) / n
    f, g2 = process.drift_rate(t), process.diffusion(t) ** 2
    m = (process.alpha(t) * data_std) ** 2 + process.sigma(t) ** 2
    prior, pull = process.prior_std**2, g2 * (1 + delta) / m

    def kl(p, q):
        return (p / q - 1 - math.log(p / q)) / 2

    sde = ode = prior
    for drift, towards, noise in zip(f.tolist(), pull.tolist(), g2.tolist()):
        sde = math.exp(-2 * (drift + towards) / n) * sde + noise / n
        ode = math.exp(-2 * (drift + towards / 2) / n) * ode
    last = (process.alpha(1.0) * data_std) ** 2 + process.sigma(1.0) ** 2
    bound = delta**2 * (g2 / m).mean().item() + kl(last, prior)
    price = (1 + kappa**2) ** 2 / (4 * kappa**2) if kappa else math.inf
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode", price


# %% the KL at the start forgotten
def bound_and_kls(process, data_std, delta, kappa=1.0):
    n = 4000
    t = (torch.arange(n, 0, -1, dtype=torch.float64) - 0.5) / n
    f, g2 = process.drift_rate(t), process.diffusion(t) ** 2
    m = (process.alpha(t) * data_std) ** 2 + process.sigma(t) ** 2
    prior, pull = process.prior_std**2, g2 * (1 + delta) / m

    def kl(p, q):
        return (p / q - 1 - math.log(p / q)) / 2

    sde = ode = prior
    for drift, towards, noise in zip(f.tolist(), pull.tolist(), g2.tolist()):
        sde = math.exp(-2 * (drift + towards) / n) * sde + noise / n
        ode = math.exp(-2 * (drift + towards / 2) / n) * ode
    last = (process.alpha(1.0) * data_std) ** 2 + process.sigma(1.0) ** 2
    bound = delta**2 / 2 * (g2 / m).mean().item()
    price = (1 + kappa**2) ** 2 / (4 * kappa**2) if kappa else math.inf
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode", price


# %% the weighted loss of the noise and not of the score
def bound_and_kls(process, data_std, delta, kappa=1.0):
    n = 4000
    t = (torch.arange(n, 0, -1, dtype=torch.float64) - 0.5) / n
    f, g2 = process.drift_rate(t), process.diffusion(t) ** 2
    m = (process.alpha(t) * data_std) ** 2 + process.sigma(t) ** 2
    prior, pull = process.prior_std**2, g2 * (1 + delta) / m

    def kl(p, q):
        return (p / q - 1 - math.log(p / q)) / 2

    sde = ode = prior
    for drift, towards, noise in zip(f.tolist(), pull.tolist(), g2.tolist()):
        sde = math.exp(-2 * (drift + towards) / n) * sde + noise / n
        ode = math.exp(-2 * (drift + towards / 2) / n) * ode
    last = (process.alpha(1.0) * data_std) ** 2 + process.sigma(1.0) ** 2
    bound = delta**2 / 2 * (g2 / m**2).mean().item() + kl(last, prior)
    price = (1 + kappa**2) ** 2 / (4 * kappa**2) if kappa else math.inf
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode", price


# %% 1 + delta in the bound
def bound_and_kls(process, data_std, delta, kappa=1.0):
    n = 4000
    t = (torch.arange(n, 0, -1, dtype=torch.float64) - 0.5) / n
    f, g2 = process.drift_rate(t), process.diffusion(t) ** 2
    m = (process.alpha(t) * data_std) ** 2 + process.sigma(t) ** 2
    prior, pull = process.prior_std**2, g2 * (1 + delta) / m

    def kl(p, q):
        return (p / q - 1 - math.log(p / q)) / 2

    sde = ode = prior
    for drift, towards, noise in zip(f.tolist(), pull.tolist(), g2.tolist()):
        sde = math.exp(-2 * (drift + towards) / n) * sde + noise / n
        ode = math.exp(-2 * (drift + towards / 2) / n) * ode
    last = (process.alpha(1.0) * data_std) ** 2 + process.sigma(1.0) ** 2
    bound = (1 + delta) ** 2 / 2 * (g2 / m).mean().item() + kl(last, prior)
    price = (1 + kappa**2) ** 2 / (4 * kappa**2) if kappa else math.inf
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode", price


# %% half of the score in the SDE too
def bound_and_kls(process, data_std, delta, kappa=1.0):
    n = 4000
    t = (torch.arange(n, 0, -1, dtype=torch.float64) - 0.5) / n
    f, g2 = process.drift_rate(t), process.diffusion(t) ** 2
    m = (process.alpha(t) * data_std) ** 2 + process.sigma(t) ** 2
    prior, pull = process.prior_std**2, g2 * (1 + delta) / m

    def kl(p, q):
        return (p / q - 1 - math.log(p / q)) / 2

    sde = ode = prior
    for drift, towards, noise in zip(f.tolist(), pull.tolist(), g2.tolist()):
        sde = math.exp(-2 * (drift + towards / 2) / n) * sde + noise / n
        ode = math.exp(-2 * (drift + towards / 2) / n) * ode
    last = (process.alpha(1.0) * data_std) ** 2 + process.sigma(1.0) ** 2
    bound = delta**2 / 2 * (g2 / m).mean().item() + kl(last, prior)
    price = (1 + kappa**2) ** 2 / (4 * kappa**2) if kappa else math.inf
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode", price


# %% all of the score in the ODE
def bound_and_kls(process, data_std, delta, kappa=1.0):
    n = 4000
    t = (torch.arange(n, 0, -1, dtype=torch.float64) - 0.5) / n
    f, g2 = process.drift_rate(t), process.diffusion(t) ** 2
    m = (process.alpha(t) * data_std) ** 2 + process.sigma(t) ** 2
    prior, pull = process.prior_std**2, g2 * (1 + delta) / m

    def kl(p, q):
        return (p / q - 1 - math.log(p / q)) / 2

    sde = ode = prior
    for drift, towards, noise in zip(f.tolist(), pull.tolist(), g2.tolist()):
        sde = math.exp(-2 * (drift + towards) / n) * sde + noise / n
        ode = math.exp(-2 * (drift + towards) / n) * ode
    last = (process.alpha(1.0) * data_std) ** 2 + process.sigma(1.0) ** 2
    bound = delta**2 / 2 * (g2 / m).mean().item() + kl(last, prior)
    price = (1 + kappa**2) ** 2 / (4 * kappa**2) if kappa else math.inf
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode", price


# %% noise in the ODE
def bound_and_kls(process, data_std, delta, kappa=1.0):
    n = 4000
    t = (torch.arange(n, 0, -1, dtype=torch.float64) - 0.5) / n
    f, g2 = process.drift_rate(t), process.diffusion(t) ** 2
    m = (process.alpha(t) * data_std) ** 2 + process.sigma(t) ** 2
    prior, pull = process.prior_std**2, g2 * (1 + delta) / m

    def kl(p, q):
        return (p / q - 1 - math.log(p / q)) / 2

    sde = ode = prior
    for drift, towards, noise in zip(f.tolist(), pull.tolist(), g2.tolist()):
        sde = math.exp(-2 * (drift + towards) / n) * sde + noise / n
        ode = math.exp(-2 * (drift + towards / 2) / n) * ode + noise / n
    last = (process.alpha(1.0) * data_std) ** 2 + process.sigma(1.0) ** 2
    bound = delta**2 / 2 * (g2 / m).mean().item() + kl(last, prior)
    price = (1 + kappa**2) ** 2 / (4 * kappa**2) if kappa else math.inf
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode", price


# %% no noise in the SDE
def bound_and_kls(process, data_std, delta, kappa=1.0):
    n = 4000
    t = (torch.arange(n, 0, -1, dtype=torch.float64) - 0.5) / n
    f, g2 = process.drift_rate(t), process.diffusion(t) ** 2
    m = (process.alpha(t) * data_std) ** 2 + process.sigma(t) ** 2
    prior, pull = process.prior_std**2, g2 * (1 + delta) / m

    def kl(p, q):
        return (p / q - 1 - math.log(p / q)) / 2

    sde = ode = prior
    for drift, towards, noise in zip(f.tolist(), pull.tolist(), g2.tolist()):
        sde = math.exp(-2 * (drift + towards) / n) * sde
        ode = math.exp(-2 * (drift + towards / 2) / n) * ode
    last = (process.alpha(1.0) * data_std) ** 2 + process.sigma(1.0) ** 2
    bound = delta**2 / 2 * (g2 / m).mean().item() + kl(last, prior)
    price = (1 + kappa**2) ** 2 / (4 * kappa**2) if kappa else math.inf
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode", price


# %% noise g and not its square
def bound_and_kls(process, data_std, delta, kappa=1.0):
    n = 4000
    t = (torch.arange(n, 0, -1, dtype=torch.float64) - 0.5) / n
    f, g2 = process.drift_rate(t), process.diffusion(t) ** 2
    m = (process.alpha(t) * data_std) ** 2 + process.sigma(t) ** 2
    prior, pull = process.prior_std**2, g2 * (1 + delta) / m

    def kl(p, q):
        return (p / q - 1 - math.log(p / q)) / 2

    sde = ode = prior
    for drift, towards, noise in zip(f.tolist(), pull.tolist(), g2.sqrt().tolist()):
        sde = math.exp(-2 * (drift + towards) / n) * sde + noise / n
        ode = math.exp(-2 * (drift + towards / 2) / n) * ode
    last = (process.alpha(1.0) * data_std) ** 2 + process.sigma(1.0) ** 2
    bound = delta**2 / 2 * (g2 / m).mean().item() + kl(last, prior)
    price = (1 + kappa**2) ** 2 / (4 * kappa**2) if kappa else math.inf
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode", price


# %% the drift's sign
def bound_and_kls(process, data_std, delta, kappa=1.0):
    n = 4000
    t = (torch.arange(n, 0, -1, dtype=torch.float64) - 0.5) / n
    f, g2 = process.drift_rate(t), process.diffusion(t) ** 2
    m = (process.alpha(t) * data_std) ** 2 + process.sigma(t) ** 2
    prior, pull = process.prior_std**2, g2 * (1 + delta) / m

    def kl(p, q):
        return (p / q - 1 - math.log(p / q)) / 2

    sde = ode = prior
    for drift, towards, noise in zip(f.tolist(), pull.tolist(), g2.tolist()):
        sde = math.exp(-2 * (towards - drift) / n) * sde + noise / n
        ode = math.exp(-2 * (drift + towards / 2) / n) * ode
    last = (process.alpha(1.0) * data_std) ** 2 + process.sigma(1.0) ** 2
    bound = delta**2 / 2 * (g2 / m).mean().item() + kl(last, prior)
    price = (1 + kappa**2) ** 2 / (4 * kappa**2) if kappa else math.inf
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode", price


# %% variances grown like states
def bound_and_kls(process, data_std, delta, kappa=1.0):
    n = 4000
    t = (torch.arange(n, 0, -1, dtype=torch.float64) - 0.5) / n
    f, g2 = process.drift_rate(t), process.diffusion(t) ** 2
    m = (process.alpha(t) * data_std) ** 2 + process.sigma(t) ** 2
    prior, pull = process.prior_std**2, g2 * (1 + delta) / m

    def kl(p, q):
        return (p / q - 1 - math.log(p / q)) / 2

    sde = ode = prior
    for drift, towards, noise in zip(f.tolist(), pull.tolist(), g2.tolist()):
        sde = math.exp(-(drift + towards) / n) * sde + noise / n
        ode = math.exp(-2 * (drift + towards / 2) / n) * ode
    last = (process.alpha(1.0) * data_std) ** 2 + process.sigma(1.0) ** 2
    bound = delta**2 / 2 * (g2 / m).mean().item() + kl(last, prior)
    price = (1 + kappa**2) ** 2 / (4 * kappa**2) if kappa else math.inf
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode", price


# %% KL the wrong way round
def bound_and_kls(process, data_std, delta, kappa=1.0):
    n = 4000
    t = (torch.arange(n, 0, -1, dtype=torch.float64) - 0.5) / n
    f, g2 = process.drift_rate(t), process.diffusion(t) ** 2
    m = (process.alpha(t) * data_std) ** 2 + process.sigma(t) ** 2
    prior, pull = process.prior_std**2, g2 * (1 + delta) / m

    def kl(p, q):
        return (q / p - 1 - math.log(q / p)) / 2

    sde = ode = prior
    for drift, towards, noise in zip(f.tolist(), pull.tolist(), g2.tolist()):
        sde = math.exp(-2 * (drift + towards) / n) * sde + noise / n
        ode = math.exp(-2 * (drift + towards / 2) / n) * ode
    last = (process.alpha(1.0) * data_std) ** 2 + process.sigma(1.0) ** 2
    bound = delta**2 / 2 * (g2 / m).mean().item() + kl(last, prior)
    price = (1 + kappa**2) ** 2 / (4 * kappa**2) if kappa else math.inf
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode", price


# %% KL without its half
def bound_and_kls(process, data_std, delta, kappa=1.0):
    n = 4000
    t = (torch.arange(n, 0, -1, dtype=torch.float64) - 0.5) / n
    f, g2 = process.drift_rate(t), process.diffusion(t) ** 2
    m = (process.alpha(t) * data_std) ** 2 + process.sigma(t) ** 2
    prior, pull = process.prior_std**2, g2 * (1 + delta) / m

    def kl(p, q):
        return p / q - 1 - math.log(p / q)

    sde = ode = prior
    for drift, towards, noise in zip(f.tolist(), pull.tolist(), g2.tolist()):
        sde = math.exp(-2 * (drift + towards) / n) * sde + noise / n
        ode = math.exp(-2 * (drift + towards / 2) / n) * ode
    last = (process.alpha(1.0) * data_std) ** 2 + process.sigma(1.0) ** 2
    bound = delta**2 / 2 * (g2 / m).mean().item() + kl(last, prior)
    price = (1 + kappa**2) ** 2 / (4 * kappa**2) if kappa else math.inf
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode", price


# %% delta with the wrong sign
def bound_and_kls(process, data_std, delta, kappa=1.0):
    n = 4000
    t = (torch.arange(n, 0, -1, dtype=torch.float64) - 0.5) / n
    f, g2 = process.drift_rate(t), process.diffusion(t) ** 2
    m = (process.alpha(t) * data_std) ** 2 + process.sigma(t) ** 2
    prior, pull = process.prior_std**2, g2 * (1 - delta) / m

    def kl(p, q):
        return (p / q - 1 - math.log(p / q)) / 2

    sde = ode = prior
    for drift, towards, noise in zip(f.tolist(), pull.tolist(), g2.tolist()):
        sde = math.exp(-2 * (drift + towards) / n) * sde + noise / n
        ode = math.exp(-2 * (drift + towards / 2) / n) * ode
    last = (process.alpha(1.0) * data_std) ** 2 + process.sigma(1.0) ** 2
    bound = delta**2 / 2 * (g2 / m).mean().item() + kl(last, prior)
    price = (1 + kappa**2) ** 2 / (4 * kappa**2) if kappa else math.inf
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode", price


# %% SDE and ODE swapped
def bound_and_kls(process, data_std, delta, kappa=1.0):
    n = 4000
    t = (torch.arange(n, 0, -1, dtype=torch.float64) - 0.5) / n
    f, g2 = process.drift_rate(t), process.diffusion(t) ** 2
    m = (process.alpha(t) * data_std) ** 2 + process.sigma(t) ** 2
    prior, pull = process.prior_std**2, g2 * (1 + delta) / m

    def kl(p, q):
        return (p / q - 1 - math.log(p / q)) / 2

    sde = ode = prior
    for drift, towards, noise in zip(f.tolist(), pull.tolist(), g2.tolist()):
        sde = math.exp(-2 * (drift + towards) / n) * sde + noise / n
        ode = math.exp(-2 * (drift + towards / 2) / n) * ode
    last = (process.alpha(1.0) * data_std) ** 2 + process.sigma(1.0) ** 2
    bound = delta**2 / 2 * (g2 / m).mean().item() + kl(last, prior)
    price = (1 + kappa**2) ** 2 / (4 * kappa**2) if kappa else math.inf
    return bound, kl(data_std**2, ode), kl(data_std**2, sde), "ode", price


# %% a unit prior for every process
def bound_and_kls(process, data_std, delta, kappa=1.0):
    def kl(p, q):
        return (p / q - 1 - math.log(p / q)) / 2

    alpha, sigma = process.alpha(1.0), process.sigma(1.0)
    level, prior, data = (alpha * data_std) ** 2 + sigma**2, 1.0, data_std**2
    shrink = data * alpha**2 / level
    ode = prior / alpha**2 * shrink ** (1 + delta)
    kept = prior / alpha**2 * shrink ** (2 + 2 * delta)
    sde = kept + data * (1 - shrink ** (1 + 2 * delta)) / (1 + 2 * delta)
    bound = kl(level, prior) - delta**2 / 2 * math.log(shrink)
    return bound, kl(data, sde), kl(data, ode), "ode", (1 + kappa**2) ** 2 / (4 * kappa**2) if kappa else math.inf


# %% the prior's standard deviation for its variance
def bound_and_kls(process, data_std, delta, kappa=1.0):
    def kl(p, q):
        return (p / q - 1 - math.log(p / q)) / 2

    alpha, sigma = process.alpha(1.0), process.sigma(1.0)
    level, prior, data = (alpha * data_std) ** 2 + sigma**2, process.prior_std, data_std**2
    shrink = data * alpha**2 / level
    ode = prior / alpha**2 * shrink ** (1 + delta)
    kept = prior / alpha**2 * shrink ** (2 + 2 * delta)
    sde = kept + data * (1 - shrink ** (1 + 2 * delta)) / (1 + 2 * delta)
    bound = kl(level, prior) - delta**2 / 2 * math.log(shrink)
    return bound, kl(data, sde), kl(data, ode), "ode", (1 + kappa**2) ** 2 / (4 * kappa**2) if kappa else math.inf


# %% the factor without the smaller drift
def bound_and_kls(process, data_std, delta, kappa=1.0):
    def kl(p, q):
        return (p / q - 1 - math.log(p / q)) / 2

    alpha, sigma = process.alpha(1.0), process.sigma(1.0)
    level, prior, data = (alpha * data_std) ** 2 + sigma**2, process.prior_std**2, data_std**2
    shrink = data * alpha**2 / level
    ode = prior / alpha**2 * shrink ** (1 + delta)
    kept = prior / alpha**2 * shrink ** (2 + 2 * delta)
    sde = kept + data * (1 - shrink ** (1 + 2 * delta)) / (1 + 2 * delta)
    bound = kl(level, prior) - delta**2 / 2 * math.log(shrink)
    return bound, kl(data, sde), kl(data, ode), "ode", 1 / kappa**2 if kappa else math.inf


# %% the factor of the kicks forgotten
def bound_and_kls(process, data_std, delta, kappa=1.0):
    def kl(p, q):
        return (p / q - 1 - math.log(p / q)) / 2

    alpha, sigma = process.alpha(1.0), process.sigma(1.0)
    level, prior, data = (alpha * data_std) ** 2 + sigma**2, process.prior_std**2, data_std**2
    shrink = data * alpha**2 / level
    ode = prior / alpha**2 * shrink ** (1 + delta)
    kept = prior / alpha**2 * shrink ** (2 + 2 * delta)
    sde = kept + data * (1 - shrink ** (1 + 2 * delta)) / (1 + 2 * delta)
    bound = kl(level, prior) - delta**2 / 2 * math.log(shrink)
    return bound, kl(data, sde), kl(data, ode), "ode", (1 + kappa**2) ** 2 / 4


# %% a finite price for the ODE
def bound_and_kls(process, data_std, delta, kappa=1.0):
    def kl(p, q):
        return (p / q - 1 - math.log(p / q)) / 2

    alpha, sigma = process.alpha(1.0), process.sigma(1.0)
    level, prior, data = (alpha * data_std) ** 2 + sigma**2, process.prior_std**2, data_std**2
    shrink = data * alpha**2 / level
    ode = prior / alpha**2 * shrink ** (1 + delta)
    kept = prior / alpha**2 * shrink ** (2 + 2 * delta)
    sde = kept + data * (1 - shrink ** (1 + 2 * delta)) / (1 + 2 * delta)
    bound = kl(level, prior) - delta**2 / 2 * math.log(shrink)
    return bound, kl(data, sde), kl(data, ode), "ode", (1 + kappa**2) ** 2 / (4 * max(kappa, 1e-6) ** 2)
