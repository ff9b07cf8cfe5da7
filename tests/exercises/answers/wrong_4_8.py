# %% a new probe for every call, of -1 and 1
def hutchinson_field(velocity, x, generator=None):
    def field(y, t):
        v = 2 * torch.randint(0, 2, y.shape, generator=generator).to(y.dtype) - 1
        y = y.detach().requires_grad_()
        speed = velocity(y, t)
        product = torch.autograd.grad((speed * v).sum(), y)[0]
        return speed.detach(), (product * v).flatten(1).sum(1)
    return field


# %% one probe, of 0 and 1
def hutchinson_field(velocity, x, generator=None):
    v = torch.randint(0, 2, x.shape, generator=generator).to(x.dtype)

    def field(y, t):
        y = y.detach().requires_grad_()
        speed = velocity(y, t)
        product = torch.autograd.grad((speed * v).sum(), y)[0]
        return speed.detach(), (product * v).flatten(1).sum(1)
    return field


# %% Gaussian probes
def hutchinson_field(velocity, x, generator=None):
    v = torch.randn(x.shape, generator=generator, dtype=x.dtype)

    def field(y, t):
        y = y.detach().requires_grad_()
        speed = velocity(y, t)
        product = torch.autograd.grad((speed * v).sum(), y)[0]
        return speed.detach(), (product * v).flatten(1).sum(1)
    return field


# %% one probe for all examples
def hutchinson_field(velocity, x, generator=None):
    v = 2 * torch.randint(0, 2, x[:1].shape, generator=generator).to(x.dtype) - 1
    v = v.expand(x.shape)

    def field(y, t):
        y = y.detach().requires_grad_()
        speed = velocity(y, t)
        product = torch.autograd.grad((speed * v).sum(), y)[0]
        return speed.detach(), (product * v).flatten(1).sum(1)
    return field


# %% one sign for all coordinates of an example
def hutchinson_field(velocity, x, generator=None):
    v = 2 * torch.randint(0, 2, (len(x), *[1] * (x.ndim - 1)), generator=generator).to(x.dtype) - 1
    v = v.expand(x.shape)

    def field(y, t):
        y = y.detach().requires_grad_()
        speed = velocity(y, t)
        product = torch.autograd.grad((speed * v).sum(), y)[0]
        return speed.detach(), (product * v).flatten(1).sum(1)
    return field


# %% the average over coordinates
def hutchinson_field(velocity, x, generator=None):
    v = 2 * torch.randint(0, 2, x.shape, generator=generator).to(x.dtype) - 1

    def field(y, t):
        y = y.detach().requires_grad_()
        speed = velocity(y, t)
        product = torch.autograd.grad((speed * v).sum(), y)[0]
        return speed.detach(), (product * v).flatten(1).mean(1)
    return field


# %% the sum over the batch
def hutchinson_field(velocity, x, generator=None):
    v = 2 * torch.randint(0, 2, x.shape, generator=generator).to(x.dtype) - 1

    def field(y, t):
        y = y.detach().requires_grad_()
        speed = velocity(y, t)
        product = torch.autograd.grad((speed * v).sum(), y)[0]
        return speed.detach(), (product * v).sum().expand(len(y))
    return field


# %% the probe forgotten in the end: a row sum and no trace
def hutchinson_field(velocity, x, generator=None):
    v = 2 * torch.randint(0, 2, x.shape, generator=generator).to(x.dtype) - 1

    def field(y, t):
        y = y.detach().requires_grad_()
        speed = velocity(y, t)
        product = torch.autograd.grad((speed * v).sum(), y)[0]
        return speed.detach(), product.flatten(1).sum(1)
    return field


# %% the probe drawn from the same seed at every call, but of the wrong generator
def hutchinson_field(velocity, x, generator=None):
    def field(y, t):
        v = 2 * torch.randint(0, 2, y.shape, generator=torch.Generator().manual_seed(0)).to(y.dtype) - 1
        y = y.detach().requires_grad_()
        speed = velocity(y, t)
        product = torch.autograd.grad((speed * v).sum(), y)[0]
        return speed.detach(), (product * v).flatten(1).sum(1)
    return field


# %% the Jacobian frozen at the start
def hutchinson_field(velocity, x, generator=None):
    v = 2 * torch.randint(0, 2, x.shape, generator=generator).to(x.dtype) - 1
    start = x.detach().requires_grad_()
    product = torch.autograd.grad((velocity(start, 0.0) * v).sum(), start)[0]
    estimate = (product * v).flatten(1).sum(1)
    return lambda y, t: (velocity(y, t), estimate)


# %% the generator not used
def hutchinson_field(velocity, x, generator=None):
    v = 2 * torch.randint(0, 2, x.shape).to(x.dtype) - 1

    def field(y, t):
        y = y.detach().requires_grad_()
        speed = velocity(y, t)
        product = torch.autograd.grad((speed * v).sum(), y)[0]
        return speed.detach(), (product * v).flatten(1).sum(1)
    return field


# %% the generator seeded anew for each field
def hutchinson_field(velocity, x, generator=None):
    own = torch.Generator().manual_seed(generator.initial_seed())
    v = 2 * torch.randint(0, 2, x.shape, generator=own).to(x.dtype) - 1

    def field(y, t):
        y = y.detach().requires_grad_()
        speed = velocity(y, t)
        product = torch.autograd.grad((speed * v).sum(), y)[0]
        return speed.detach(), (product * v).flatten(1).sum(1)

    return field


# %% two neighbours share a probe
def hutchinson_field(velocity, x, generator=None):
    v = 2 * torch.randint(0, 2, (len(x) // 2 + 1, *x.shape[1:]), generator=generator).to(x.dtype) - 1
    v = v.repeat_interleave(2, 0)[: len(x)]

    def field(y, t):
        y = y.detach().requires_grad_()
        speed = velocity(y, t)
        product = torch.autograd.grad((speed * v).sum(), y)[0]
        return speed.detach(), (product * v).flatten(1).sum(1)

    return field


# %% a batch of one loses its axis
def hutchinson_field(velocity, x, generator=None):
    v = 2 * torch.randint(0, 2, x.shape, generator=generator).to(x.dtype) - 1

    def field(y, t):
        y = y.detach().requires_grad_()
        speed = velocity(y, t)
        product = torch.autograd.grad((speed * v).sum(), y)[0]
        return speed.detach(), (product * v).flatten(1).sum(1).squeeze()

    return field
