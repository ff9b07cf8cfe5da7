"""Planted mistakes: each classic bug, put into the library for one test, must break the law that guards the formula.

The laws are those that the contract and oracle tests run. A law that lets its mutant pass proves nothing.
"""
import importlib
import math

import laws
import pytest
import torch
from cases import PROCESSES, SOLVERS, STOCHASTIC

from minidiff import (DDPM, VE, VP, Cosine, SubVP, exact, grids, guidance, likelihood, losses, ncsn, process, samplers,
                      score_sde)
from minidiff.process import GaussianProcess, curve
from minidiff.samplers import Step

# `samplers.ancestral` is a function as well as a file: fetch the files by their full names
FILES = {name: importlib.import_module(f"minidiff.samplers.{name}") for name in ("ancestral", "langevin", "multistep", "ode", "sde", "walk")}
DENOISER = importlib.import_module("minidiff.denoiser")
CHAIN = PROCESSES["DDPM.cosine"]
MUTANTS = []


def mutant(name, owner, attribute, law):
    """Register `wrong(original, ...)`: the mistake, given the right function to spoil."""
    def keep(wrong):
        MUTANTS.append(pytest.param(owner, attribute, wrong, law, id=name))
        return wrong
    return keep


def one_step(name):
    return lambda: laws.one_step_has_moments(name, getattr(samplers, name, STOCHASTIC[name]), VP(), 0.53, 0.49)


def order(name, make=VP):
    return lambda: laws.order_is(SOLVERS[name][1], SOLVERS[name][0], make(), lambda n: grids.log_snr(make(), n, end=0.1))


# ------------------------------------------------------------------------------------------- processes


@mutant("VE: sigma(0) is not subtracted", VE, "sigma", lambda: laws.starts_at_the_data(VE()))
def _(right):
    return curve(lambda self, t: self.sigma_min * (self.log_ratio * t).exp())


@mutant("VP: variance taken for standard deviation", VP, "sigma", lambda: laws.keeps_variance(VP()))
def _(right):
    return curve(lambda self, t: -torch.expm1(-self.integral(t)))


@mutant("VP: alpha without the half", VP, "alpha", lambda: laws.keeps_variance(VP()))
def _(right):
    return curve(lambda self, t: (-self.integral(t)).exp())


@mutant("VP: the integral of beta without its 1/2", VP, "integral", lambda: laws.rates_follow_from_scales(VP(), [0.2, 0.7]))
def _(right):
    return curve(lambda self, t: t * self.beta_min + t**2 * (self.beta_max - self.beta_min))


@mutant("sub-VP: VP's noise scale", SubVP, "sigma", lambda: laws.rates_follow_from_scales(SubVP(), [0.2, 0.7]))
def _(right):
    return VP.sigma


@mutant("sub-VP: exp(-integral) for exp(-2 integral)", SubVP, "diffusion", lambda: laws.rates_follow_from_scales(SubVP(), [0.2, 0.7]))
def _(right):
    return curve(lambda self, t: (self.beta(t) * -torch.expm1(-self.integral(t))).sqrt())


@mutant("VE: g without the factor 2 of the derivative", VE, "diffusion", lambda: laws.rates_follow_from_scales(VE(), [0.2, 0.7]))
def _(right):
    return curve(lambda self, t: right(self, t) / math.sqrt(2))


@mutant("drift: beta for beta/2", process.VariancePreserving, "drift_rate", lambda: laws.rates_follow_from_scales(VP(), [0.2, 0.7]))
def _(right):
    return curve(lambda self, t: -self.beta(t))


@mutant("g squared taken for g", process.VariancePreserving, "diffusion", lambda: laws.rates_follow_from_scales(VP(), [0.2, 0.7]))
def _(right):
    return curve(lambda self, t: self.beta(t))


@mutant("cosine: not squared", Cosine, "alpha", lambda: laws.keeps_variance(Cosine()))
def _(right):
    return curve(lambda self, t: right(self, t) ** 0.5)


@mutant("log SNR: DPM-Solver's half", GaussianProcess, "log_snr", lambda: laws.log_snr_is_invertible(VP()))
def _(right):
    return curve(lambda self, t: self.alpha(t).log() - self.sigma(t).log())


