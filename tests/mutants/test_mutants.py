"""Planted mistakes: each classic bug, put into the library for one test, must break the law that guards the formula.

The laws are those that the contract and oracle tests run. A law that lets its mutant pass proves nothing.
"""
import importlib
import math
import types

import bound_laws
import cld_laws
import laws
import pytest
import torch
import variance_laws
from cases import PROCESSES, SOLVERS, STOCHASTIC

from minidiff import (DDPM, VE, VP, Cosine, SubVP, analytic, cld, exact, grids, guidance, likelihood, losses, ncsn, process, samplers,
                      score_sde, vae, variance, vdm)
from minidiff.process import GaussianProcess, curve
from minidiff.samplers import Step
from minidiff.train import ImportanceTimes as IMPORTANCE

# `samplers.ancestral` is a function as well as a file: fetch the files by their full names
FILES = {name: importlib.import_module(f"minidiff.samplers.{name}")
         for name in ("ancestral", "langevin", "multistep", "ode", "sde", "walk", "edm", "velocity", "search", "taylor",
                      "pseudo_numerical", "singlestep")}
DENOISER, TRUNCATED = importlib.import_module("minidiff.denoiser"), importlib.import_module("minidiff.samplers.truncated")
FLOW = importlib.import_module("minidiff.likelihood.flow")
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


@mutant("multistep: history oldest first", FILES["multistep"], "latest", lambda: laws.deis_is_the_papers(samplers.deis, VP(), 3, "t"))
def _(right):
    return lambda places, i, count: right(places, i, count)[::-1]


@mutant("DEIS: the polynomial in log rho under the name of t", samplers, "deis", lambda: laws.deis_is_the_papers(samplers.deis, VP(), 3, "t"))
def _(right):
    return lambda model, x, grid: right(model, x, grid, variable="log_rho")


@mutant("DEIS: weights integrated with one point", FILES["multistep"], "gauss_legendre",
        lambda: laws.order_is(3, SOLVERS["deis-3"][0], VP(), lambda n: grids.log_snr(VP(), n, end=0.1), steps=(80, 160)))
def _(right):
    return lambda points=1: right(1)


@mutant("PNDM: weights oldest first", FILES["pseudo_numerical"], "ADAMS_BASHFORTH", lambda: laws.pndm_is_the_papers(samplers.pndm, CHAIN, 4))
def _(right):
    return {count: weights[::-1] for count, weights in right.items()}


@mutant("PNDM: the classical Runge-Kutta rule without its doubled middle", FILES["pseudo_numerical"], "pseudo_runge_kutta",
        lambda: laws.pndm_is_the_papers(samplers.pndm, CHAIN, 4))
def _(right):
    return lambda model, x, first, t, s, rule: right(model, x, first, t, s, 2)


@mutant("PNDM: the old alpha in the transfer", FILES["pseudo_numerical"], "transfer", lambda: laws.pndm_is_the_papers(samplers.pndm, CHAIN, 4))
def _(right):
    return lambda process, times: (right(process, times)[0], [s - t for t, s in zip(*(map(process.sigma, part) for part in (times, times[1:])))])


@mutant("DPM-Solver: weights of DPM-Solver++ with eps", FILES["singlestep"], "exponential_weights",
        lambda: laws.dpm_solver_replays(samplers.dpm_solver, VP(), 2))
def _(right):
    return lambda nodes, h, damped: [-w for w in right([-node for node in nodes], -h, damped)]


@mutant("DPM-Solver: the damping of DPM-Solver++", FILES["singlestep"], "exponential_weights",
        lambda: laws.dpm_solver_replays(samplers.dpm_solver, VP(), 3))
def _(right):
    return lambda nodes, h, damped: right(nodes, h, damped=True)


@mutant("DPM-Solver-2: the middle of the step in t", FILES["singlestep"], "stages_of", lambda: laws.dpm_solver_replays(samplers.dpm_solver, VP(), 2))
def _(right):
    def wrong(process, times, orders):
        return [[stage._replace(time=(t + s) / 2) if stage.share < 1 else stage for stage in stages]
                for stages, t, s in zip(right(process, times, orders), times, times[1:])]
    return wrong


@mutant("DPM-Solver-3: the answer at one third forgotten", FILES["singlestep"], "STAGES",
        lambda: laws.dpm_solver_replays(samplers.dpm_solver, VP(), 3))
def _(right):
    return right | {3: [((0,), 1 / 3), ((0,), 2 / 3), ((0, 2 / 3), 1)]}


@mutant("softplus grid: log SNR for its half", GaussianProcess, "half_log_snr",
        lambda: laws.softplus_grid_is_between_level_and_log_snr(grids.softplus, VP()))
def _(right):
    return lambda self, t: self.log_snr(t)


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


# ------------------------------------------------------------------------------------------- solvers of the reverse SDE


@mutant("corrector: norms of each example", FILES["langevin"], "mean_norm",
        lambda: laws.corrector_replays(samplers.predictor_corrector, VP(), 0.6, 0.5))
def _(right):
    return lambda x: x.norm(dim=1, keepdim=True)


