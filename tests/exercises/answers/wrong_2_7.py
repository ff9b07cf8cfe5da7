# %% the limit for many steps
def betas_of_vp(num_steps, beta_min, beta_max):
    t = torch.arange(1, num_steps + 1, dtype=torch.float64) / num_steps
    return (beta_min + t * (beta_max - beta_min)) / num_steps


# %% 1 - exp of the rate at the end of the step
def betas_of_vp(num_steps, beta_min, beta_max):
    t = torch.arange(1, num_steps + 1, dtype=torch.float64) / num_steps
    return 1 - (-(beta_min + t * (beta_max - beta_min)) / num_steps).exp()


# %% alpha in the place of alpha squared
def betas_of_vp(num_steps, beta_min, beta_max):
    t = torch.arange(num_steps + 1, dtype=torch.float64) / num_steps
    integral = beta_min * t + (beta_max - beta_min) * t**2 / 2
    return 1 - torch.exp(-(integral[1:] - integral[:-1]) / 2)


# %% the integral of a line without its one half
def betas_of_vp(num_steps, beta_min, beta_max):
    t = torch.arange(num_steps + 1, dtype=torch.float64) / num_steps
    integral = beta_min * t + (beta_max - beta_min) * t**2
    return 1 - torch.exp(-(integral[1:] - integral[:-1]))


# %% with an entry for the data
def betas_of_vp(num_steps, beta_min, beta_max):
    t = torch.arange(num_steps + 1, dtype=torch.float64) / num_steps
    integral = beta_min * t + (beta_max - beta_min) * t**2 / 2
    return torch.cat([torch.zeros(1), 1 - torch.exp(-(integral[1:] - integral[:-1]))])


# %% from noise to data
def betas_of_vp(num_steps, beta_min, beta_max):
    t = torch.arange(num_steps + 1, dtype=torch.float64) / num_steps
    integral = beta_min * t + (beta_max - beta_min) * t**2 / 2
    return (1 - torch.exp(-(integral[1:] - integral[:-1]))).flip(0)


# %% times from 0 to 1 with both ends
def betas_of_vp(num_steps, beta_min, beta_max):
    return torch.linspace(beta_min, beta_max, num_steps, dtype=torch.float64) / num_steps


# %% clipped at 0.999
def betas_of_vp(num_steps, beta_min, beta_max):
    t = torch.arange(num_steps + 1, dtype=torch.float64) / num_steps
    integral = beta_min * t + (beta_max - beta_min) * t**2 / 2
    return (1 - torch.exp(-(integral[1:] - integral[:-1]))).clamp(max=0.999)


# %% the integral without the exponential
def betas_of_vp(num_steps, beta_min, beta_max):
    t = torch.arange(num_steps + 1, dtype=torch.float64) / num_steps
    return (beta_min * t + (beta_max - beta_min) * t**2 / 2).diff()
