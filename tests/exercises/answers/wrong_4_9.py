# %% the second fault alone repaired
def log_density(model, raw, mean, scale, times):
    x, change = (raw - mean) / scale, 0.0
    times = [float(t) for t in times]
    for t, s in zip(times[:-1], times[1:]):
        velocity, trace = flow(model, x, t)
        ahead, trace_ahead = flow(model, x + (s - t) * velocity, s)
        x = x + (s - t) / 2 * (velocity + ahead)
        change = change + (s - t) / 2 * (trace + trace_ahead)
    return model.process.prior_log_prob(x) - change - raw[0].numel() * math.log(scale)


# %% the first fault alone repaired
def log_density(model, raw, mean, scale, times):
    x, change = (raw - mean) / scale, 0.0
    times = [float(t) for t in times]
    for t, s in zip(times[:-1], times[1:]):
        velocity, trace = flow(model, x, t)
        ahead, trace_ahead = flow(model, x + (s - t) * velocity, s)
        x = x + (s - t) / 2 * (velocity + ahead)
        change = change + (s - t) / 2 * (trace + trace_ahead)
    return model.process.prior_log_prob(x) + change + math.log(scale)


# %% the scale once, whatever the dimension
def log_density(model, raw, mean, scale, times):
    x, change = (raw - mean) / scale, 0.0
    times = [float(t) for t in times]
    for t, s in zip(times[:-1], times[1:]):
        velocity, trace = flow(model, x, t)
        ahead, trace_ahead = flow(model, x + (s - t) * velocity, s)
        x = x + (s - t) / 2 * (velocity + ahead)
        change = change + (s - t) / 2 * (trace + trace_ahead)
    return model.process.prior_log_prob(x) + change - math.log(scale)


# %% the scale with the wrong sign
def log_density(model, raw, mean, scale, times):
    x, change = (raw - mean) / scale, 0.0
    times = [float(t) for t in times]
    for t, s in zip(times[:-1], times[1:]):
        velocity, trace = flow(model, x, t)
        ahead, trace_ahead = flow(model, x + (s - t) * velocity, s)
        x = x + (s - t) / 2 * (velocity + ahead)
        change = change + (s - t) / 2 * (trace + trace_ahead)
    return model.process.prior_log_prob(x) + change + raw[0].numel() * math.log(scale)


# %% no scale
def log_density(model, raw, mean, scale, times):
    x, change = (raw - mean) / scale, 0.0
    times = [float(t) for t in times]
    for t, s in zip(times[:-1], times[1:]):
        velocity, trace = flow(model, x, t)
        ahead, trace_ahead = flow(model, x + (s - t) * velocity, s)
        x = x + (s - t) / 2 * (velocity + ahead)
        change = change + (s - t) / 2 * (trace + trace_ahead)
    return model.process.prior_log_prob(x) + change


# %% the scale and not its logarithm
def log_density(model, raw, mean, scale, times):
    x, change = (raw - mean) / scale, 0.0
    times = [float(t) for t in times]
    for t, s in zip(times[:-1], times[1:]):
        velocity, trace = flow(model, x, t)
        ahead, trace_ahead = flow(model, x + (s - t) * velocity, s)
        x = x + (s - t) / 2 * (velocity + ahead)
        change = change + (s - t) / 2 * (trace + trace_ahead)
    return model.process.prior_log_prob(x) + change - raw[0].numel() * scale


# %% the dimension times the logarithm, of the whole batch
def log_density(model, raw, mean, scale, times):
    x, change = (raw - mean) / scale, 0.0
    times = [float(t) for t in times]
    for t, s in zip(times[:-1], times[1:]):
        velocity, trace = flow(model, x, t)
        ahead, trace_ahead = flow(model, x + (s - t) * velocity, s)
        x = x + (s - t) / 2 * (velocity + ahead)
        change = change + (s - t) / 2 * (trace + trace_ahead)
    return model.process.prior_log_prob(x) + change - raw.numel() * math.log(scale)


# %% no change of volume
def log_density(model, raw, mean, scale, times):
    x, change = (raw - mean) / scale, 0.0
    times = [float(t) for t in times]
    for t, s in zip(times[:-1], times[1:]):
        velocity, trace = flow(model, x, t)
        ahead, trace_ahead = flow(model, x + (s - t) * velocity, s)
        x = x + (s - t) / 2 * (velocity + ahead)
        change = change + (s - t) / 2 * (trace + trace_ahead)
    return model.process.prior_log_prob(x) - raw[0].numel() * math.log(scale)


# %% half of the change
def log_density(model, raw, mean, scale, times):
    x, change = (raw - mean) / scale, 0.0
    times = [float(t) for t in times]
    for t, s in zip(times[:-1], times[1:]):
        velocity, trace = flow(model, x, t)
        ahead, trace_ahead = flow(model, x + (s - t) * velocity, s)
        x = x + (s - t) / 2 * (velocity + ahead)
        change = change + (s - t) / 4 * (trace + trace_ahead)
    return model.process.prior_log_prob(x) + change - raw[0].numel() * math.log(scale)


