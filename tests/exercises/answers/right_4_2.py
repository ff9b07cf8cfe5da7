# %% bits added at the end
def bits_per_pixel(log_density, pixels, levels, generator=None):
    u = torch.rand(pixels.shape, generator=generator, dtype=torch.float64)
    x = (pixels.double() + u).mul(2.0 / levels).sub(1.0)
    nats = -log_density(x) / x[0].numel()
    return nats / math.log(2) + math.log2(levels) - 1


# %% one example after another
def bits_per_pixel(log_density, pixels, levels, generator=None):
    found = []
    for one in pixels:
        u = torch.rand(one.shape, generator=generator)
        x = -1 + 2 / levels * (one.double() + u.double())
        log_probability = log_density(x[None])[0] - one.numel() * math.log(levels / 2)
        found.append(-log_probability / one.numel() / math.log(2))
    return torch.stack(found)


# %% float32 noise, bits by the library
def bits_per_pixel(log_density, pixels, levels, generator=None):
    from minidiff import likelihood

    x = 2 * (pixels + torch.rand(pixels.shape, generator=generator)) / levels - 1
    return likelihood.bits_per_dim(log_density(x), pixels[0].numel(), bin_width=2 / levels)


# %% a list of numbers
def bits_per_pixel(log_density, pixels, levels, generator=None):
    u = torch.rand(pixels.shape, generator=generator, dtype=torch.float64)
    nats = log_density((pixels + u) * (2 / levels) - 1)
    return [math.log2(levels) - 1 - v / pixels[0].numel() / math.log(2) for v in nats.tolist()]
