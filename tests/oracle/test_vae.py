"""The variational autoencoder against what is known in closed form: the linear-Gaussian model, Gaussian KLs."""
import laws
import pytest
import torch
from cases import DEVICES, close, gen
from torch import nn

from minidiff.vae import VAE, NegativeELBO, kl_from_prior


def test_elbo_of_the_linear_model_is_below_its_likelihood():
    laws.elbo_is_a_bound(lambda vae, x, noise: vae.negative_elbo(x, noise))


def test_elbo_is_tight_with_the_true_posterior():
    laws.elbo_is_tight(lambda vae, x, noise: vae.negative_elbo(x, noise))


def test_kl_from_the_prior():
    laws.kl_is_monte_carlo(kl_from_prior)
    close(kl_from_prior(torch.zeros(3, 2), torch.zeros(3, 2)), torch.zeros(3))


def test_total_and_its_parts():
    vae = laws.linear_vae()
    x, noise = torch.randn(5, 3, generator=gen(), dtype=torch.float64), torch.randn(5, 1, generator=gen(1), dtype=torch.float64)
    terms = vae.negative_elbo(x, noise)
    assert isinstance(terms, NegativeELBO)
    close(terms.total, terms.reconstruction + terms.kl, atol=1e-12)
    assert terms.kl.shape == terms.total.shape == (5,)
    mean, log_variance = vae.encode(x)
    close(terms.kl, kl_from_prior(mean, log_variance))
    decoded = vae.decode(mean + (log_variance / 2).exp() * noise)
    normal = torch.distributions.Normal(decoded, vae.log_std.exp())
    close(terms.reconstruction, -normal.log_prob(x).sum(1), atol=1e-10)


def test_samples_have_the_models_law():
    """x = W z + b + std e: mean b, covariance W W' + std^2 I; without noise the last part is missing."""
    vae = laws.linear_vae()
    weight, bias, std = vae.decoder.weight.detach(), vae.decoder.bias.detach(), vae.log_std.exp().item()
    for noise in (True, False):
        x = vae.sample(200000, gen(3), noise=noise)
        close(x.mean(0), bias, atol=0.02)
        close(torch.cov(x.T), weight @ weight.T + noise * std**2 * torch.eye(3, dtype=torch.float64), atol=0.03)
    assert torch.equal(vae.sample(4, gen(1)), vae.sample(4, gen(1)))
    assert not x.requires_grad


def test_the_bound_can_be_learned_and_its_std_kept():
    """The gradient leads the decoder's noise to the residual's; frozen, it stays."""
    vae = laws.linear_vae()
    x, noise = torch.randn(500, 3, generator=gen(), dtype=torch.float64), torch.randn(500, 1, generator=gen(1), dtype=torch.float64)
    slope = torch.autograd.grad(vae.negative_elbo(x, noise).total.mean(), vae.log_std)[0]
    h = 1e-5
    values = []
    for sign in (-1, 1):
        with torch.no_grad():
            vae.log_std += sign * h * (1 if sign < 0 else 2)
        values.append(vae.negative_elbo(x, noise).total.mean().item())
    close(slope, (values[1] - values[0]) / (2 * h), rtol=1e-6)
    vae.log_std.requires_grad_(False)
    assert [p for p in vae.parameters() if p.requires_grad] and not vae.log_std.requires_grad


@pytest.mark.parametrize("shape", [(2,), (1, 4, 4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("device", DEVICES)
def test_any_shape_and_dtype(shape, dtype, device):
    dims = torch.Size(shape).numel()
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(dims, 6))
    decoder = nn.Sequential(nn.Linear(3, dims), nn.Unflatten(1, shape))
    vae = VAE(encoder, decoder, latent=3, std=0.5).to(device, dtype)
    x = torch.randn(7, *shape, dtype=dtype, device=device)
    mean, log_variance = vae.encode(x)
    assert mean.shape == log_variance.shape == (7, 3)
    terms = vae.negative_elbo(x, torch.zeros(7, 3, dtype=dtype, device=device))
    assert terms.total.shape == (7,) and terms.total.dtype == dtype and terms.total.requires_grad
    drawn = vae.sample(4, gen(0, device))
    assert drawn.shape == (4, *shape) and drawn.dtype == dtype and drawn.device == x.device


X = torch.zeros(2, 3)
ENCODER, DECODER = nn.Linear(3, 2), nn.Linear(1, 3)
WRONG = [
    (TypeError, ["encoder", "module"], lambda: VAE(lambda x: x, DECODER, 1)),
    (TypeError, ["decoder", "module"], lambda: VAE(ENCODER, None, 1)),
    (ValueError, ["latent", "at least 1", "0"], lambda: VAE(ENCODER, DECODER, 0)),
    (ValueError, ["std", "(0, inf)", "0"], lambda: VAE(ENCODER, DECODER, 1, std=0.0)),
    (TypeError, ["std", "number", "'one'"], lambda: VAE(ENCODER, DECODER, 1, std="one")),
    (ValueError, ["encoder", "log variance", "(2, 4)", "(2, 2)"], lambda: VAE(ENCODER, DECODER, 2).encode(X)),
    (TypeError, ["x must be a torch tensor"], lambda: VAE(ENCODER, DECODER, 1).encode([1.0])),
    (ValueError, ["x must be finite"], lambda: VAE(ENCODER, DECODER, 1).encode(X / 0)),
    (ValueError, ["z ", "(B, 1)", "(2, 3)"], lambda: VAE(ENCODER, DECODER, 1).decode(X)),
    (ValueError, ["noise", "mean of z", "(2, 1)"], lambda: VAE(ENCODER, DECODER, 1).negative_elbo(X, X)),
    (ValueError, ["decoder", "(2, 3)", "(2, 4)"], lambda: VAE(ENCODER, nn.Linear(1, 4), 1).negative_elbo(X, X[:, :1])),
    (ValueError, ["n ", "at least 1"], lambda: VAE(ENCODER, DECODER, 1).sample(0)),
    (TypeError, ["generator", "7"], lambda: VAE(ENCODER, DECODER, 1).sample(2, 7)),
    (ValueError, ["log_variance", "shape of mean"], lambda: kl_from_prior(X, X[:, :1])),
]


@pytest.mark.parametrize("error, words, call", WRONG, ids=[" ".join(words) for _, words, _ in WRONG])
def test_wrong_input_is_refused_in_words(error, words, call):
    with pytest.raises(error) as caught:
        call()
    assert all(word in str(caught.value) for word in words), str(caught.value)
