# %% the one half missing: the drift of the reverse SDE
def flow_step(process, score, x, t, s):
    return x + (s - t) * (process.drift_rate(t) * x - process.diffusion(t) ** 2 * score(x, t))


# %% the sign of the time step
def flow_step(process, score, x, t, s):
    return x + (t - s) * (process.drift_rate(t) * x - 0.5 * process.diffusion(t) ** 2 * score(x, t))


# %% g in the place of g squared
def flow_step(process, score, x, t, s):
    return x + (s - t) * (process.drift_rate(t) * x - 0.5 * process.diffusion(t) * score(x, t))


# %% coefficients at the end of the step
def flow_step(process, score, x, t, s):
    return x + (s - t) * (process.drift_rate(s) * x - 0.5 * process.diffusion(s) ** 2 * score(x, t))


# %% no drift: right for VE only
def flow_step(process, score, x, t, s):
    return x - (s - t) * 0.5 * process.diffusion(t) ** 2 * score(x, t)


# %% g squared taken for beta: right for VP only
def flow_step(process, score, x, t, s):
    beta = -2 * process.drift_rate(t)
    return x + (s - t) * (-0.5 * beta * (x + score(x, t)))


# %% the score's sign
def flow_step(process, score, x, t, s):
    return x + (s - t) * (process.drift_rate(t) * x + 0.5 * process.diffusion(t) ** 2 * score(x, t))


# %% noise added
def flow_step(process, score, x, t, s):
    velocity = process.drift_rate(t) * x - 0.5 * process.diffusion(t) ** 2 * score(x, t)
    return x + (s - t) * velocity + process.diffusion(t) * math.sqrt(t - s) * torch.randn_like(x)


# %% the linear part exact
def flow_step(process, score, x, t, s):
    return math.exp((s - t) * process.drift_rate(t)) * x - (s - t) * 0.5 * process.diffusion(t) ** 2 * score(x, t)


# %% a step of DDIM
def flow_step(process, score, x, t, s):
    e = -process.sigma(t) * score(x, t)
    return process.alpha(s) / process.alpha(t) * (x - process.sigma(t) * e) + process.sigma(s) * e
