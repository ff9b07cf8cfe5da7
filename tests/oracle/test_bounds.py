"""The per-sample bound on the SDE's likelihood (survey Eqs. 36, 37) against closed forms and exact densities."""
import math

import bound_laws
import pytest
import torch
from cases import BUMPS, PROCESSES, Faded, close, gen

from minidiff import VE, VP, Cosine, Denoiser, SubVP, exact, likelihood
from minidiff.likelihood import bounds

PAIRS = {"VP": VP(), "VE": VE(0.01, 20.0), "Cosine": Cosine(), "SubVP": SubVP()}


@pytest.mark.parametrize("form", bounds.FORMS)
@pytest.mark.parametrize("delta", [0.0, 0.3, -0.3])
def test_bound_is_above_the_linear_models_density(delta, form):
    room = bound_laws.bound_is_above(likelihood.sde_bound, VP(), delta, form)
    if delta:
        assert room.max() > 0.1                                          # a wrong score leaves room


@pytest.mark.parametrize("process", PAIRS.values(), ids=PAIRS)
@pytest.mark.parametrize("form", bounds.FORMS)
def test_bound_is_the_density_for_the_exact_score(process, form):
    bound_laws.bound_is_the_density(likelihood.sde_bound, process, form)


def test_bound_is_the_density_in_the_plane_and_for_hutchinson():
    ring = exact.ring()
    bound_laws.bound_is_the_density(likelihood.sde_bound, VP(), target=ring, n=30000)

    def probed(*args, **options):
        return likelihood.sde_bound(*args, divergence="hutchinson", **options)
    bound_laws.bound_is_the_density(probed, VP(), "implicit", target=ring, n=30000)


@pytest.mark.parametrize("name", ["VP", "Cosine", "DDPM.linear"])
def test_rates_have_one_mean_at_every_level(name):
    """1/2 |noise - eps|^2 and its form with a divergence: integration by parts, by Gauss-Hermite quadrature."""
    import numpy as np
    process, nodes = PROCESSES[name], np.polynomial.hermite_e.hermegauss(80)
    noise, weights = (torch.from_numpy(v) for v in nodes)
    model = BUMPS.denoiser(process)
    for point, t in ((0.3, 0.2), (-1.4, 0.5), (2.0, 0.9)):
        x0, times = torch.full((80, 1), point, dtype=torch.float64), torch.full((80,), t, dtype=torch.float64)
        first, second = (rate(model, x0, times, noise[:, None]) @ weights / weights.sum()
                         for rate in (bounds.denoising_rate, bounds.implicit_rate))
        close(first, second, atol=2e-4)


def test_mean_is_the_continuous_bound():
    """The denoising form and VDM's bound are one number, whatever the model."""
    model = Denoiser(lambda x, t: torch.tanh(x), VP(), predicts="v")
    x = torch.tensor([[0.5, -0.3]], dtype=torch.float64).repeat(40000, 1)
    ours = likelihood.sde_bound(model, x, draws=2, end=1e-2, generator=gen())
    theirs = likelihood.continuous_vlb(model, x, draws=2, end=1e-2, generator=gen(1)).total
    error = math.hypot(ours.std(), theirs.std()) / 200
    assert abs(ours.mean() - theirs.mean()) < 4 * error


def test_shapes_dtypes_and_seeds():
    net = Denoiser(lambda x, t: 0.1 * x, VP())
    for dtype in (torch.float32, torch.float64):
        x = torch.randn(3, 1, 4, 4, generator=gen(), dtype=dtype)
        for form in bounds.FORMS:
            first, again = (likelihood.sde_bound(net, x, form=form, draws=2, generator=gen(1)) for _ in range(2))
            assert first.shape == (3,) and first.dtype == dtype
            assert torch.equal(first, again) and not first.requires_grad
    alone = likelihood.sde_bound(net, x[:1], draws=1, generator=gen(2))
    assert torch.isfinite(alone).all()


X, MODEL = torch.zeros(2, 1), BUMPS.denoiser(VP())


@pytest.mark.parametrize("error, words, call", [
    (ValueError, ["form", "'denoising'", "'sliced'"], lambda: likelihood.sde_bound(MODEL, X, form="sliced")),
    (ValueError, ["divergence", "'hutchinson'", "'skilling'"],
     lambda: likelihood.sde_bound(MODEL, X, form="implicit", divergence="skilling")),
    (ValueError, ["draws", "at least 1", "0"], lambda: likelihood.sde_bound(MODEL, X, draws=0)),
    (ValueError, ["end", "(0, 1)", "0"], lambda: likelihood.sde_bound(MODEL, X, end=0.0)),
    (ValueError, ["end", "(0, 1)", "1"], lambda: likelihood.sde_bound(MODEL, X, end=1.0)),
    (TypeError, ["model", "Denoiser"], lambda: likelihood.sde_bound(lambda x, t: x, X)),
    (TypeError, ["x ", "floating"], lambda: likelihood.sde_bound(MODEL, torch.zeros(2, 1, dtype=torch.int64))),
    (ValueError, ["x ", "finite", "1 NaN"], lambda: likelihood.sde_bound(MODEL, torch.tensor([[math.nan]]))),
    (TypeError, ["generator", "3"], lambda: likelihood.sde_bound(MODEL, X, generator=3)),
])
def test_wrong_input_is_refused_in_words(error, words, call):
    with pytest.raises(error) as caught:
        call()
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_process_without_signal_is_refused():
    class Drowned(VP):
        def log_snr(self, t):
            return -math.inf if t == 1 else super().log_snr(t)
    with pytest.raises(ValueError, match="signal at t = 1.*-inf"):
        likelihood.sde_bound(Denoiser(lambda x, t: x, Drowned()), X)


@pytest.mark.parametrize("form", bounds.FORMS)
def test_it_works_in_inference_mode_and_for_a_network_that_ignores_x(form):
    for net in (lambda x, t: 0.1 * x, lambda x, t: torch.zeros_like(x)):
        model, x = Denoiser(net, VP()), torch.randn(3, 2, generator=gen())
        with torch.inference_mode():
            inside = likelihood.sde_bound(model, x + 0, form=form, draws=2, generator=gen(1))
        close(inside.clone(), likelihood.sde_bound(model, x, form=form, draws=2, generator=gen(1)))


def test_a_custom_process_works_in_inference_mode():
    """Its rates are derivatives, which inference mode forbids."""
    with torch.inference_mode():
        inside = likelihood.continuous_vlb(BUMPS.denoiser(Faded()), torch.zeros(2, 1), generator=gen()).total
    close(inside.clone(), likelihood.continuous_vlb(BUMPS.denoiser(Faded()), torch.zeros(2, 1), generator=gen()).total)
