"""diffusers (Hugging Face) in the benchmarks: its schedulers, and the loop of its training example."""

import copy
from functools import partial

import diffusers
import torch
from torch.nn.functional import mse_loss

from minidiff import DDPM

BETAS = {"num_train_timesteps": 1000, "beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}
CHAIN = DDPM.linear(1000)


def samplers(net, x, steps):
    """Name -> a function that samples once."""
    def loop(kind, **options):
        scheduler = kind(**BETAS, **options)

        @torch.no_grad()
        def run():
            scheduler.set_timesteps(steps)
            state = x * float(scheduler.init_noise_sigma)
            for t in scheduler.timesteps:
                answer = net(scheduler.scale_model_input(state, t), t)
                state = scheduler.step(answer, t, state).prev_sample
            return state
        return run

    multistep = diffusers.DPMSolverMultistepScheduler
    return {
        "DDIM": loop(diffusers.DDIMScheduler, clip_sample=False),
        "DPM-Solver++(2M)": loop(multistep),
        "DPM-Solver++(3M)": loop(multistep, solver_order=3),
        "Heun": loop(diffusers.HeunDiscreteScheduler),
        "Euler": loop(diffusers.EulerDiscreteScheduler),
        "ancestral (DDPM)": loop(diffusers.DDPMScheduler, clip_sample=False),
    }


def trainers(net, data):
    """Name -> a maker of a function that takes one training step, on a network of its own."""
    return {
        "one step": partial(plain_step, net, data),
        "with EMA": partial(plain_step, net, data, ema=True),
        "with EMA, clipping and learning-rate schedule": partial(example_step, net, data),
    }


def plain_step(net, data, ema=False):
    """add_noise and the mean squared error, as the documentation shows it."""
    net, scheduler = copy.deepcopy(net), diffusers.DDPMScheduler(**BETAS)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3, fused=True)
    if ema:
        from diffusers.training_utils import EMAModel

        average = EMAModel(net.parameters())

    def step():
        t, noise = torch.randint(0, 1000, (len(data),)), torch.randn_like(data)
        loss = mse_loss(net(scheduler.add_noise(data, noise, t), t), noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if ema:
            average.step(net.parameters())
    return step


def example_step(net, data):
    """The inner loop of its example for unconditional images: accelerate, clipping, schedule, EMA."""
    from accelerate import Accelerator
    from diffusers.optimization import get_scheduler
    from diffusers.training_utils import EMAModel

    net, accelerator = copy.deepcopy(net), Accelerator(cpu=True)
    scheduler = diffusers.DDPMScheduler(**BETAS)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3, fused=True)
    rate = get_scheduler("cosine", optimizer, num_warmup_steps=0, num_training_steps=100_000)
    average = EMAModel(net.parameters())
    net, optimizer, rate = accelerator.prepare(net, optimizer, rate)

    def step():
        with accelerator.accumulate(net):
            t, noise = torch.randint(0, 1000, (len(data),)), torch.randn_like(data)
            loss = mse_loss(net(scheduler.add_noise(data, noise, t), t), noise)
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            rate.step()
            optimizer.zero_grad()
        average.step(net.parameters())
    return step


def solvers(model):
    """(sampler, grid) -> function (x, calls) -> where the walk ends."""
    multistep = {"final_sigmas_type": "zero", "lower_order_final": False}
    karras, log_snr = {"use_karras_sigmas": True}, {"use_lu_lambdas": True}
    found = {("DDIM", "trailing steps"): ddim(model),
             ("Heun in noise level", "Karras"): heun(model)}
    for name, order in (("DPM-Solver++(2M)", 2), ("DPM-Solver++(3M), as published", 3)):
        found[name, "Karras"] = dpm_solver(model, **multistep, **karras, solver_order=order)
        found[name, "log SNR"] = dpm_solver(model, **multistep, **log_snr, solver_order=order)
    return found


def ddim(model):
    """Its step k is the chain's step k + 1."""
    def run(x, calls):
        scheduler = diffusers.DDIMScheduler(**BETAS, clip_sample=False, timestep_spacing="trailing")
        scheduler.set_timesteps(calls)
        for t in scheduler.timesteps:
            x = scheduler.step(model.eps(x, int(t) + 1), t, x).prev_sample
        return x
    return run


def heun(model):
    """Heun's method in the noise level; the state is x / alpha."""
    def run(x, calls):
        scheduler = diffusers.HeunDiscreteScheduler(**BETAS, use_karras_sigmas=True)
        scheduler.set_timesteps((calls + 1) // 2)
        state = x / CHAIN.alpha(1.0)
        for i, t in enumerate(scheduler.timesteps):
            scheduler.scale_model_input(state, t)
            time = time_of(scheduler.sigmas[i])
            state = scheduler.step(model.eps(CHAIN.alpha(time) * state, time), t, state).prev_sample
        return state
    return run


def dpm_solver(model, **options):
    """The multistep solver, asked for eps at its own noise levels."""
    def run(x, calls):
        scheduler = diffusers.DPMSolverMultistepScheduler(**BETAS, **options)
        scheduler.set_timesteps(calls)
        for i, t in enumerate(scheduler.timesteps):
            x = scheduler.step(model.eps(x, time_of(scheduler.sigmas[i])), t, x).prev_sample
        return x
    return run


def time_of(level):
    """The chain's time at a noise level sigma / alpha."""
    return CHAIN.time_at_log_snr(-2 * float(level.double().log()))
