# %% the rate in the middle of each step: exact for a straight line
def betas_of_vp(num_steps, beta_min, beta_max):
    middle = (torch.arange(num_steps, dtype=torch.float64) + 0.5) / num_steps
    return -torch.expm1(-(beta_min + middle * (beta_max - beta_min)) / num_steps)


# %% ratios of the library's alpha, float32
def betas_of_vp(num_steps, beta_min, beta_max):
    process, betas = VP(beta_min, beta_max), []
    for step in range(1, num_steps + 1):
        betas.append(1 - (process.alpha(step / num_steps) / process.alpha((step - 1) / num_steps)) ** 2)
    return torch.tensor(betas)


# %% a list
def betas_of_vp(num_steps, beta_min, beta_max):
    def alpha_bar(t):
        return math.exp(-beta_min * t - (beta_max - beta_min) * t * t / 2)
    return [1 - alpha_bar((i + 1) / num_steps) / alpha_bar(i / num_steps) for i in range(num_steps)]


# %% the integral by quadrature, a list
def betas_of_vp(num_steps, beta_min, beta_max):
    from scipy.integrate import quad
    return [1 - math.exp(-quad(lambda u: beta_min + u * (beta_max - beta_min), (k - 1) / num_steps, k / num_steps)[0]) for k in range(1, num_steps + 1)]


# %% expm1, float32
def betas_of_vp(num_steps, beta_min, beta_max):
    t = torch.linspace(0, 1, num_steps + 1)
    return -torch.expm1(-torch.diff(beta_min * t + 0.5 * (beta_max - beta_min) * t.square()))