@mutant("VE: the prior is N(0, I)", GaussianProcess, "prior_std", lambda: laws.prior_is_the_law_of_x1(VE()))
def _(right):
    return 1.0


@mutant("prior density without its normalisation", GaussianProcess, "prior_log_prob", lambda: laws.prior_is_the_law_of_x1(VE()))
def _(right):
    return lambda self, x: -0.5 * (x / self.prior_std).square().sum(1)


@mutant("posterior: t and s swapped", GaussianProcess, "posterior", lambda: laws.posterior_is_bayes(VP(), 0.5, 0.3))
def _(right):
    return lambda self, t, s: right(self, s, t)


# ------------------------------------------------------------------------------------------- the chain and the ladder


@mutant("posterior mean: alpha_bar[t] for alpha_bar[t-1]", DDPM, "posterior_mean", lambda: laws.posterior_of_the_chain(CHAIN))
def _(right):
    def wrong(self, x0, xt, step):
        beta, bar = self.betas[step].item(), self.alpha_bars[step].item()
        return (bar**0.5 * beta * x0 + (1 - beta) ** 0.5 * (1 - bar) * xt) / (1 - bar)
    return wrong


@mutant("mean from eps: alpha_bar for 1 - alpha_bar", DDPM, "mean_from_eps", lambda: laws.posterior_of_the_chain(CHAIN))
def _(right):
    return lambda self, xt, eps, step: (xt - self.betas[step] / self.alpha_bars[step] ** 0.5 * eps) / (1 - self.betas[step]) ** 0.5


@mutant("forward step: beta taken for a standard deviation", DDPM, "forward_step", lambda: laws.marginal_of_the_chain(CHAIN))
def _(right):
    return lambda self, x, step, noise: (1 - self.betas[step]) ** 0.5 * x + self.betas[step] * noise


@mutant("forward step: off by one in beta", DDPM, "forward_step", lambda: laws.marginal_of_the_chain(CHAIN))
def _(right):
    return lambda self, x, step, noise: right(self, x, step - 1, noise)


@mutant("VLB weight: simple for all", DDPM, "vlb_weight", lambda: laws.vlb_weight_matches_the_kl(CHAIN))
def _(right):
    return lambda self, variance="posterior": torch.ones_like(self.betas)


@mutant("Langevin: the step for half the step", ncsn, "langevin", lambda: laws.langevin_settles(ncsn.langevin))
def _(right):
    def wrong(score, x, step_size, steps, generator=None):
        for _ in range(steps):
            x = x + step_size * score(x) + step_size**0.5 * torch.randn(x.shape, generator=generator, dtype=x.dtype)
        return x
    return wrong


@mutant("Langevin: sqrt(2 step) with half the drift", ncsn, "langevin", lambda: laws.langevin_settles(ncsn.langevin))
def _(right):
    def wrong(score, x, step_size, steps, generator=None):
        for _ in range(steps):
            x = x + step_size / 2 * score(x) + (2 * step_size) ** 0.5 * torch.randn(x.shape, generator=generator, dtype=x.dtype)
        return x
    return wrong


@mutant("denoising score matching: + for -", ncsn, "denoising_score_matching", laws.denoising_equals_explicit)
def _(right):
    return lambda score, x0, sigma, noise: 0.5 * (score(x0 + sigma * noise) - noise / sigma).square().sum(1)


@mutant("denoising score matching: noise not over sigma", ncsn, "denoising_score_matching", laws.denoising_equals_explicit)
def _(right):
    return lambda score, x0, sigma, noise: 0.5 * (score(x0 + sigma * noise) + noise).square().sum(1)


@mutant("denoising score matching: sigma^2 for sigma", ncsn, "denoising_score_matching", laws.denoising_equals_explicit)
def _(right):
    return lambda score, x0, sigma, noise: 0.5 * (score(x0 + sigma * noise) + noise / sigma**2).square().sum(1)


@mutant("implicit score matching without the 1/2", ncsn, "implicit_score_matching", laws.implicit_equals_explicit)
def _(right):
    return lambda score, x: right(score, x) + 0.5 * score(x).square().sum(1)


