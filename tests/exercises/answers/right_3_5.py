# %% a slope fitted through three numbers of steps, another process
import numpy as np


def order_of(solver):
    target, process = Gaussian([0.3, -0.8], 0.6), VP(0.2, 5.0)
    start, counts, errors = normal(30, 2, seed=3), (24, 48, 96), []
    for steps in counts:
        end = solver(target.denoiser(process), start, grids.uniform(steps, start=0.8, end=0.3))
        errors.append((end - exact_flow(target, process, start, 0.8, 0.3)).square().mean().sqrt().item())
    return -np.polyfit(np.log(counts), np.log(errors), 1)[0]


# %% a mixture, the truth from an adaptive solver
def order_of(solver):
    model = GaussianMixture([0.4, 0.6], [[-1.0], [0.9]], [0.5, 0.6]).denoiser(Cosine())
    start = normal(30, 1, seed=7)
    whole = torch.tensor([0.8, 0.3], dtype=torch.float64)
    want = samplers.adaptive_ode(model, start, whole, rtol=1e-11, atol=1e-12, method="DOP853")
    one, two = (solver(model, start, grids.uniform(steps, start=0.8, end=0.3)) for steps in (30, 60))
    return math.log2((one - want).abs().mean() / (two - want).abs().mean())


# %% rounded to a whole number
def order_of(solver):
    target, process = Gaussian([-0.5], 0.4), Cosine()
    start = normal(20, 1, seed=9)

    def error(steps):
        end = solver(target.denoiser(process), start, grids.uniform(steps, start=0.75, end=0.25))
        return float((end - exact_flow(target, process, start, 0.75, 0.25)).abs().max())

    return round(math.log(error(32) / error(96)) / math.log(3))
