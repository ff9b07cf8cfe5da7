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