@mutant("sliced: one direction for the whole batch", ncsn, "sliced_score_matching", laws.sliced_equals_implicit)
def _(right):
    def wrong(score, x, generator=None):
        torch.manual_seed(0)
        x = x.requires_grad_()
        v = torch.randn(1, 2, dtype=x.dtype)
        s = score(x)
        return (torch.autograd.grad((s * v).sum(), x)[0] * v).sum(1) + 0.5 * s.square().sum(1)
    return wrong


# ------------------------------------------------------------------------------------------- samplers


@mutant("walk: noise added twice", FILES["walk"], "randn_like", one_step("ancestral"))
def _(right):
    return lambda x, generator=None: right(x, generator) + right(x, generator)


@mutant("walk: uniform noise of the right variance", FILES["walk"], "randn_like", one_step("ancestral"))
def _(right):
    return lambda x, generator=None: (torch.rand(x.shape, generator=generator, dtype=x.dtype) - 0.5) * 12**0.5


@mutant("walk: noise on the last step", FILES["walk"], "FINISH", lambda: laws.last_step_is_the_denoised_mean(samplers.ancestral, VP()))
def _(right):
    return Step(0.0, 1.0, 0.1)


@mutant("ancestral: the two variances swapped", FILES["ancestral"], "ancestral_step", one_step("ancestral"))
def _(right):
    return lambda p, t, s, variance="posterior": right(p, t, s, {"posterior": "beta", "beta": "posterior"}[variance])


@mutant("ancestral: variance taken for standard deviation", FILES["ancestral"], "ancestral_step", one_step("ancestral"))
def _(right):
    def wrong(p, t, s, variance="posterior"):
        step = right(p, t, s, variance)
        return Step(step.keep, step.pull, step.noise**2)
    return wrong


@mutant("DDIM: eta without taking its noise from eps", FILES["ancestral"], "ddim_step", one_step("ddim-half"))
def _(right):
    return lambda p, t, s, eta=0.0: Step(*right(p, t, s, 0.0)[:2], right(p, t, s, eta).noise)


@mutant("DDIM: alpha_t for alpha_s", FILES["ancestral"], "ddim_step", order("ddim"))
def _(right):
    def wrong(p, t, s, eta=0.0):
        keep = p.sigma(s) / p.sigma(t)
        return Step(keep, p.alpha(t) * (1 - keep), 0.0 * keep)
    return wrong


@mutant("Euler-Maruyama: g^2 / 2 as in the flow", FILES["sde"], "euler_maruyama_step", one_step("euler_maruyama"))
def _(right):
    return lambda p, t, s: Step(*samplers.euler_step(p, t, s)[:2], right(p, t, s).noise)


@mutant("Euler-Maruyama: g h for g sqrt(h)", FILES["sde"], "euler_maruyama_step", one_step("euler_maruyama"))
def _(right):
    return lambda p, t, s: Step(*right(p, t, s)[:2], right(p, t, s).noise * (t - s) ** 0.5)


@mutant("reverse diffusion: sign of f", FILES["sde"], "reverse_diffusion_step", one_step("reverse_diffusion"))
def _(right):
    def wrong(p, t, s):
        ratio = p.alpha(t) / p.alpha(s)
        return Step(right(p, t, s).keep - 2 * (1 - ratio), *right(p, t, s)[1:])
    return wrong


@mutant("Euler: sign of dt", FILES["ode"], "euler_step", order("euler"))
def _(right):
    return lambda p, t, s: Step(2 - right(p, t, s).keep, -right(p, t, s).pull, 0.0)


@mutant("Euler: the flow without its 1/2", FILES["ode"], "euler_step", order("euler"))
def _(right):
    return lambda p, t, s: Step(*samplers.euler_maruyama_step(p, t, s)[:2], 0.0 * t)


@mutant("Heun: no second call", samplers, "heun", lambda: laws.order_is(2, samplers.heun, VP(), lambda n: grids.log_snr(VP(), n, end=0.1)))
def _(right):
    return samplers.euler


@mutant("DPM-Solver++: sigma where alpha belongs", FILES["multistep"], "exponential_weights", order("dpm_solver_pp-2"))
def _(right):
    return lambda nodes, h, damped=True: [-w for w in right(nodes, -h)]


@mutant("DPM-Solver++(2M): the correction forgotten", FILES["multistep"], "exponential_weights", order("dpm_solver_pp-2"))
def _(right):
    return lambda nodes, h, damped=True: [*right(nodes[:1], h), *[0.0] * (len(nodes) - 1)]


