# %% the cosine schedule
def fitting_betas(num_steps):
    return DDPM.cosine(num_steps).betas[1:]


# %% the VP SDE at T times, as a float32 list
def fitting_betas(num_steps):
    alphas = [VP().alpha(i / num_steps) for i in range(num_steps + 1)]
    return torch.tensor([1 - (after / before) ** 2 for before, after in zip(alphas, alphas[1:])])


# %% a smooth S in continuous time
def fitting_betas(num_steps):
    rate = 20 * torch.linspace(-6, 6, num_steps, dtype=torch.float64).sigmoid()
    return -torch.expm1(-rate / num_steps)
