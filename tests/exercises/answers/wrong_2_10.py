# %% the fault itself
def fitting_betas(num_steps):
    return torch.linspace(1e-4, 0.02, num_steps, dtype=torch.float64)


# %% every k-th beta of the long chain
def fitting_betas(num_steps):
    long = torch.linspace(1e-4, 0.02, 2000, dtype=torch.float64)
    return long[(torch.arange(1, num_steps + 1) * 2000 // num_steps) - 1]


# %% scaled the wrong way
def fitting_betas(num_steps):
    return torch.linspace(1e-4, 0.02, num_steps, dtype=torch.float64) * num_steps / 1000


# %% only the last beta scaled, by too little
def fitting_betas(num_steps):
    return torch.linspace(1e-4, 0.02 * (1000 / num_steps) ** 0.5, num_steps, dtype=torch.float64)


# %% the data destroyed in one step
def fitting_betas(num_steps):
    return torch.full((num_steps,), 0.999, dtype=torch.float64)


# %% large betas whatever the number of steps
def fitting_betas(num_steps):
    return torch.full((num_steps,), 0.3, dtype=torch.float64)


# %% a beta above 1 in a short chain
def fitting_betas(num_steps):
    return torch.linspace(0.1, 60, num_steps, dtype=torch.float64) / num_steps


# %% with an entry for the data
def fitting_betas(num_steps):
    return DDPM.linear(num_steps).betas


# %% whole division: no noise at all in a chain of 2000
def fitting_betas(num_steps):
    return torch.linspace(1e-4, 0.02, num_steps, dtype=torch.float64) * (1000 // num_steps)


# %% the old betas, the last one near 1
def fitting_betas(num_steps):
    b = torch.linspace(1e-4, 0.02, num_steps).double(); b[-1] = 0.9999
    return b


# %% alpha_bar in the place of beta
def fitting_betas(num_steps):
    b = torch.linspace(1e-4, 0.02, num_steps).double() * 1000 / num_steps
    return (1 - b).cumprod(0)