@mutant("consistent annealing: noise of the level that it leaves", FILES["langevin"], "consistent_annealed_step",
        lambda: laws.annealed_step_has_moments(samplers.consistent_annealed, VE(), 0.53, 0.5, 0.6))
def _(right):
    def wrong(p, t, s, step_size):
        step = right(p, t, s, step_size)
        return Step(step.keep, step.pull, step.noise * p.sigma(t) / p.sigma(s))
    return wrong


@mutant("consistent annealing: the noise of annealed Langevin", FILES["langevin"], "consistent_annealed_step",
        lambda: laws.annealed_step_has_moments(samplers.consistent_annealed, VE(), 0.53, 0.5, 0.6))
def _(right):
    return lambda p, t, s, step_size: Step(*right(p, t, s, step_size)[:2], step_size**0.5 * p.sigma(t))


@mutant("adaptive: a norm that grows with the dimensions", FILES["sde"], "scaled_error",
        lambda: laws.adaptive_sde_replays(samplers.adaptive_sde, VP()))
def _(right):
    return lambda low, *rest: right(low, *rest) * low[0].numel() ** 0.5


@mutant("adaptive: delta without the state before", FILES["sde"], "scaled_error",
        lambda: laws.adaptive_sde_replays(samplers.adaptive_sde, VP()))
def _(right):
    return lambda low, high, previous, *rest: right(low, high, low, *rest)


@mutant("adaptive: each of the two steps draws its noise", FILES["sde"], "embedded_steps",
        lambda: laws.embedded_pair_has_orders(FILES["sde"].embedded_steps, VP()))
def _(right):
    return lambda model, x, t, h, z: (right(model, x, t, h, z)[0], right(model, x, t, h, z.roll(1, 0))[1])


@mutant("churn: the cap forgotten", FILES["edm"], "MOST", lambda: laws.edm_replays(samplers.edm, s_churn=3.0))
def _(right):
    return math.inf


@mutant("churn: as much noise as the new level has", FILES["edm"], "churn_step", lambda: laws.edm_replays(samplers.edm))
def _(right):
    return lambda p, t, up: (right(p, t, up)[0], torch.where(up > t, p.sigma(up), 0.0))


@mutant("churn: Heun's correction forgotten", FILES["edm"], "trapezoid", lambda: laws.edm_replays(samplers.edm))
def _(right):
    return lambda p, t, s: 0 * right(p, t, s)


@mutant("CLD: v_0 is not integrated out", cld.CLD, "marginal", lambda: cld_laws.marginal_solves_the_lyapunov_equation(cld_laws.PLAIN))
def _(right):
    return lambda self, t: (right(self, t)[0], self.transition(self.as_float64(t))[1])


@mutant("CLD: the velocity pushes the wrong way", cld.CLD, "transition", lambda: cld_laws.transition_is_the_matrix_exponential(cld_laws.PLAIN))
def _(right):
    turn = torch.tensor([[1.0, -1.0], [-1.0, 1.0]], dtype=torch.float64)
    return lambda self, elapsed: (right(self, elapsed)[0] * turn, right(self, elapsed)[1])


@mutant("CLD: a prior velocity of variance 1", cld.CLD, "prior_sample", lambda: cld_laws.rest_is_at_rest(cld_laws.PLAIN))
def _(right):
    return lambda self, shape, generator=None, dtype=None: torch.randn(shape, generator=generator, dtype=dtype)


@mutant("CLD: R is the Cholesky factor", cld.CLD, "factor", lambda: cld_laws.factors_are_factors(cld_laws.PLAIN))
def _(right):
    return lambda self, t, kind="L": right(self, t, "L")


@mutant("CLD: the state tells of x_0 by x alone", cld.CLDSeen, "summary", lambda: cld_laws.score_is_the_gradient(cld.CLDExact, cld_laws.PLAIN, 0.2))
def _(right):
    def wrong(self, z, t):
        signal, covariance = self.process.marginal(t)
        return z[:, 0] / signal[0], covariance[0, 0].sqrt() / signal[0]
    return wrong


@mutant("CLD: a last velocity of 0", cld.CLDModel, "data", lambda: cld_laws.last_mean_is_bayes(cld_laws.PLAIN, 0.1))
def _(right):
    return lambda self, z, t, x0_hat: torch.stack([x0_hat, 0 * x0_hat], 1)


def cld_step(name):
    return lambda: cld_laws.one_step_is_the_papers(name, getattr(samplers, name), cld_laws.PLAIN)


@mutant("CLD: the score in x for the score in v", FILES["velocity"], "score_step", cld_step("euler_maruyama_cld"))
def _(right):
    def wrong(process, t, h):
        signal, covariance = process.marginal(t)
        row = -process.noise_rate * h[:, None] * cld.inverse(covariance)[:, 0]
        keep = torch.stack([torch.zeros_like(row), row], 1)
        return keep, -(keep @ signal[:, :, None])[:, :, 0]
    return wrong


@mutant("SSCS: v/M forgotten in the score's part", FILES["velocity"], "score_step", lambda: cld_laws.rest_stays_at_rest(samplers.sscs))
def _(right):
    def wrong(process, t, h):
        keep, pull = right(process, t, h)
        keep[:, 1, 1] -= process.noise_rate * h / process.mass
        return keep, pull
    return wrong


