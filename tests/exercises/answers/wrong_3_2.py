# %% fresh noise in the second step
def two_steps(model, x, t, h, z):
    p = model.process

    def step(at, time, z):
        g = p.diffusion(time)
        return x - h * (p.drift_rate(time) * at - g**2 * model.score(at, time)) + g * h**0.5 * z

    low = step(x, t, z)
    return low, (low + step(low, t - h, torch.randn_like(z))) / 2


# %% the second step leaves from where the first arrived
def two_steps(model, x, t, h, z):
    p = model.process

    def step(at, time):
        g = p.diffusion(time)
        return at - h * (p.drift_rate(time) * at - g**2 * model.score(at, time)) + g * h**0.5 * z

    low = step(x, t)
    return low, (low + step(low, t - h)) / 2


# %% the second step at the old time
def two_steps(model, x, t, h, z):
    p = model.process

    def step(at, time):
        g = p.diffusion(time)
        return x - h * (p.drift_rate(time) * at - g**2 * model.score(at, time)) + g * h**0.5 * z

    low = step(x, t)
    return low, (low + step(low, t)) / 2


# %% the diffusion of the old time in both
def two_steps(model, x, t, h, z):
    p = model.process

    def step(at, time):
        drift = p.drift_rate(time) * at - p.diffusion(time) ** 2 * model.score(at, time)
        return x - h * drift + p.diffusion(t) * h**0.5 * z

    low = step(x, t)
    return low, (low + step(low, t - h)) / 2


# %% the new time but the old state
def two_steps(model, x, t, h, z):
    p = model.process

    def step(time):
        g = p.diffusion(time)
        return x - h * (p.drift_rate(time) * x - g**2 * model.score(x, time)) + g * h**0.5 * z

    return step(t), (step(t) + step(t - h)) / 2


# %% no mean: the second step itself
def two_steps(model, x, t, h, z):
    p = model.process

    def step(at, time):
        g = p.diffusion(time)
        return x - h * (p.drift_rate(time) * at - g**2 * model.score(at, time)) + g * h**0.5 * z

    low = step(x, t)
    return low, step(low, t - h)


# %% the one half of the ODE
def two_steps(model, x, t, h, z):
    p = model.process

    def step(at, time):
        g = p.diffusion(time)
        return x - h * (p.drift_rate(time) * at - g**2 / 2 * model.score(at, time)) + g * h**0.5 * z

    low = step(x, t)
    return low, (low + step(low, t - h)) / 2


# %% noise that grows with h and not with its root
def two_steps(model, x, t, h, z):
    p = model.process

    def step(at, time):
        g = p.diffusion(time)
        return x - h * (p.drift_rate(time) * at - g**2 * model.score(at, time)) + g * h * z

    low = step(x, t)
    return low, (low + step(low, t - h)) / 2


# %% forwards in time
def two_steps(model, x, t, h, z):
    p = model.process

    def step(at, time):
        g = p.diffusion(time)
        return x + h * (p.drift_rate(time) * at - g**2 * model.score(at, time)) + g * h**0.5 * z

    low = step(x, t)
    return low, (low + step(low, t - h)) / 2


# %% the pair turned round
def two_steps(model, x, t, h, z):
    p = model.process

    def step(at, time):
        g = p.diffusion(time)
        return x - h * (p.drift_rate(time) * at - g**2 * model.score(at, time)) + g * h**0.5 * z

    low = step(x, t)
    return (low + step(low, t - h)) / 2, low
