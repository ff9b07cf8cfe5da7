# %% all steps at once, by the variance of x_s given x_t and x_0
def best_variances(alpha_bars, steps, eps):
    t, s = alpha_bars[steps[:-1]], alpha_bars[steps[1:]]
    square = torch.tensor([noise.pow(2).mean().item() for noise in eps], dtype=torch.float64)
    beta = 1 - t / s
    unsure = (1 - square).clamp(min=0)
    return beta * (1 - s) / (1 - t) + beta**2 * s / t * unsure / (1 - t)


# %% as Bao et al. write it, a list of numbers
def best_variances(alpha_bars, steps, eps):
    found = []
    for i, noise in enumerate(eps):
        t, s = float(alpha_bars[steps[i]]), float(alpha_bars[steps[i + 1]])
        step, d = t / s, noise[0].numel()
        tilde = (1 - s) / (1 - t) * (1 - step)
        gamma = (noise.reshape(len(noise), -1) ** 2).sum(1).mean().item() / d
        factor = math.sqrt((1 - t) / step) - math.sqrt(max(1 - s - tilde, 0.0))
        found.append(tilde + factor**2 * max(0.0, 1 - gamma))
    return found
