"""Section 6.1: the variational autoencoder, a generator with a bound on its likelihood."""
import math
from typing import NamedTuple

import torch

from .checks import (check_count, check_data, check_generator, check_number, check_same_shape,
                     check_tensor, shown)


class NegativeELBO(NamedTuple):
    """One draw of the bound on -log p(x), in nats (Kingma & Welling 2014, Eq. 3)."""

    reconstruction: torch.Tensor   # (B,) -log p(x|z), z drawn from q(z|x)
    kl: torch.Tensor               # (B,) KL of q(z|x) from the prior N(0, I), in closed form

    @property
    def total(self):
        """The negative ELBO, (B,)."""
        return self.reconstruction + self.kl


def kl_from_prior(mean, log_variance):
    """KL of N(mean, diag(e^log_variance)) from N(0, I) in nats, (B, k), (B, k) -> (B,).

    Kingma & Welling 2014, appendix B. Raises ValueError for tensors of different shapes.
    """
    check_same_shape("log_variance", log_variance, "mean", check_tensor("mean", mean))
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)


class VAE(torch.nn.Module):
    """z ~ N(0, I), x ~ N(decoder(z), std^2 I); q(z|x) is Gaussian with the encoder's two answers.

    encoder    module (B, *shape) -> (B, 2 latent): the means, then the logarithms of the variances
    decoder    module (B, latent) -> (B, *shape): the mean of x
    latent     numbers in z
    std        noise of the decoder at the start; its logarithm `log_std` is learned with the rest.
               To keep it: vae.log_std.requires_grad_(False)

    Kingma & Welling 2014 (arXiv 1312.6114). Raises TypeError for networks that are not modules,
    ValueError for a network whose answer has another shape.
    """

    def __init__(self, encoder, decoder, latent, std=1.0):
        super().__init__()
        for name, net in (("encoder", encoder), ("decoder", decoder)):
            if not isinstance(net, torch.nn.Module):
                raise TypeError(f"{name} must be a torch module, got {shown(net)}")
        self.encoder, self.decoder = encoder, decoder
        self.latent = check_count("latent", latent)
        self.log_std = torch.nn.Parameter(torch.tensor(math.log(check_number("std", std, 0))))

    def encode(self, x):
        """Mean and log variance of q(z|x), (B, *shape) -> two times (B, latent)."""
        answer = self.encoder(check_data("x", x))
        if answer.shape != (len(x), 2 * self.latent):
            raise ValueError("encoder must answer with the mean and the log variance of z, "
                             f"({len(x)}, {2 * self.latent}), got {tuple(answer.shape)}")
        return answer.chunk(2, dim=1)

    def decode(self, z):
        """Mean of p(x|z), (B, latent) -> (B, *shape)."""
        if check_tensor("z", z).ndim != 2 or z.shape[1] != self.latent:
            raise ValueError(f"z must have shape (B, {self.latent}), got {tuple(z.shape)}")
        return self.decoder(z)

    def negative_elbo(self, x, noise):
        """The bound with z = mean + std noise, (B, *shape), (B, latent) -> NegativeELBO.

        Its total, averaged over standard normal noise, is at least -log p(x); the gap is the KL of
        q(z|x) from the true posterior. A sum over coordinates, never a mean.
        """
        mean, log_variance = self.encode(x)
        check_same_shape("noise", noise, "the mean of z", mean)
        decoded = self.decode(mean + (log_variance / 2).exp() * noise)
        check_same_shape("the decoder's answer", decoded, "x", x)
        square = (x - decoded).flatten(1).square().sum(1) / (2 * self.log_std).exp()
        scale = x[0].numel() * (math.log(2 * math.pi) + 2 * self.log_std)
        return NegativeELBO(0.5 * (square + scale), kl_from_prior(mean, log_variance))

    @torch.no_grad()
    def sample(self, n, generator=None, noise=True):
        """Draw (n, *shape) from the model; without `noise` the decoder's means, too narrow."""
        n, like = check_count("n", n), self.log_std
        check_generator(generator)
        z = torch.randn(n, self.latent, generator=generator, dtype=like.dtype, device=like.device)
        x = self.decode(z)
        if not noise:
            return x
        return x + like.exp() * torch.randn(x.shape, generator=generator, dtype=x.dtype,
                                            device=x.device)
