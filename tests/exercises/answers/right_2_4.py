# %% with the library's process
def denoising_loss(net, process, x0, t, noise):
    error = net(process.perturb(x0, t, noise), t) - noise
    return (error * error).sum(dim=tuple(range(1, error.ndim)))


# %% one example after another
def denoising_loss(net, process, x0, t, noise):
    values = []
    for i in range(len(x0)):
        xt = process.alpha(t[i]) * x0[i : i + 1] + process.sigma(t[i]) * noise[i : i + 1]
        values.append(((noise[i : i + 1] - net(xt, t[i : i + 1])) ** 2).sum())
    return torch.stack(values)


# %% views with None
def denoising_loss(net, process, x0, t, noise):
    alpha, sigma = process.alpha(t), process.sigma(t)
    for _ in x0.shape[1:]:
        alpha, sigma = alpha[..., None], sigma[..., None]
    return torch.linalg.vector_norm((net(alpha * x0 + sigma * noise, t) - noise).reshape(len(x0), -1), dim=1) ** 2


# %% the batch moved to the last axis
def denoising_loss(net, process, x0, t, noise):
    xt = (process.alpha(t) * x0.movedim(0, -1) + process.sigma(t) * noise.movedim(0, -1)).movedim(-1, 0)
    d = noise - net(xt, t)
    return (d * d).sum(dim=tuple(range(1, d.ndim)))
