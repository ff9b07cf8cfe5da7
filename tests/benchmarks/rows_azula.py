"""azula in the benchmarks."""

import copy
from functools import partial

import torch
from azula import denoise, noise, sample

from minidiff import DDPM

CHAIN = DDPM.linear(1000)


def samplers(net, x, steps):
    """Name -> a function that samples once."""
    model = denoise.KarrasDenoiser(net, noise.VPSchedule())
    kinds = {
        "DDIM": (sample.DDIMSampler, {}),
        "DPM-Solver++(2M)": (sample.xEABSampler, {"order": 2}),
        "DPM-Solver++(3M)": (sample.xEABSampler, {"order": 3}),
        "Heun": (sample.HeunSampler, {}),
        "Euler": (sample.EulerSampler, {}),
        "ancestral (DDPM)": (sample.DDPMSampler, {}),
        "Euler-Maruyama": (sample.ItoSampler, {}),
        "predictor-corrector": (sample.PCSampler, {}),
    }
    made = {name: kind(model, steps=steps, silent=True, **options) for name, (kind, options) in kinds.items()}
    return {name: lambda sampler=sampler: sampler(x) for name, sampler in made.items()}


def trainers(net, data):
    """Name -> a maker of a function that takes one training step, on a network of its own."""
    return {"one step": partial(plain_step, net, data)}


def plain_step(net, data):
    """Its loss, with the weight and preconditioning that it comes with."""
    model = denoise.KarrasDenoiser(copy.deepcopy(net), noise.VPSchedule())
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def step():
        loss = model.loss(data, torch.rand(len(data)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return step


class Levels(noise.Schedule):
    """The chain's noise levels, spaced by `rho` as Karras et al. do, or evenly in log SNR."""

    def __init__(self, rho=None):
        ends = [CHAIN.sigma(t) / CHAIN.alpha(t) for t in (CHAIN.t_min, 1.0)]
        self.low, self.high = torch.tensor(ends, dtype=torch.float64)
        self.rho = rho

    def level(self, t):
        if self.rho is None:
            return self.low ** (1 - t) * self.high**t
        power = 1 / self.rho
        return (self.low**power * (1 - t) + self.high**power * t) ** self.rho

    def __call__(self, t):
        level = self.level(t.double())
        alpha = (1 + level**2).rsqrt()
        return alpha, level * alpha


class Exact(denoise.Denoiser):
    """The exact model, asked as azula asks."""

    def __init__(self, model, schedule):
        super().__init__()
        self.model, self.schedule = model, schedule

    def forward(self, x, t):
        time = CHAIN.time_at_log_snr(-2 * self.schedule.level(t.double()).log().item())
        return denoise.DiracPosterior(self.model(x, time))


def solvers(model):
    """(sampler, grid) -> function (x, calls) -> where the walk ends: the denoised mean at the last level."""
    def on(kind, schedule, steps, **options):
        def run(x, calls):
            exact = Exact(model, schedule)
            sampler = kind(exact, steps=steps(calls), silent=True, dtype=torch.float64, **options)
            return exact(sampler(x), torch.zeros((), dtype=torch.float64)).mean
        return run

    def less_one(calls):
        return calls - 1

    def half(calls):
        return (calls - 1) // 2

    return {
        ("DDIM", "log SNR"): on(sample.DDIMSampler, Levels(), less_one),
        ("Heun in noise level", "Karras"): on(sample.HeunSampler, Levels(7.0), half),
        ("DPM-Solver++(2M), undamped", "log SNR"): on(sample.xEABSampler, Levels(), less_one, order=2),
        ("DPM-Solver++(3M), undamped", "log SNR"): on(sample.xEABSampler, Levels(), less_one, order=3),
    }
