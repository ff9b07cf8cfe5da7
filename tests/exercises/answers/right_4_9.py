# %% Runge-Kutta of order 4
def log_density(model, raw, mean, scale, times):
    x, total = (raw - mean) / scale, -raw[0].numel() * math.log(scale)
    knots = [float(t) for t in times]
    for t, s in zip(knots[:-1], knots[1:]):
        h, middle = s - t, (t + s) / 2
        (a, da) = flow(model, x, t)
        (b, db) = flow(model, x + h / 2 * a, middle)
        (c, dc) = flow(model, x + h / 2 * b, middle)
        (d, dd) = flow(model, x + h * c, s)
        x, total = x + h / 6 * (a + 2 * b + 2 * c + d), total + h / 6 * (da + 2 * db + 2 * dc + dd)
    return total + model.process.prior_log_prob(x)


# %% midpoint rule; from the noise's point of view
def log_density(model, raw, mean, scale, times):
    x, lost = (raw - mean) / scale, torch.zeros(len(raw), dtype=raw.dtype)
    for t, s in zip(times[:-1].tolist(), times[1:].tolist()):
        velocity, _ = flow(model, x, t)
        velocity, trace = flow(model, x + (s - t) / 2 * velocity, (t + s) / 2)
        x, lost = x + (s - t) * velocity, lost - (s - t) * trace
    units = torch.full(raw.shape, float(scale)).double().log().flatten(1).sum(1)
    return model.process.prior_log_prob(x) - lost - units


# %% Adams-Bashforth of order 2 with steps of any length
def log_density(model, raw, mean, scale, times):
    x, change, before = (raw - mean) / scale, 0.0, None
    times = [float(t) for t in times]
    for t, s in zip(times[:-1], times[1:]):
        h = s - t
        now = flow(model, x, t)
        if before is None:
            middle = flow(model, x + h / 2 * now[0], t + h / 2)
            rates = middle
        else:
            w = h / (2 * length)
            rates = [(1 + w) * a - w * b for a, b in zip(now, before)]
        x, change = x + h * rates[0], change + h * rates[1]
        before, length = now, h
    return model.process.prior_log_prob(x) + change - raw[0].numel() * math.log(scale)
