"""minidiff: diffusion models from scratch, beside the survey that names them.

    x_t = alpha(t) x_0 + sigma(t) eps

Everything else is a choice of alpha and sigma, a question asked of a network, a walk back along a grid, or a change of
the space that x lives in.
"""
from . import analytic, cld, exact, grids, guidance, likelihood, losses, samplers, variance, vdm
from .ddpm import DDPM
from .denoiser import Denoiser
from .ncsn import NCSN
from .process import EDM, Cosine, GaussianProcess
from .score_sde import VE, VP, SubVP

__all__ = ["DDPM", "EDM", "NCSN", "VE", "VP", "Cosine", "Denoiser", "GaussianProcess", "SubVP",
           "analytic", "cld", "exact", "grids", "guidance", "likelihood", "losses", "pretrained",
           "samplers", "variance", "vdm"]
__version__ = "0.1.0"


def __getattr__(name):
    """`pretrained` lazily: it needs networks and files, which `import minidiff` does not."""
    if name == "pretrained":
        from .weights import pretrained
        return pretrained
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
