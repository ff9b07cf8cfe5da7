# %% the library's drift, h positive
def flow_step(process, score, x, t, s):
    h = t - s
    return x - h * process.drift(x, t) + 0.5 * h * process.diffusion(t) ** 2 * score(x, t)


# %% in place
def flow_step(process, score, x, t, s):
    change = process.drift_rate(t) * x
    change -= process.diffusion(t) ** 2 / 2 * score(x, t)
    x += (s - t) * change
    return x


# %% a float32 state
def flow_step(process, score, x, t, s):
    x = x.float()
    return x + (s - t) * (process.drift_rate(t) * x - process.diffusion(t) ** 2 * score(x, t) / 2)


# %% a time for each example
def flow_step(process, score, x, t, s):
    tt = torch.full((len(x),), t, dtype=x.dtype)
    col = (-1,) + (1,) * (x.ndim - 1)
    f, g = process.drift_rate(tt).reshape(col), process.diffusion(tt).reshape(col)
    return x + (s - t) * (f * x - 0.5 * g.square() * score(x, t))
