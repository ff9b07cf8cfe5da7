# %% twice the drift: samples p squared
def langevin_step(score, x, step_size, noise):
    return x + step_size * score(x) + math.sqrt(step_size) * noise


# %% the other convention, noise of variance 2 step_size
def langevin_step(score, x, step_size, noise):
    return x + step_size * score(x) + math.sqrt(2 * step_size) * noise


# %% noise of standard deviation step_size
def langevin_step(score, x, step_size, noise):
    return x + 0.5 * step_size * score(x) + step_size * noise


# %% downhill
def langevin_step(score, x, step_size, noise):
    return x - 0.5 * step_size * score(x) + math.sqrt(step_size) * noise


# %% no noise
def langevin_step(score, x, step_size, noise):
    return x + 0.5 * step_size * score(x)


# %% one noise for the whole batch
def langevin_step(score, x, step_size, noise):
    return x + 0.5 * step_size * score(x) + math.sqrt(step_size) * noise[:1]


# %% the increment alone
def langevin_step(score, x, step_size, noise):
    return 0.5 * step_size * score(x) + math.sqrt(step_size) * noise


# %% the score taken after the noise
def langevin_step(score, x, step_size, noise):
    y = x + math.sqrt(step_size) * noise
    return y + 0.5 * step_size * score(y)
