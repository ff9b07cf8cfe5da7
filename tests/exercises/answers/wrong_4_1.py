# %% no cap
def cosine_schedule(steps, m=0.008, largest=0.999):
    t = torch.arange(steps + 1, dtype=torch.float64) / steps
    h = torch.cos((t + m) / (1 + m) * math.pi / 2) ** 2
    betas = torch.cat([torch.zeros(1, dtype=torch.float64), 1 - h[1:] / h[:-1]])
    return betas, (1 - betas).cumprod(0)


# %% no offset
def cosine_schedule(steps, m=0.008, largest=0.999):
    t = torch.arange(steps + 1, dtype=torch.float64) / steps
    h = torch.cos(t * math.pi / 2) ** 2
    betas = torch.cat([torch.zeros(1, dtype=torch.float64), (1 - h[1:] / h[:-1]).clamp(max=largest)])
    return betas, (1 - betas).cumprod(0)


# %% the paper's offset, whatever was asked
def cosine_schedule(steps, m=0.008, largest=0.999):
    t = torch.arange(steps + 1, dtype=torch.float64) / steps
    h = torch.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
    betas = torch.cat([torch.zeros(1, dtype=torch.float64), (1 - h[1:] / h[:-1]).clamp(max=largest)])
    return betas, (1 - betas).cumprod(0)


# %% alpha_bars of the curve and not of the capped chain
def cosine_schedule(steps, m=0.008, largest=0.999):
    t = torch.arange(steps + 1, dtype=torch.float64) / steps
    h = torch.cos((t + m) / (1 + m) * math.pi / 2) ** 2
    betas = torch.cat([torch.zeros(1, dtype=torch.float64), (1 - h[1:] / h[:-1]).clamp(max=largest)])
    return betas, h / h[0]


# %% the curve not divided by its start
def cosine_schedule(steps, m=0.008, largest=0.999):
    t = torch.arange(steps + 1, dtype=torch.float64) / steps
    h = torch.cos((t + m) / (1 + m) * math.pi / 2) ** 2
    bars = torch.cat([torch.ones(1, dtype=torch.float64), h[1:]])
    betas = (1 - bars[1:] / bars[:-1]).clamp(max=largest)
    betas = torch.cat([torch.zeros(1, dtype=torch.float64), betas])
    return betas, (1 - betas).cumprod(0)


# %% the square forgotten
def cosine_schedule(steps, m=0.008, largest=0.999):
    t = torch.arange(steps + 1, dtype=torch.float64) / steps
    h = torch.cos((t + m) / (1 + m) * math.pi / 2)
    betas = torch.cat([torch.zeros(1, dtype=torch.float64), (1 - h[1:] / h[:-1]).clamp(max=largest)])
    return betas, (1 - betas).cumprod(0)


# %% 1 + m forgotten
def cosine_schedule(steps, m=0.008, largest=0.999):
    t = torch.arange(steps + 1, dtype=torch.float64) / steps
    h = torch.cos((t + m) * math.pi / 2) ** 2
    betas = torch.cat([torch.zeros(1, dtype=torch.float64), (1 - h[1:] / h[:-1]).clamp(max=largest)])
    return betas, (1 - betas).cumprod(0)


# %% entry 0 is the first step
def cosine_schedule(steps, m=0.008, largest=0.999):
    t = torch.arange(steps + 1, dtype=torch.float64) / steps
    h = torch.cos((t + m) / (1 + m) * math.pi / 2) ** 2
    betas = (1 - h[1:] / h[:-1]).clamp(max=largest)
    return betas, (1 - betas).cumprod(0)


# %% the cap put on the chain's signal
def cosine_schedule(steps, m=0.008, largest=0.999):
    t = torch.arange(steps + 1, dtype=torch.float64) / steps
    h = torch.cos((t + m) / (1 + m) * math.pi / 2) ** 2
    bars = (h / h[0]).clamp(min=1 - largest)
    return torch.cat([torch.zeros(1, dtype=torch.float64), 1 - bars[1:] / bars[:-1]]), bars


# %% float32
def cosine_schedule(steps, m=0.008, largest=0.999):
    t = torch.arange(steps + 1) / steps
    h = torch.cos((t + m) / (1 + m) * math.pi / 2) ** 2
    betas = torch.cat([torch.zeros(1), (1 - h[1:] / h[:-1]).clamp(max=largest)])
    return betas, (1 - betas).cumprod(0)


# %% float32 tables
def cosine_schedule(steps, m=0.008, largest=0.999):
    t = torch.arange(steps + 1, dtype=torch.float64) / steps
    h = torch.cos((t + m) / (1 + m) * math.pi / 2) ** 2
    betas = torch.zeros(steps + 1, dtype=torch.float64)
    betas[1:] = (1 - h[1:] / h[:-1]).clamp(max=largest)
    return betas.float(), (1 - betas).cumprod(0).float()