@mutant("SSCS: the score's part at the middle of the step", FILES["velocity"], "score_step", cld_step("sscs"))
def _(right):
    return lambda process, t, h: right(process, t - h / 2, h)


@mutant("SSCS: a whole step's noise in each half", FILES["velocity"], "lower", lambda: cld_laws.rest_stays_at_rest(samplers.sscs))
def _(right):
    return lambda covariance: right(2 * covariance)


@mutant("gDDIM: only the newest eps", FILES["velocity"], "gddim_weights", lambda: cld_laws.gddim_has_order(2, cld_laws.PLAIN))
def _(right):
    return lambda process, times, order, factor: right(process, times, 1, factor)


@mutant("gDDIM: K^-1 not transposed", FILES["velocity"], "gddim_weights", lambda: cld_laws.one_point_needs_one_step(cld_laws.PLAIN))
def _(right):
    def wrong(process, times, order, factor):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(FILES["velocity"], "inverse", lambda m: cld.inverse(m).transpose(-1, -2))
            return right(process, times, order, factor)
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


def ring_law():
    laws.flow_density_is_exact(likelihood.flow_log_prob, VP(), exact.ring(), n=3)


def linear_law():
    laws.flow_of_a_linear_model(likelihood.flow_log_prob, VP(), tolerance=1e-6, steps=40)


def adaptive_law():
    laws.flow_of_a_linear_model(likelihood.flow_log_prob, VP(), tolerance=1e-7, rtol=1e-8)


@mutant("divergence: sign", FLOW, "divergence_of", ring_law)
def _(right):
    return lambda *a, **k: -right(*a, **k)


@mutant("divergence: only the first coordinate", FLOW, "divergence_of", lambda: laws.hutchinson_is_unbiased(FLOW.divergence_of))
def _(right):
    return lambda velocity, x, probe=None: torch.autograd.grad(velocity[:, 0].sum(), x, retain_graph=True)[0][:, 0]


@mutant("hutchinson: a probe that is not centred or scaled", FLOW, "divergence_of",
        lambda: laws.hutchinson_is_unbiased(FLOW.divergence_of))
def _(right):
    return lambda velocity, x, probe=None: right(velocity, x, probe if probe is None else probe.abs())


@mutant("hutchinson: a new probe at every call", FLOW, "divergence_of", linear_law)
def _(right):
    fresh = torch.Generator().manual_seed(0)

    def wrong(velocity, x, probe=None, **k):
        return right(velocity, x, probe if probe is None else FLOW.draw_probe(x, generator=fresh), **k)
    return wrong


@mutant("hutchinson: one probe for the whole batch", FLOW, "draw_probe", linear_law)
def _(right):
    return lambda x, *a: right(x[:1], *a).expand_as(x)


@mutant("hutchinson: Rademacher drawn from {0, 1}", FLOW, "draw_probe", lambda: laws.probes_have_their_variances(FLOW.draw_probe))
def _(right):
    return lambda x, probe, generator: right(x, probe, generator).clamp(min=0)


@mutant("hutchinson: Gaussian probes under the name of Rademacher", FLOW, "draw_probe",
        lambda: laws.probes_have_their_variances(FLOW.draw_probe))
def _(right):
    return lambda x, probe, generator: right(x, "gaussian", generator)


@mutant("hutchinson: unit vectors for a probe of unit variance", FLOW, "draw_probe",
        lambda: laws.probes_have_their_variances(FLOW.draw_probe))
def _(right):
    return lambda *a: (lambda v: v / v.norm(dim=1, keepdim=True))(right(*a))


@mutant("flow: the log of the scaling forgotten", likelihood, "flow_log_prob", ring_law)
def _(right):
    def wrong(model, x, **k):
        return right(model, x, **k) - x[0].numel() * math.log(model.process.alpha(1.0) / model.process.alpha(1e-5))
    return wrong


@mutant("flow: the prior asked at y for alpha y", FLOW, "runge_kutta", ring_law)
def _(right):
    return lambda *a: (lambda y, change: (y / VP().alpha(1.0), change))(*right(*a))


@mutant("flow: x taken for y at its start", FLOW, "runge_kutta", linear_law)
def _(right):
    return lambda field, y, levels: right(field, y * VP().alpha(0.05), levels)


@mutant("flow: from noise to data", FLOW, "along", linear_law)
def _(right):
    return lambda function, times: right(function, times)[::-1]


@mutant("Runge-Kutta: the middle calls weighted once", FLOW, "runge_kutta", lambda: laws.runge_kutta_has_order_four(FLOW.runge_kutta))
def _(right):
    def wrong(field, y, levels):
        change = 0
        for u, after in zip(levels, levels[1:]):
            h, (v1, d1) = after - u, field(y, u)
            v2, d2 = field(y + h / 2 * v1, u + h / 2)
            v3, d3 = field(y + h / 2 * v2, u + h / 2)
            v4, d4 = field(y + h * v3, after)
            y, change = y + h / 4 * (v1 + v2 + v3 + v4), change + h / 4 * (d1 + d2 + d3 + d4)
        return y, change
    return wrong


