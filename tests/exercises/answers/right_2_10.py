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


# %% a long chain, respaced
def fitting_betas(num_steps):
    full = torch.cat([torch.ones(1).double(), (1 - torch.linspace(1e-4, 0.02, 4000).double() / 4).cumprod(0)])
    pick = full[torch.linspace(0, 4000, num_steps + 1).round().long()]
    return 1 - pick[1:] / pick[:-1]
