"""minidiff in the benchmarks."""

import copy
from functools import partial

import torch

from minidiff import DDPM, Denoiser, grids, losses, samplers as walks
from minidiff.process import EDM
from minidiff.train import Training

CHAIN = DDPM.linear(1000)


def samplers(net, x, steps):
    """Name -> a function that samples once."""
    model, grid = Denoiser(net, CHAIN), grids.uniform(steps)
    return {
        "DDIM": lambda: walks.ddim(model, x, grid),
        "DPM-Solver++(2M)": lambda: walks.dpm_solver_pp(model, x, grid, order=2),
        "DPM-Solver++(3M)": lambda: walks.dpm_solver_pp(model, x, grid, order=3),
        "DEIS, order 3": lambda: walks.deis(model, x, grid),
        "PNDM, rising": lambda: walks.pndm(model, x, grid, warm_up="rising"),
        "DPM-Solver-3": lambda: walks.dpm_solver(model, x, grid),
        "EDM, churn": lambda: walks.edm(model, x, grid, s_churn=5.0),
        "consistent annealed": lambda: walks.consistent_annealed(model, x, grid),
        "Heun": lambda: walks.heun(model, x, grid),
        "Euler": lambda: walks.euler(model, x, grid),
        "adaptive Runge-Kutta": lambda: walks.adaptive_ode(model, x, grid, rtol=1e-2, atol=1e-2),
        "ancestral (DDPM)": lambda: walks.ancestral(model, x, grid),
        "Euler-Maruyama": lambda: walks.euler_maruyama(model, x, grid),
        "reverse diffusion": lambda: walks.reverse_diffusion(model, x, grid),
        "predictor-corrector": lambda: walks.predictor_corrector(model, x, grid),
        "annealed Langevin": lambda: walks.annealed_langevin(model, x, grid, steps_per_level=2),
    }


def trainers(net, data):
    """Name -> a maker of a function that takes one training step, on a network of its own."""
    return {
        "one step": partial(page_loop, net, data),
        "with EMA": partial(train_loop, net, data, clip=None, schedule="constant"),
        "with EMA, clipping and learning-rate schedule":
            partial(train_loop, net, data, clip=1.0, schedule="cosine"),
    }


def page_loop(net, data):
    """The loop as a page writes it."""
    model = Denoiser(copy.deepcopy(net), CHAIN)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)

    def step():
        t, noise = torch.randint(1, 1001, (len(data),)), torch.randn_like(data)
        loss = losses.denoising(model, data, t, noise).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return step


def train_loop(net, data, clip, schedule):
    """One step of minidiff.train: its own loop, without drawing the data."""
    job = Training(Denoiser(copy.deepcopy(net), CHAIN), "simple", 100_000, schedule=schedule, clip=clip)

    def step():
        t = torch.randint(1, 1001, (len(data),), generator=job.generator)
        noise = torch.randn(data.shape, generator=job.generator)
        job.advance(data, t, noise)
    return step


def solvers(model):
    """(sampler, grid) -> function (x, calls) -> where the walk ends. The deterministic ones."""
    edm = EDM(sigma_min=level(CHAIN.t_min), sigma_max=level(1.0))
    seen = model.seen_as(edm)

    def on(grid, sampler, **knobs):
        return lambda x, calls: sampler(model, x, grid(calls), **knobs)

    def trailing(n):
        return grids.trailing(CHAIN, n)

    def log_snr(n):
        return grids.log_snr(CHAIN, n)

    def karras(n):
        return grids.karras(CHAIN, n)

    def softplus(n):
        return grids.softplus(CHAIN, n)

    def heun(x, calls):
        return walks.heun(seen, x / CHAIN.alpha(1.0), grids.karras(edm, (calls + 1) // 2))

    found = {("Euler", "uniform"): on(grids.uniform, walks.euler),
             ("Heun in t", "log SNR"): lambda x, calls: walks.heun(model, x, log_snr((calls + 1) // 2)),
             ("Heun in noise level", "Karras"): heun,
             ("DDIM", "trailing steps"): on(trailing, walks.ddim),
             ("DDIM", "log SNR"): on(log_snr, walks.ddim)}
    for name, order in (("DPM-Solver++(2M)", 2), ("DPM-Solver++(3M)", 3)):
        found[name, "Karras"] = on(karras, walks.dpm_solver_pp, order=order)
        found[name, "log SNR"] = on(log_snr, walks.dpm_solver_pp, order=order)
        found[name, "softplus"] = on(softplus, walks.dpm_solver_pp, order=order)
    for name, grid in (("log SNR", log_snr), ("softplus", softplus)):
        found["PNDM, rising", name] = on(grid, walks.pndm, warm_up="rising")
        found["DEIS in log level, order 3", name] = on(grid, walks.deis, variable="log_rho")
    return found


def level(t):
    """Noise level sigma / alpha at time t of the chain."""
    return CHAIN.sigma(t) / CHAIN.alpha(t)


def random_walks(model):
    """Name -> function (x, calls, generator) -> samples. Those that draw noise."""
    def walk(sampler, steps=lambda calls: calls, **knobs):
        return lambda x, calls, g: sampler(model, x, grids.log_snr(CHAIN, steps(calls)), generator=g, **knobs)

    return {
        "ancestral (DDPM)": walk(walks.ancestral),
        "DDIM, eta 0.5": walk(walks.ddim, eta=0.5),
        "Euler-Maruyama": walk(walks.euler_maruyama),
        "reverse diffusion": walk(walks.reverse_diffusion),
        "predictor-corrector": walk(walks.predictor_corrector, lambda calls: (calls + 1) // 2),
        "annealed Langevin": walk(walks.annealed_langevin, lambda calls: calls // 5, steps_per_level=5),
    }
