# %% the other model named
def bound_and_kls(process, data_std, delta):
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
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "sde"


# %% the half of the bound forgotten
def bound_and_kls(process, data_std, delta):
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
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode"


# %% the KL at the start forgotten
def bound_and_kls(process, data_std, delta):
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
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode"


# %% the weighted loss of the noise and not of the score
def bound_and_kls(process, data_std, delta):
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
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode"


# %% 1 + delta in the bound
def bound_and_kls(process, data_std, delta):
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
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode"


# %% half of the score in the SDE too
def bound_and_kls(process, data_std, delta):
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
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode"


# %% all of the score in the ODE
def bound_and_kls(process, data_std, delta):
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
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode"


# %% noise in the ODE
def bound_and_kls(process, data_std, delta):
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
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode"


# %% no noise in the SDE
def bound_and_kls(process, data_std, delta):
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
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode"


# %% noise g and not its square
def bound_and_kls(process, data_std, delta):
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
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode"


# %% the drift's sign
def bound_and_kls(process, data_std, delta):
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
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode"


# %% variances grown like states
def bound_and_kls(process, data_std, delta):
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
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode"


# %% KL the wrong way round
def bound_and_kls(process, data_std, delta):
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
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode"


# %% KL without its half
def bound_and_kls(process, data_std, delta):
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
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode"


# %% delta with the wrong sign
def bound_and_kls(process, data_std, delta):
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
    return bound, kl(data_std**2, sde), kl(data_std**2, ode), "ode"


# %% SDE and ODE swapped
def bound_and_kls(process, data_std, delta):
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
    return bound, kl(data_std**2, ode), kl(data_std**2, sde), "ode"