@mutant("adaptive: a new probe at every call", FLOW, "divergence_of", lambda: laws.few_calls_are_enough(likelihood.flow_log_prob))
def _(right):
    fresh = torch.Generator().manual_seed(0)

    def wrong(velocity, x, probe=None, **k):
        return right(velocity, x, probe if probe is None else FLOW.draw_probe(x, generator=fresh), **k)
    return wrong


@mutant("adaptive: the tolerance taken for its root", FLOW, "dormand_prince", adaptive_law)
def _(right):
    return lambda field, y, levels, rtol: right(field, y, levels, rtol**0.5)


@mutant("adaptive: the tolerance a share of the density", FLOW, "dormand_prince", lambda: laws.tolerance_is_in_nats(likelihood.flow_log_prob))
def _(right):
    import scipy.integrate

    def wrong(field, y, levels, rtol):
        def one_for_all(*a, rtol, atol, **k):
            return solve(*a, rtol=rtol.max(), atol=atol.max(), **k)
        solve, scipy.integrate.solve_ivp = scipy.integrate.solve_ivp, one_for_all
        try:
            return right(field, y, levels, rtol)
        finally:
            scipy.integrate.solve_ivp = solve
    return wrong


@mutant("beside: the frozen network without its slope", variance.Beside, "frozen", lambda: variance_laws.beside_has_the_slope(variance.LearnedVariance))
def _(right):
    return lambda self, x, t: right(self, x, t).detach()


@mutant("bisection: the gradient dropped", process.GaussianProcess, "time_at_log_snr", lambda: laws.times_have_their_slope())
def _(right):
    return lambda self, value: right(self, value.detach() if isinstance(value, torch.Tensor) else value)


@mutant("adaptive: the sum of the divergences started at 1", FLOW, "np", adaptive_law)
def _(right):
    return types.SimpleNamespace(**{**vars(right), "zeros": right.ones})


@mutant("gradient: the divergence taken for a constant", FLOW, "divergence_of",
        lambda: laws.flow_gradients_are_differences(likelihood.flow_log_prob, VP()))
def _(right):
    return lambda *a, **k: right(*a, **k).detach()


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


# ------------------------------------------------------------------------------------------- searched and learned steps


@mutant("shortest path: K nodes for K steps", grids, "shortest", lambda: laws.shortest_is_brute_force(grids.shortest))
def _(right):
    return lambda costs, steps: right(costs, max(steps - 1, 1))


@mutant("shortest path: the first time is not pinned", grids, "shortest", lambda: laws.shortest_is_brute_force(grids.shortest))
def _(right):
    def wrong(costs, steps):
        starts = range(len(costs) - steps)
        paths = [right(costs[i:, i:], steps) + i for i in starts]
        return min(paths, key=lambda path: costs[path[:-1], path[1:]].sum())
    return wrong


@mutant("pair costs: the variances of the fine steps in between", likelihood, "pair_costs",
        lambda: laws.pair_costs_are_kl(likelihood.pair_costs, VP()))
def _(right):
    def wrong(*a, **k):
        costs = right(*a, **k)
        passed = torch.cat([costs.new_zeros(1), costs.diagonal(1).cumsum(0)])
        return torch.where(torch.isfinite(costs), passed[None] - passed[:, None], costs)
    return wrong


@mutant("pair costs: SNR(s) - SNR(t) without its 1/2", likelihood.vlb, "step_kl", lambda: laws.pair_costs_are_kl(likelihood.pair_costs, VP()))
def _(right):
    return lambda *a: 2 * right(*a)


@mutant("kernel distance: every point compared with itself", losses, "kernel_distance",
        lambda: laws.kernel_distance_is_a_double_sum(losses.kernel_distance))
def _(right):
    def wrong(a, b, kernel=losses.energy_kernel, block=0):
        return kernel(a, a).mean() + kernel(b, b).mean() - 2 * kernel(a, b).mean()
    return wrong


@mutant("searched: noise drawn anew when a step is asked again", FILES["search"], "advance",
        lambda: laws.recomputing_keeps_the_gradient(samplers.Searched))
def _(right):
    source = torch.Generator().manual_seed(0)
    return lambda *a: right(*a[:-1], torch.randn(a[1].shape, generator=source, dtype=a[1].dtype))


@mutant("searched: widths of the steps as softmax of themselves", samplers.Searched, "grid",
        lambda: laws.searched_starts_as_ddim(samplers.Searched, VP()))
def _(right):
    def wrong(self):
        passed = self.widths.exp().softmax(0).cumsum(0)[:-1]
        return torch.cat([self.ends[:1], self.ends[0] - (self.ends[0] - self.ends[1]) * passed, self.ends[1:]])
    return wrong


@mutant("GENIE: the partial derivative, gamma alone moves", FILES["taylor"], "flow_derivative", order("genie"))
def _(right):
    def wrong(model, x, t, rates=None):
        t = torch.as_tensor(t, dtype=torch.float64)
        turn, stretch = rates or FILES["taylor"].clock(model.process, t)
        return torch.func.jvp(model.eps, (x, t), (stretch * x, torch.full_like(t, turn)))
    return wrong


