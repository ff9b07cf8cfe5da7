# %% no width of a bin, the right noise
def bits_per_pixel(log_density, pixels, levels, generator=None):
    u = torch.rand(pixels.shape, generator=generator, dtype=torch.float64)
    x = 2 * (pixels + u) / levels - 1
    return -log_density(x) / (x[0].numel() * math.log(2))


# %% the width, the noise of half a bin
def bits_per_pixel(log_density, pixels, levels, generator=None):
    u = torch.rand(pixels.shape, generator=generator, dtype=torch.float64)
    x = 2 * pixels / levels - 1 + u / levels
    dims = pixels[0].numel()
    return -(log_density(x) + dims * math.log(2 / levels)) / (dims * math.log(2))


# %% seven bits, whatever the levels
def bits_per_pixel(log_density, pixels, levels, generator=None):
    u = torch.rand(pixels.shape, generator=generator, dtype=torch.float64)
    x = 2 * (pixels + u) / levels - 1
    return -log_density(x) / (x[0].numel() * math.log(2)) + 7


# %% log2(levels): the width of data in [0, 1]
def bits_per_pixel(log_density, pixels, levels, generator=None):
    u = torch.rand(pixels.shape, generator=generator, dtype=torch.float64)
    x = 2 * (pixels + u) / levels - 1
    return -log_density(x) / (x[0].numel() * math.log(2)) + math.log2(levels)


# %% one bin for the whole example
def bits_per_pixel(log_density, pixels, levels, generator=None):
    u = torch.rand(pixels.shape, generator=generator, dtype=torch.float64)
    x = 2 * (pixels + u) / levels - 1
    return -(log_density(x) + math.log(2 / levels)) / (x[0].numel() * math.log(2))


# %% the sign of the width
def bits_per_pixel(log_density, pixels, levels, generator=None):
    u = torch.rand(pixels.shape, generator=generator, dtype=torch.float64)
    x, dims = 2 * (pixels + u) / levels - 1, pixels[0].numel()
    return -(log_density(x) + dims * math.log(levels / 2)) / (dims * math.log(2))


# %% no noise
def bits_per_pixel(log_density, pixels, levels, generator=None):
    x, dims = 2 * (pixels + 0.5) / levels - 1, pixels[0].numel()
    return -(log_density(x) + dims * math.log(2 / levels)) / (dims * math.log(2))


# %% one noise for all pixels of an example
def bits_per_pixel(log_density, pixels, levels, generator=None):
    u = torch.rand(len(pixels), generator=generator, dtype=torch.float64)
    x, dims = 2 * (pixels + u.reshape(-1, *[1] * (pixels.ndim - 1))) / levels - 1, pixels[0].numel()
    return -(log_density(x) + dims * math.log(2 / levels)) / (dims * math.log(2))


# %% normal noise
def bits_per_pixel(log_density, pixels, levels, generator=None):
    u = 0.5 + torch.randn(pixels.shape, generator=generator, dtype=torch.float64) / 12**0.5
    x, dims = 2 * (pixels + u) / levels - 1, pixels[0].numel()
    return -(log_density(x) + dims * math.log(2 / levels)) / (dims * math.log(2))


# %% centred noise, half a bin to the left
def bits_per_pixel(log_density, pixels, levels, generator=None):
    u = torch.rand(pixels.shape, generator=generator, dtype=torch.float64) - 0.5
    x, dims = 2 * (pixels + u) / levels - 1, pixels[0].numel()
    return -(log_density(x) + dims * math.log(2 / levels)) / (dims * math.log(2))


# %% levels - 1 bins
def bits_per_pixel(log_density, pixels, levels, generator=None):
    u = torch.rand(pixels.shape, generator=generator, dtype=torch.float64)
    x, dims = 2 * (pixels + u) / (levels - 1) - 1, pixels[0].numel()
    return -(log_density(x) + dims * math.log(2 / (levels - 1))) / (dims * math.log(2))


# %% nats
def bits_per_pixel(log_density, pixels, levels, generator=None):
    u = torch.rand(pixels.shape, generator=generator, dtype=torch.float64)
    x, dims = 2 * (pixels + u) / levels - 1, pixels[0].numel()
    return -(log_density(x) + dims * math.log(2 / levels)) / dims


# %% dims of the whole batch
def bits_per_pixel(log_density, pixels, levels, generator=None):
    u = torch.rand(pixels.shape, generator=generator, dtype=torch.float64)
    x, dims = 2 * (pixels + u) / levels - 1, pixels.numel()
    return -(log_density(x) + dims * math.log(2 / levels)) / (dims * math.log(2))


# %% the generator not used
def bits_per_pixel(log_density, pixels, levels, generator=None):
    u = torch.rand(pixels.shape, dtype=torch.float64)
    x, dims = 2 * (pixels + u) / levels - 1, pixels[0].numel()
    return -(log_density(x) + dims * math.log(2 / levels)) / (dims * math.log(2))


# %% the generator seeded anew at each call
def bits_per_pixel(log_density, pixels, levels, generator=None):
    own = torch.Generator().manual_seed(generator.initial_seed())
    noise = torch.rand(pixels.shape, generator=own, dtype=torch.float64)
    dims = pixels[0].numel()
    nats = log_density(2 * (pixels + noise) / levels - 1) + dims * math.log(2 / levels)
    return -nats / (dims * math.log(2))
