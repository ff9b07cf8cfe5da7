"""The floor: what one would write without a library."""

import torch

ALPHA_BARS = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)


def samplers(net, x, steps):
    """Name -> a function that samples once."""
    return {"DDIM": lambda: ddim(net, x, steps)}


@torch.no_grad()
def ddim(net, x, steps):
    """DDIM in the space of x, coefficients as numbers, nothing checked."""
    times = range(1000, 0, -1000 // steps)
    bars = [ALPHA_BARS[t - 1].item() for t in times] + [1.0]
    for i, t in enumerate(times):
        ratio = (bars[i + 1] / bars[i]) ** 0.5
        pull = (1 - bars[i + 1]) ** 0.5 - ratio * (1 - bars[i]) ** 0.5
        x = ratio * x + pull * net(x, torch.tensor(t / 1000))
    return x
