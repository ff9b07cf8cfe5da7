"""Section 3: samplers, (model, x, grid, *, knobs, generator=None, trace=None) -> x, a file each."""
from .ancestral import ancestral, ancestral_step, ddim, ddim_step
from .edm import edm
from .langevin import (annealed_langevin, consistent_annealed, consistent_annealed_step,
                       predictor_corrector)
from .multistep import deis, dpm_solver_pp
from .ode import adaptive_ode, euler, euler_step, heun
from .pseudo_numerical import pndm
from .sde import (adaptive_sde, euler_maruyama, euler_maruyama_step, reverse_diffusion,
                  reverse_diffusion_step)
from .search import Searched, search
from .singlestep import dpm_solver, fast_orders
from .taylor import flow_derivative, genie, head_loss
from .truncated import early_stopped
from .velocity import euler_maruyama_cld, gddim, sscs
from .walk import Step, walk

__all__ = ["Searched", "Step", "adaptive_ode", "adaptive_sde", "ancestral", "ancestral_step",
           "annealed_langevin", "consistent_annealed", "consistent_annealed_step", "ddim",
           "ddim_step", "deis", "dpm_solver", "dpm_solver_pp", "early_stopped", "edm", "euler",
           "euler_maruyama", "euler_maruyama_cld", "euler_maruyama_step", "euler_step",
           "fast_orders", "flow_derivative", "gddim", "genie", "head_loss", "heun", "pndm",
           "predictor_corrector", "reverse_diffusion", "reverse_diffusion_step", "search", "sscs",
           "walk"]
