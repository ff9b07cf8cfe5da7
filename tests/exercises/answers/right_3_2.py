# %% in one formula, the mean of both drifts and of both diffusions
def two_steps(model, x, t, h, z):
    p, s = model.process, t - h

    def drift(at, time):
        return p.drift(at, time) - p.diffusion(time) ** 2 * model.score(at, time)

    here = drift(x, t)
    low = x - h * here + p.diffusion(t) * h**0.5 * z
    return low, x - h / 2 * (here + drift(low, s)) + (p.diffusion(t) + p.diffusion(s)) / 2 * h**0.5 * z


# %% the library's pair, with a time for each example
def two_steps(model, x, t, h, z):
    from minidiff.samplers.sde import embedded_steps
    times, lengths = (torch.full((len(x),), value, dtype=torch.float64) for value in (t, h))
    return embedded_steps(model, x, times, lengths, z)


# %% through the predicted noise, in a list
def two_steps(model, x, t, h, z):
    p, states = model.process, [x]
    for time in (t, t - h):
        g = p.diffusion(time)
        rate = p.drift_rate(time) * states[-1] + g**2 / p.sigma(time) * model.eps(states[-1], time)
        states.append(x - h * rate + g * math.sqrt(h) * z)
    return [states[1], 0.5 * states[1] + 0.5 * states[2]]
