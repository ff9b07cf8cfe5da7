"""Section 3: samplers, (model, x, grid, *, knobs, generator=None, trace=None) -> x, a file each."""
from .ancestral import ancestral, ancestral_step, ddim, ddim_step
from .langevin import annealed_langevin, predictor_corrector
from .multistep import dpm_solver_pp
from .ode import adaptive_ode, euler, euler_step, heun
from .sde import euler_maruyama, euler_maruyama_step, reverse_diffusion, reverse_diffusion_step
from .walk import Step, walk

__all__ = ["Step", "adaptive_ode", "ancestral", "ancestral_step", "annealed_langevin", "ddim",
           "ddim_step", "dpm_solver_pp", "euler", "euler_maruyama", "euler_maruyama_step",
           "euler_step", "heun", "predictor_corrector", "reverse_diffusion",
           "reverse_diffusion_step", "walk"]