@mutant("GENIE: the partial derivative, x alone moves", FILES["taylor"], "flow_derivative",
        lambda: laws.derivative_is_along_the_flow(FILES["taylor"].flow_derivative, VP()))
def _(right):
    def wrong(model, x, t, rates=None):
        eps, sigma = model.eps(x, t), model.process.sigma(t)
        return eps, torch.func.jvp(lambda x: model.eps(x, t), (x,), (sigma * eps,))[1]
    return wrong


@mutant("GENIE: h taken positive", FILES["taylor"], "transfer", order("genie"))
def _(right):
    return lambda process, times: (right(process, times)[0], [-pull for pull in right(process, times)[1]])


@mutant("GENIE: the 1/2 of Taylor's second term forgotten", FILES["taylor"], "flow_derivative", order("genie"))
def _(right):
    return lambda *a: (lambda eps, bend: (eps, 2 * bend))(*right(*a))


# ------------------------------------------------------------------------------------------- truncation and distillation


@mutant("early stop: the generator's samples taken for noised ones", TRUNCATED, "randn_like",
        lambda: laws.early_stop_keeps_the_law(samplers.early_stopped, VP()))
def _(right):
    return lambda x, generator=None: 0 * right(x, generator)


@mutant("early stop: noised to another time than the walk begins at", samplers, "early_stopped",
        lambda: laws.early_stop_keeps_the_law(samplers.early_stopped, Cosine()))
def _(right):
    def wrong(model, x, grid, sampler, generator):
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        return sampler(model, model.process.perturb(x, grid[1], noise), grid, generator=generator)
    return wrong


@mutant("two-step target: the second guess alone", losses, "two_step_target",
        lambda: laws.one_step_reaches_two(losses.two_step_target, Cosine()))
def _(right):
    def wrong(teacher, x, t, middle, s):
        step = samplers.ddim_step(teacher.process, t, middle)
        return teacher(step.keep * x + step.pull * teacher(x, t), middle)
    return wrong


@mutant("two-step target: the place where two steps end", losses, "two_step_target",
        lambda: laws.one_step_reaches_two(losses.two_step_target, Cosine()))
def _(right):
    return laws.two_ddim_steps


@mutant("two-step target: levels 0/0 at t = 0", losses, "two_step_target",
        lambda: laws.one_step_reaches_two(losses.two_step_target, Cosine()))
def _(right):
    def wrong(teacher, x, t, middle, s):
        level = torch.tensor(teacher.process.sigma(s) / teacher.process.alpha(s))
        return right(teacher, x, t, middle, s) / level * level
    return wrong


@mutant("halving: the weight SNR, which vanishes at noise", losses, "halving",
        lambda: laws.halving_of_a_linear_teacher(losses.halving, Cosine()))
def _(right):
    def wrong(student, teacher, x0, step, noise, grid):
        snr = student.process.snr(torch.tensor(grid, dtype=torch.float64)[2 * step])
        return right(student, teacher, x0, step, noise, grid) * snr / snr.clamp(min=1)
    return wrong


@mutant("halving: the student counted on the teacher's grid", losses, "halving",
        lambda: laws.halving_of_a_linear_teacher(losses.halving, Cosine()))
def _(right):
    return lambda student, teacher, x0, step, noise, grid: right(student, teacher, x0, step, noise, grid[1:4])


@mutant("one-step loss: noise and sample exchanged", losses, "one_step", lambda: laws.one_step_loss_is_of_the_start(losses.one_step))
def _(right):
    return lambda student, pairs, t: right(student, pairs.flip(1), t)


# ------------------------------------------------------------------------------------------- schedules and the bound in continuous time

CONTINUOUS_BOUND = importlib.import_module("minidiff.likelihood.continuous")
STEPPED = vdm.TableSchedule([9.0, 2.0, -1.0])


def continuous_law():
    laws.continuous_vlb_matches_closed_form(likelihood.continuous_vlb, STEPPED)


@mutant("learned schedule: weights that may be negative", vdm, "softplus",
        lambda: laws.schedule_has_ends(lambda: vdm.LearnedSchedule(9.0, -10.0)))
def _(right):
    return lambda raw: raw


@mutant("learned schedule: the slope not divided by the whole rise", vdm.LearnedSchedule, "fall",
        lambda: laws.schedule_has_ends(lambda: vdm.LearnedSchedule(9.0, -10.0)))
def _(right):
    return lambda self, u: self.ends.double()[1].exp() * self._rise(u)[1]


@mutant("learned schedule: the graph is cut", vdm.LearnedSchedule, "height",
        lambda: laws.schedule_learns(lambda: vdm.LearnedSchedule(9.0, -10.0)))
def _(right):
    return lambda self, u: right(self, u) + 0 * self.parts.sum() - right(self, u) + right(self, u).detach()


@mutant("schedule: the slope of gamma taken for the rate", vdm.Schedule, "beta",
        lambda: laws.rates_follow_from_scales(STEPPED, [0.2, 0.7]))
