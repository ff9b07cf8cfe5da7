# %% signs of normal numbers, reverse mode by backward
def hutchinson_field(velocity, x, generator=None):
    signs = torch.where(torch.randn(x.shape, generator=generator, dtype=x.dtype) < 0, -1.0, 1.0).to(x.dtype)

    def field(y, t):
        state = y.clone().detach().requires_grad_(True)
        speed = velocity(state, t)
        speed.backward(signs)
        return speed.detach(), torch.einsum("bi,bi->b", state.grad.flatten(1), signs.flatten(1))

    return field


# %% forward mode, a class
class hutchinson_field:
    def __init__(self, velocity, x, generator=None):
        self.velocity = velocity
        self.v = (torch.rand(x.shape, generator=generator, dtype=x.dtype) < 0.5).to(x.dtype) * 2 - 1

    def __call__(self, y, t):
        speed, change = torch.func.jvp(lambda state: self.velocity(state, t), (y,), (self.v,))
        return speed, (change * self.v).reshape(len(y), -1).sum(1)
