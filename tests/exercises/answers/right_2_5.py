# %% with a = step_size / 2, as NCSN's code has it
def langevin_step(score, x, step_size, noise):
    a = step_size / 2
    return x + a * score(x) + (2 * a) ** 0.5 * noise


# %% in place
def langevin_step(score, x, step_size, noise):
    move = score(x) * (step_size / 2)
    move += noise * torch.tensor(step_size).sqrt()
    return x.add_(move)


# %% a numpy number times a tensor
import numpy as np


def langevin_step(score, x, step_size, noise):
    return x + step_size / 2 * score(x) + np.sqrt(step_size) * noise