def _(right):
    return curve(lambda self, t: right(self, t) / self.sigma(t) ** 2)


@mutant("continuous bound: without the 1/2", CONTINUOUS_BOUND, "draw_nats", continuous_law)
def _(right):
    return lambda *a: 2 * right(*a)


@mutant("continuous bound: the plain loss, without the slope of gamma", CONTINUOUS_BOUND, "draw_nats", continuous_law)
def _(right):
    return lambda model, x0, t, noise: 0.5 * (model.eps(model.process.perturb(x0, t, noise), t) - noise).square().sum(1)


@mutant("continuous bound: the prior's term subtracted, as survey Eq. 29 prints it for the bound itself", CONTINUOUS_BOUND,
        "prior_nats", continuous_law)
def _(right):
    return lambda *a: -right(*a)


@mutant("continuous bound: the decoder's variance is sigma^2, not 1/SNR", CONTINUOUS_BOUND, "reconstruction_nats", continuous_law)
def _(right):
    def wrong(model, x0, end, levels, decoder, noise):
        square = (x0 - model(model.process.perturb(x0, x0.new_full((), end), noise), end)) ** 2
        return likelihood.decoder_nats(square, 1, 4 * model.process.sigma(end) ** 2).sum(1)
    return wrong


@mutant("even times: independent draws", likelihood, "even_times", lambda: laws.times_are_even(likelihood.even_times))
def _(right):
    return lambda count, draws, end=0.0, generator=None: 1 - (1 - end) * torch.rand(count, draws, generator=generator).double()


@mutant("even times: an example's draws side by side", likelihood, "even_times", lambda: laws.times_are_even(likelihood.even_times))
def _(right):
    return lambda count, draws, *a: right(draws, count, *a).T


@mutant("diffusion loss: without the 1/2", likelihood, "diffusion_nats",
        lambda: laws.diffusion_loss_is_half_the_log_ratio(likelihood.diffusion_nats, VP()))
def _(right):
    return lambda *a, **k: 2 * right(*a, **k)


@mutant("diffusion loss: over the half log SNR", likelihood, "diffusion_nats",
        lambda: laws.diffusion_loss_is_half_the_log_ratio(likelihood.diffusion_nats, STEPPED))
def _(right):
    return lambda *a, **k: right(*a, **k) / 2


@mutant("categorical decoder: xt not divided by alpha", likelihood, "categorical_log_prob",
        lambda: laws.categorical_is_bayes(likelihood.categorical_log_prob))
def _(right):
    return lambda x, xt, alpha, sigma, levels: right(x, xt, 1.0, sigma, levels)


@mutant("categorical decoder: a density, not normalised over the values", likelihood, "categorical_log_prob",
        lambda: laws.decoder_adds_up(likelihood.categorical_log_prob))
def _(right):
    return lambda x, xt, alpha, sigma, levels: torch.distributions.Normal(alpha * x, sigma).log_prob(xt)


@mutant("dequantisation: noise upwards only", likelihood, "dequantise",
        lambda: laws.dequantised_density_is_a_probability(likelihood.dequantise, likelihood.bin_width))
def _(right):
    return lambda x, levels, *a: right(x, levels, *a) + 1 / (levels - 1)


@mutant("dequantisation: the width 2/256 of 256 values from -1 to 1", likelihood, "bin_width",
        lambda: laws.dequantised_density_is_a_probability(likelihood.dequantise, likelihood.bin_width))
def _(right):
    return lambda levels: 2 / levels


# ------------------------------------------------------------------------------------------- bounds, high orders
BOUNDS = importlib.import_module("minidiff.likelihood.bounds")


def bound_law(form="denoising", make=VP):
    return lambda: bound_laws.bound_is_the_density(likelihood.sde_bound, make(), form, n=20000)


@mutant("bound: the noise error without its 1/2", BOUNDS, "denoising_rate", bound_law())
def _(right):
    return lambda *a: 2 * right(*a)


@mutant("bound: weight g^2 for the noise error", BOUNDS, "denoising_rate", bound_law())
def _(right):
    return lambda model, x0, t, noise: model.process.sigma(t) ** 2 * right(model, x0, t, noise)


@mutant("bound: the divergence added", BOUNDS, "divergence_of", bound_law("implicit"))
def _(right):
    return lambda *a, **k: -right(*a, **k)


@mutant("bound: the divergence without sigma", BOUNDS, "implicit_rate", bound_law("implicit"))
def _(right):
    def wrong(model, x0, t, noise, probe=None):
        eps = model.eps(model.process.perturb(x0, t, noise), t)
        first = 0.5 * (eps.square() + 1).sum(1)
        return first + (right(model, x0, t, noise, probe) - first) / model.process.sigma(t)
    return wrong


@mutant("bound: a drift whose divergence has the wrong sign", BOUNDS, "prior_nats", bound_law())
def _(right):
    return lambda process, x, t: right(process, x, t) + 2 * math.log(process.alpha(1.0))


@mutant("bound: the prior's term forgotten", BOUNDS, "prior_nats", lambda: bound_laws.bound_is_above(likelihood.sde_bound, VE(0.05, 2.0), 0.0))
def _(right):
    return lambda process, x, t: 0 * right(process, x, t)