# %% the prior at the start and not at the end
def log_density(model, raw, mean, scale, times):
    x, change = (raw - mean) / scale, 0.0
    times = [float(t) for t in times]
    for t, s in zip(times[:-1], times[1:]):
        velocity, trace = flow(model, x, t)
        ahead, trace_ahead = flow(model, x + (s - t) * velocity, s)
        x = x + (s - t) / 2 * (velocity + ahead)
        change = change + (s - t) / 2 * (trace + trace_ahead)
    return model.process.prior_log_prob((raw - mean) / scale) + change - raw[0].numel() * math.log(scale)


# %% the data not scaled
def log_density(model, raw, mean, scale, times):
    x, change = raw - mean, 0.0
    times = [float(t) for t in times]
    for t, s in zip(times[:-1], times[1:]):
        velocity, trace = flow(model, x, t)
        ahead, trace_ahead = flow(model, x + (s - t) * velocity, s)
        x = x + (s - t) / 2 * (velocity + ahead)
        change = change + (s - t) / 2 * (trace + trace_ahead)
    return model.process.prior_log_prob(x) + change - raw[0].numel() * math.log(scale)


# %% the mean forgotten
def log_density(model, raw, mean, scale, times):
    x, change = raw / scale, 0.0
    times = [float(t) for t in times]
    for t, s in zip(times[:-1], times[1:]):
        velocity, trace = flow(model, x, t)
        ahead, trace_ahead = flow(model, x + (s - t) * velocity, s)
        x = x + (s - t) / 2 * (velocity + ahead)
        change = change + (s - t) / 2 * (trace + trace_ahead)
    return model.process.prior_log_prob(x) + change - raw[0].numel() * math.log(scale)


# %% a standard normal prior
def log_density(model, raw, mean, scale, times):
    x, change = (raw - mean) / scale, 0.0
    times = [float(t) for t in times]
    for t, s in zip(times[:-1], times[1:]):
        velocity, trace = flow(model, x, t)
        ahead, trace_ahead = flow(model, x + (s - t) * velocity, s)
        x = x + (s - t) / 2 * (velocity + ahead)
        change = change + (s - t) / 2 * (trace + trace_ahead)
    return (-0.5 * x**2 - 0.5 * math.log(2 * math.pi)).flatten(1).sum(1) + change - raw[0].numel() * math.log(scale)


# %% the state does not move
def log_density(model, raw, mean, scale, times):
    x, change = (raw - mean) / scale, 0.0
    times = [float(t) for t in times]
    for t, s in zip(times[:-1], times[1:]):
        velocity, trace = flow(model, x, t)
        ahead, trace_ahead = flow(model, x + (s - t) * velocity, s)
        change = change + (s - t) / 2 * (trace + trace_ahead)
    return model.process.prior_log_prob(x) + change - raw[0].numel() * math.log(scale)


# %% times walked the wrong way
def log_density(model, raw, mean, scale, times):
    x, change = (raw - mean) / scale, 0.0
    times = [float(t) for t in times][::-1]
    for t, s in zip(times[:-1], times[1:]):
        velocity, trace = flow(model, x, t)
        ahead, trace_ahead = flow(model, x + (s - t) * velocity, s)
        x = x + (s - t) / 2 * (velocity + ahead)
        change = change + (s - t) / 2 * (trace + trace_ahead)
    return model.process.prior_log_prob(x) + change - raw[0].numel() * math.log(scale)


# %% the density of the exact model, without a flow
def log_density(model, raw, mean, scale, times):
    scaled = model.log_prob((raw - mean) / scale, float(times[0]))
    return scaled - raw[0].numel() * math.log(scale)


# %% the first interval skipped
def log_density(model, raw, mean, scale, times):
    x, change = (raw - mean) / scale, 0.0
    times = [float(t) for t in times][1:]
    for t, s in zip(times[:-1], times[1:]):
        velocity, trace = flow(model, x, t)
        ahead, trace_ahead = flow(model, x + (s - t) * velocity, s)
        x = x + (s - t) / 2 * (velocity + ahead)
        change = change + (s - t) / 2 * (trace + trace_ahead)
    scaled = model.process.prior_log_prob(x) + change
    return scaled - raw[0].numel() * math.log(scale)


# %% the first hundred steps, however many there are
def log_density(model, raw, mean, scale, times):
    x, change = (raw - mean) / scale, 0.0
    times = [float(t) for t in times][:101]
    for t, s in zip(times[:-1], times[1:]):
        velocity, trace = flow(model, x, t)
        ahead, trace_ahead = flow(model, x + (s - t) * velocity, s)
        x = x + (s - t) / 2 * (velocity + ahead)
        change = change + (s - t) / 2 * (trace + trace_ahead)
    scaled = model.process.prior_log_prob(x) + change
    return scaled - raw[0].numel() * math.log(scale)
