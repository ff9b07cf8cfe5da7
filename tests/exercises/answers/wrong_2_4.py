# %% the mean over coordinates
def denoising_loss(net, process, x0, t, noise):
    xt = process.perturb(x0, t, noise)
    return (noise - net(xt, t)).square().flatten(1).mean(1)


# %% one number for the batch
def denoising_loss(net, process, x0, t, noise):
    xt = process.perturb(x0, t, noise)
    return (noise - net(xt, t)).square().sum()


# %% the mean of the batch for every example
def denoising_loss(net, process, x0, t, noise):
    xt = process.perturb(x0, t, noise)
    return (noise - net(xt, t)).square().flatten(1).sum(1).mean().expand(len(x0))


# %% times matched with the last axis
def denoising_loss(net, process, x0, t, noise):
    xt = process.alpha(t) * x0 + process.sigma(t) * noise
    return (noise - net(xt, t)).square().flatten(1).sum(1)


# %% only for data with one axis
def denoising_loss(net, process, x0, t, noise):
    xt = process.alpha(t)[:, None] * x0 + process.sigma(t)[:, None] * noise
    return (noise - net(xt, t)).square().sum(1)


# %% the network sees clean data
def denoising_loss(net, process, x0, t, noise):
    return (noise - net(x0, t)).square().flatten(1).sum(1)


# %% the target is the data
def denoising_loss(net, process, x0, t, noise):
    xt = process.perturb(x0, t, noise)
    return (x0 - net(xt, t)).square().flatten(1).sum(1)


# %% one time for all
def denoising_loss(net, process, x0, t, noise):
    xt = process.perturb(x0, t[0].item(), noise)
    return (noise - net(xt, t)).square().flatten(1).sum(1)


# %% sigma taken for a variance
def denoising_loss(net, process, x0, t, noise):
    column = (-1,) + (1,) * (x0.ndim - 1)
    xt = process.alpha(t).reshape(column) * x0 + process.sigma(t).sqrt().reshape(column) * noise
    return (noise - net(xt, t)).square().flatten(1).sum(1)


# %% cut off from the network
def denoising_loss(net, process, x0, t, noise):
    with torch.no_grad():
        return (noise - net(process.perturb(x0, t, noise), t)).square().flatten(1).sum(1)


# %% not squared
def denoising_loss(net, process, x0, t, noise):
    return (noise - net(process.perturb(x0, t, noise), t)).abs().flatten(1).sum(1)


# %% noise of its own
def denoising_loss(net, process, x0, t, noise):
    noise = torch.randn_like(x0)
    return (noise - net(process.perturb(x0, t, noise), t)).square().flatten(1).sum(1)


# %% the time given as a column
def denoising_loss(net, process, x0, t, noise):
    col = (-1,) + (1,) * (x0.ndim - 1)
    return (noise - net(process.perturb(x0, t, noise), t.reshape(col))).square().flatten(1).sum(1)


# %% the sum over the last axis only
def denoising_loss(net, process, x0, t, noise):
    return (noise - net(process.perturb(x0, t, noise), t)).square().sum(-1)