@mutant("bound: the decoder's step forgotten", BOUNDS, "reconstruction_nats", bound_law())
def _(right):
    return lambda *a: 0 * right(*a)


@mutant("bound: times uniform in t, without their weight", VP, "time_at_log_snr", bound_law())
def _(right):
    def wrong(self, value):
        low, high = self.log_snr(1.0), self.log_snr(1e-3)
        return 1e-3 + (1 - 1e-3) * (high - value) / (high - low)
    return wrong


def high_order_law(order):
    return lambda: bound_laws.gradient_leads_to_the_truth((losses.second_order, losses.third_order)[order - 2], order)


def spoiled_parts(change):
    """high_order_parts with another l_1."""
    def keep(right):
        def wrong(model, x0, t, noise, probe):
            sigma, x, score, l1, directions = right(model, x0, t, noise, probe)
            return sigma, x, score, change(sigma, score, l1, noise), directions
        return wrong
    return keep


for _order in (2, 3):
    mutant(f"order {_order}: no stop-gradient in l_1", losses, "high_order_parts", high_order_law(_order))(
        spoiled_parts(lambda sigma, score, l1, noise: sigma * score + noise))
    mutant(f"order {_order}: the score left out of l_1", losses, "high_order_parts", high_order_law(_order))(
        spoiled_parts(lambda sigma, score, l1, noise: noise))
    mutant(f"order {_order}: the sign of the score in l_1", losses, "high_order_parts", high_order_law(_order))(
        spoiled_parts(lambda sigma, score, l1, noise: noise - sigma * score.detach()))


def without_a_graph(right):
    """autograd.grad as if create_graph had been forgotten: the numbers are right and carry no gradient."""
    class Autograd:
        @staticmethod
        def grad(value, x, create_graph=False):
            return (torch.autograd.grad(value, x, create_graph=True)[0].detach().requires_grad_(),)

    class Torch:
        autograd = Autograd

        def __getattr__(self, name):
            return getattr(right, name)
    return Torch()


mutant("second order: no create_graph", losses, "torch", high_order_law(2))(without_a_graph)


@mutant("second order: sigma for sigma^2", losses, "second_order", lambda: bound_laws.second_order_is_the_papers(losses.second_order))
def _(right):
    def wrong(model, x0, t, noise, probe=None):
        sigma, x, score, l1, directions = losses.high_order_parts(model, x0, t, noise, probe)
        rows = ((torch.autograd.grad((score * v).sum(), x, create_graph=True)[0], v) for v in directions)
        return sum((sigma * row + v - losses.dot(l1, v) * l1).square().sum(1) for row, v in rows)
    return wrong


@mutant("second order: the trace for the whole matrix", losses, "second_order",
        lambda: bound_laws.second_order_is_the_papers(losses.second_order))
def _(right):
    def wrong(model, x0, t, noise, probe=None):
        sigma, x, score, l1, directions = losses.high_order_parts(model, x0, t, noise, probe)
        rows = ((torch.autograd.grad((score * v).sum(), x, create_graph=True)[0], v) for v in directions)
        return sum(((sigma**2 * row + v - losses.dot(l1, v) * l1) * v).sum(1) for row, v in rows).square()
    return wrong


@mutant("third order: -3 l_2 l_1 left out, as if the score were exact", losses, "third_order",
        lambda: bound_laws.third_order_is_the_papers(losses.third_order))
def _(right):
    def wrong(model, x0, t, noise, probe=None):
        sigma, x, score, l1, directions = losses.high_order_parts(model, x0, t, noise, probe)
        total = 0
        for v in directions:
            row = torch.autograd.grad((score * v).sum(), x, create_graph=True)[0]
            slope = torch.autograd.grad((row * v).sum(), x, create_graph=True)[0]
            total = total + sigma**3 * slope + losses.dot(l1, v) ** 2 * l1
        return total.square().sum(1)
    return wrong


# ------------------------------------------------------------------------------------------- autoencoder


@mutant("VAE: the reconstruction a mean over coordinates", vae.VAE, "negative_elbo",
        lambda: laws.elbo_is_a_bound(lambda model, x, noise: model.negative_elbo(x, noise)))
def _(right):
    return lambda *a: (lambda terms: terms._replace(reconstruction=terms.reconstruction / 3))(right(*a))


@mutant("VAE: variance taken for standard deviation in z", vae.VAE, "negative_elbo",
        lambda: laws.elbo_is_tight(lambda model, x, noise: model.negative_elbo(x, noise)))
def _(right):
    return lambda self, x, noise: right(self, x, noise * (self.encode(x)[1] / 2).exp())


@mutant("VAE: the log variance without its 1/2", vae, "kl_from_prior", lambda: laws.kl_is_monte_carlo(vae.kl_from_prior))
def _(right):
    return lambda mean, log_variance: right(mean, 2 * log_variance)


@mutant("VAE: the KL's -1 forgotten", vae, "kl_from_prior",
        lambda: laws.elbo_is_tight(lambda model, x, noise: model.negative_elbo(x, noise)))