@mutant("DPM-Solver++(3M): only two answers used", FILES["multistep"], "exponential_weights", order("dpm_solver_pp-3"))
def _(right):
    return lambda nodes, h, damped=True: [*right(nodes[:2], h), *[0.0] * (len(nodes) - 2)]


@mutant("annealed Langevin: step scaled by sigma, not by its square", samplers, "annealed_langevin",
        lambda: laws.langevin_level_has_moments(samplers.annealed_langevin, VE(), 0.6))
def _(right):
    def wrong(model, x, grid, *, step_size, steps_per_level, generator):
        for t in grid:
            d = step_size * model.process.sigma(t)
            x = x + d / 2 * model.score(x, t) + d**0.5 * torch.randn(x.shape, generator=generator, dtype=x.dtype)
        return x
    return wrong


@mutant("corrector: signal-to-noise ratio not squared", FILES["langevin"], "mean_norm",
        lambda: laws.corrector_replays(samplers.predictor_corrector, VP(), 0.6, 0.5))
def _(right):
    return lambda x: right(x) ** 0.5


@mutant("corrector: the predictor's noise forgotten", FILES["langevin"], "reverse_diffusion_step",
        lambda: laws.corrector_replays(samplers.predictor_corrector, VP(), 0.6, 0.5))
def _(right):
    return lambda p, t, s: Step(*right(p, t, s)[:2], 0.0 * t)


@mutant("flow: the 1/2 forgotten", score_sde, "flow_velocity", lambda: laws.flow_returns(VP()))
def _(right):
    return score_sde.reverse_drift


@mutant("reverse SDE: a score of half weight", score_sde, "reverse_drift", lambda: laws.reverse_sde_returns(VE()))
def _(right):
    return score_sde.flow_velocity


@mutant("reverse SDE: x - score in place of x + 2 score", score_sde, "reverse_drift", lambda: laws.reverse_sde_returns(VP()))
def _(right):
    def wrong(model, x, t):
        return -0.5 * model.process.beta(t) * (x - model.score(x, t))
    return wrong


# ------------------------------------------------------------------------------------------- models, losses, likelihood


@mutant("v: sign", DENOISER, "to_x0", laws.conversions_agree)
def _(right):
    return lambda value, kind, x, alpha, sigma: right(-value if kind == "v" else value, kind, x, alpha, sigma)


@mutant("v: the identity of variance preserving for all", DENOISER, "to_x0", laws.conversions_agree)
def _(right):
    return lambda value, kind, x, a, s: a * x - s * value if kind == "v" else right(value, kind, x, a, s)


@mutant("score: -eps without sigma", DENOISER, "to_eps", laws.conversions_agree)
def _(right):
    return lambda value, kind, x, alpha, sigma: -value if kind == "score" else right(value, kind, x, alpha, sigma)


@mutant("x0: alpha forgotten", DENOISER, "to_x0", laws.conversions_agree)
def _(right):
    return lambda value, kind, x, alpha, sigma: right(value, kind, x, alpha, sigma) * (alpha if kind == "eps" else 1)


@mutant("mixture score: weights for responsibilities", exact.GaussianMixture, "_score",
        lambda: laws.score_is_the_gradient(laws.BUMPS, torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]))
def _(right):
    return lambda self, x, alpha, sigma: (self.weights * (self.means.T - x) / self.stds**2).sum(1, keepdim=True)


@mutant("posterior variance: only the components' own", exact.ExactDenoiser, "posterior_variance", lambda: laws.posterior_by_quadrature(VP(), 0.4))
def _(right):
    def wrong(self, x, t):
        share = self.target._components(x, *self.at(x, t))[0].softmax(1)
        alpha, sigma, spread = *self.at(x, t), self.target.stds**2
        return (share * spread * sigma**2 / ((alpha**2 * spread) + sigma**2)).sum(1, keepdim=True)
    return wrong


@mutant("loss: a mean over coordinates", losses, "denoising", lambda: laws.loss_is_a_sum("simple", 1.0, VP()))
def _(right):
    return lambda model, x0, t, noise, weight: right(model, x0, t, noise, weight) / x0[0].numel()


