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