def _(right):
    return lambda mean, log_variance: right(mean, log_variance) + 0.5 * mean.shape[1]


# ------------------------------------------------------------------------------------------- the variance of the reverse step


@mutant("reverse variance: the two ends swapped", variance, "variance_ends",
        lambda: variance_laws.ends_are_the_extreme_truths(variance.variance_ends))
def _(right):
    return lambda process, grid: right(process, grid)[::-1]


@mutant("reverse variance: beta tilde of the last step left at zero", variance, "variance_ends",
        lambda: variance_laws.ends_are_the_extreme_truths(variance.variance_ends))
def _(right):
    return lambda process, grid: (torch.cat([right(process, grid)[0][:-1], torch.zeros(1)]), right(process, grid)[1])


@mutant("reverse variance: interpolated without logarithms", variance, "interpolate",
        lambda: variance_laws.interpolation_is_geometric(variance.interpolate))
def _(right):
    return lambda fraction, low, high: fraction * high + (1 - fraction) * low


@mutant("reverse variance: v taken for its logit", variance.LearnedVariance, "with_fraction",
        lambda: variance_laws.halves_are_prediction_then_logits(variance.LearnedVariance))
def _(right):
    return lambda self, x, t: (right(self, x, t)[0], right(self, x, t)[1].logit())


@mutant("analytic variance: a sum over coordinates for the mean", analytic, "eps_square",
        lambda: variance_laws.squares_are_means_over_coordinates(analytic.eps_square))
def _(right):
    return lambda model, x0, times, generator=None: x0[0].numel() * right(model, x0, times, generator=generator)


@mutant("analytic variance: coefficients of the fine chain on a sub-sequence", analytic, "ddim_step",
        lambda: variance_laws.optimum_is_quadrature(analytic.optimal_variance))
def _(right):
    return lambda process, t, s, eta: right(process, t, (t - 0.01).clamp(min=0), eta)


@mutant("analytic variance: the mean of eta = 1 for every eta", analytic, "ddim_step",
        lambda: variance_laws.optimum_is_quadrature(analytic.optimal_variance))
def _(right):
    return lambda process, t, s, eta: right(process, t, s, eta)._replace(pull=right(process, t, s, 1.0).pull)


@mutant("analytic variance: not clipped", torch.Tensor, "clamp", lambda: variance_laws.optimum_is_clipped(analytic.optimal_variance))
def _(right):
    return lambda self, *limits, **named: self


@mutant("hybrid loss: the bound's gradient reaches the mean", torch.Tensor, "detach",
        lambda: variance_laws.hybrid_stops_the_gradient(losses.hybrid))
def _(right):
    return lambda self: self


@mutant("hybrid loss: one step's nats for the whole bound", losses, "hybrid", lambda: variance_laws.hybrid_is_its_parts(losses.hybrid))
def _(right):
    return lambda model, x0, step, noise, grid=None, vlb_weight=1e-3: right(model, x0, step, noise, grid, vlb_weight=vlb_weight / 12)


@mutant("hybrid loss: steps counted from the noise", losses, "hybrid", lambda: variance_laws.hybrid_is_its_parts(losses.hybrid))
def _(right):
    return lambda model, x0, step, noise, grid=None, vlb_weight=1e-3: right(model, x0, 13 - step, noise, grid, vlb_weight=vlb_weight)


@mutant("importance-sampled t: weights forgotten", IMPORTANCE, "weigh",
        lambda: variance_laws.importance_is_the_root_of_the_square(IMPORTANCE))
def _(right):
    return lambda self, step, values: (right(self, step, values), values)[1]


@mutant("importance-sampled t: E L^2 without the root", IMPORTANCE, "probabilities",
        lambda: variance_laws.importance_is_the_root_of_the_square(IMPORTANCE))
def _(right):
    def wrong(self):
        p = (right(self) - self.floor / len(self.seen)) ** 2
        return (1 - self.floor) * p / p.sum() + self.floor / len(self.seen)
    return wrong


@mutant("ancestral: a table read as standard deviations", FILES["ancestral"], "step_variances",
        lambda: variance_laws.one_step_has_the_table(samplers.ddim, samplers.ddim))
def _(right):
    return lambda *a, **k: right(*a, **k) ** 2


@mutant("ancestral: a learned variance used as a standard deviation", FILES["ancestral"], "reverse_law",
        lambda: variance_laws.learned_sampler_has_the_interpolated_variance(samplers.ancestral))
def _(right):
    def wrong(model, grid, kind):
        law = right(model, grid, kind)
        return lambda i, x: (law(i, x)[0], law(i, x)[1] ** 2)
    return wrong


@pytest.mark.parametrize("owner, attribute, wrong, law", MUTANTS)
def test_mutant_is_caught(monkeypatch, owner, attribute, wrong, law):
    law()                                                                          # the library itself passes
    monkeypatch.setattr(owner, attribute, wrong(getattr(owner, attribute)))
    with pytest.raises(AssertionError):
        law()


def test_mutants_have_names_and_differ():
    names = [mutant.id for mutant in MUTANTS]
    assert len(names) == len(set(names)) >= 40