@mutant("loss: SNR for 1/SNR", losses, "weight_of", lambda: laws.loss_is_a_sum("x0", (VP().sigma(0.3) / VP().alpha(0.3)) ** 2, VP()))
def _(right):
    return lambda process, t, weight: 1 / right(process, t, weight)


@mutant("likelihood weight without the 1/2", losses, "weight_of",
        lambda: laws.loss_is_a_sum("likelihood", laws.slopes(VP(), 0.3)[1] / (2 * VP().sigma(0.3) ** 2), VP()))
def _(right):
    return lambda process, t, weight: 2 * right(process, t, weight)


@mutant("divergence: sign", likelihood, "divergence_of", lambda: laws.flow_density_is_exact(likelihood.flow_log_prob, VP(), exact.ring(), n=3))
def _(right):
    return lambda *a: -right(*a)


@mutant("divergence: only the first coordinate", likelihood, "divergence_of", lambda: laws.hutchinson_is_unbiased(likelihood.divergence_of))
def _(right):
    return lambda velocity, x, probe=None: torch.autograd.grad(velocity[:, 0].sum(), x, retain_graph=True)[0][:, 0]


@mutant("hutchinson: a probe that is not centred or scaled", likelihood, "divergence_of",
        lambda: laws.hutchinson_is_unbiased(likelihood.divergence_of))
def _(right):
    return lambda velocity, x, probe=None: right(velocity, x, probe if probe is None else probe.abs())


@mutant("VLB: SNR(t) - SNR(s) without its 1/2", likelihood, "vlb_terms", lambda: laws.vlb_matches_closed_form(likelihood.vlb_terms, VP()))
def _(right):
    return lambda *a, **k: (lambda terms: terms._replace(diffusion=2 * terms.diffusion))(right(*a, **k))


@mutant("VLB: the prior term forgotten", likelihood, "vlb_terms", lambda: laws.vlb_matches_closed_form(likelihood.vlb_terms, VE(0.01, 3.0)))
def _(right):
    return lambda *a, **k: (lambda terms: terms._replace(prior=0 * terms.prior))(right(*a, **k))


@mutant("VLB: the decoder's 2 pi forgotten", likelihood, "vlb_terms", lambda: laws.bound_is_tight_as_one_over_steps(likelihood.vlb_terms, VP()))
def _(right):
    def wrong(*a, **k):
        terms = right(*a, **k)
        return terms._replace(reconstruction=terms.reconstruction - 0.5 * math.log(2 * math.pi))
    return wrong


@mutant("bits: the offset of the quantisation with the wrong sign", likelihood, "bits_per_dim", lambda: laws.bits_are_bits(likelihood.bits_per_dim))
def _(right):
    return lambda log_prob, dims, bin_width=1.0: right(log_prob, dims, 1 / bin_width)


@mutant("bits: nats", likelihood, "bits_per_dim", lambda: laws.bits_are_bits(likelihood.bits_per_dim))
def _(right):
    return lambda log_prob, dims, bin_width=1.0: right(log_prob, dims, bin_width) * math.log(2)


# ------------------------------------------------------------------------------------------- guidance
@mutant("guidance: the scale s = 1 + w taken for the weight w", guidance, "classifier_free",
        lambda: laws.guided_score_is_of_the_tilted_law(guidance.classifier_free, 0.5, VP()))
def _(right):
    return lambda model, labels, weight: right(model, labels, weight - 1)


@mutant("guidance: conditional and unconditional exchanged", guidance.ClassifierFree, "forward",
        lambda: laws.guided_score_is_of_the_tilted_law(guidance.classifier_free, 0.5, VP()))
def _(right):
    return lambda self, x, t: (1 + self.weight) * self.untold(x, t) - self.weight * self.told(x, t)


@pytest.mark.parametrize("owner, attribute, wrong, law", MUTANTS)
def test_mutant_is_caught(monkeypatch, owner, attribute, wrong, law):
    law()                                                                          # the library itself passes
    monkeypatch.setattr(owner, attribute, wrong(getattr(owner, attribute)))
    with pytest.raises(AssertionError):
        law()


def test_mutants_have_names_and_differ():
    names = [mutant.id for mutant in MUTANTS]
    assert len(names) == len(set(names)) >= 40
