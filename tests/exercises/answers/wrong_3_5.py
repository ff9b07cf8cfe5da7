# %% what one would like to see
def order_of(solver):
    return 2.0


# %% the natural logarithm
def order_of(solver):
    target, process = Gaussian([0.7], 0.5), Cosine()
    start, errors = normal(50, 1, seed=1), []
    for steps in (40, 80):
        end = solver(target.denoiser(process), start, grids.uniform(steps, start=0.8, end=0.2))
        errors.append((end - exact_flow(target, process, start, 0.8, 0.2)).abs().max().item())
    return math.log(errors[0] / errors[1])


# %% the ratio turned round
def order_of(solver):
    target, process = Gaussian([0.7], 0.5), Cosine()
    start, errors = normal(50, 1, seed=1), []
    for steps in (40, 80):
        end = solver(target.denoiser(process), start, grids.uniform(steps, start=0.8, end=0.2))
        errors.append((end - exact_flow(target, process, start, 0.8, 0.2)).abs().max().item())
    return math.log2(errors[1] / errors[0])


# %% the solver's own answers for the truth: blind to a wrong limit
def order_of(solver):
    model, start = Gaussian([0.7], 0.5).denoiser(Cosine()), normal(50, 1, seed=1)
    ends = [solver(model, start, grids.uniform(steps, start=0.8, end=0.2)) for steps in (40, 80, 160)]
    return math.log2((ends[0] - ends[1]).abs().max() / (ends[1] - ends[2]).abs().max())


# %% its own answer with twice the steps for the truth
def order_of(solver):
    model, start = Gaussian([0.7], 0.5).denoiser(Cosine()), normal(50, 1, seed=1)
    ends = [solver(model, start, grids.uniform(steps, start=0.8, end=0.2)) for steps in (40, 80, 160)]
    return math.log2((ends[0] - ends[2]).abs().max() / (ends[1] - ends[2]).abs().max())


# %% four times the steps, divided by log 2
def order_of(solver):
    target, process = Gaussian([0.7], 0.5), Cosine()
    start, errors = normal(50, 1, seed=1), []
    for steps in (40, 160):
        end = solver(target.denoiser(process), start, grids.uniform(steps, start=0.8, end=0.2))
        errors.append((end - exact_flow(target, process, start, 0.8, 0.2)).abs().max().item())
    return math.log2(errors[0] / errors[1])


# %% float32 and many steps: rounding is measured
def order_of(solver):
    target, process = Gaussian([0.7], 0.5), Cosine()
    start, errors = normal(50, 1, seed=1).float(), []
    for steps in (200, 400):
        end = solver(target.denoiser(process), start, grids.uniform(steps, start=0.8, end=0.2))
        errors.append((end - exact_flow(target, process, start, 0.8, 0.2)).abs().max().item())
    return math.log2(max(errors[0], 1e-12) / max(errors[1], 1e-12))


# %% one step and two: the law does not hold yet
def order_of(solver):
    target, process = Gaussian([0.7], 0.5), VP()
    start, errors = normal(50, 1, seed=1), []
    for steps in (1, 2):
        end = solver(target.denoiser(process), start, grids.uniform(steps, start=0.9, end=0.1))
        errors.append((end - exact_flow(target, process, start, 0.9, 0.1)).abs().max().item())
    return math.log2(errors[0] / errors[1])


# %% data on which DDIM is exact
def order_of(solver):
    target, process = Gaussian([0.7], 0.0), Cosine()
    start, errors = normal(50, 1, seed=1), []
    for steps in (40, 80):
        end = solver(target.denoiser(process), start, grids.uniform(steps, start=0.8, end=0.2))
        errors.append((end - exact_flow(target, process, start, 0.8, 0.2)).abs().max().item())
    return math.log2(max(errors[0], 1e-15) / max(errors[1], 1e-15))


# %% data that stand still
def order_of(solver):
    target, process = Gaussian([0.0], 1.0), VP()
    start, errors = normal(50, 1, seed=1), []
    for steps in (40, 80):
        end = solver(target.denoiser(process), start, grids.uniform(steps, start=0.8, end=0.2))
        errors.append((end - exact_flow(target, process, start, 0.8, 0.2)).abs().max().item())
    return math.log2(max(errors[0], 1e-15) / max(errors[1], 1e-15))


# %% a truth that is not true enough for order four
def order_of(solver):
    model = GaussianMixture([0.4, 0.6], [[-1.0], [0.9]], [0.5, 0.6]).denoiser(Cosine())
    start = normal(30, 1, seed=7)
    want = samplers.heun(model, start, grids.uniform(400, start=0.8, end=0.3))
    one, two = (solver(model, start, grids.uniform(steps, start=0.8, end=0.3)) for steps in (30, 60))
    return math.log2((one - want).abs().mean() / (two - want).abs().mean())
