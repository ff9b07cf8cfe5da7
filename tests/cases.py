"""What the tests of the core run over: every process, grid and sampler by name, and the devices of this machine."""
import torch

from minidiff import DDPM, EDM, NCSN, VE, VP, Cosine, GaussianProcess, SubVP, exact, grids, samplers

DEVICES = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])

CONTINUOUS = {"VP": VP(), "VE": VE(), "SubVP": SubVP(), "Cosine": Cosine(), "EDM": EDM(),
              "VP-slow": VP(beta_min=0.5, beta_max=12.0), "VE-narrow": VE(sigma_min=0.05, sigma_max=12.0)}
CHAINS = {"DDPM.linear": DDPM.linear(100), "DDPM.cosine": DDPM.cosine(60), "DDPM": DDPM([0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95])}
LADDERS = {"NCSN.geometric": NCSN.geometric(20.0, 0.01, 25), "NCSN": NCSN([12.0, 5.0, 2.0, 1.0, 0.3, 0.05])}
PROCESSES = CONTINUOUS | CHAINS | LADDERS
PRESERVING = {name: PROCESSES[name] for name in ("VP", "VP-slow", "Cosine", *CHAINS)}

# grids by name: (process, steps, start, end) -> times
GRIDS = {"uniform": lambda process, n, start=1.0, end=0.0: grids.uniform(n, start, end),
         "quadratic": lambda process, n, start=1.0, end=0.0: grids.quadratic(n, start, end),
         "log_snr": lambda process, n, start=1.0, end=0.0: grids.log_snr(process, n, start=start, end=end),
         "karras": lambda process, n, start=1.0, end=0.0: grids.karras(process, n, start=start, end=end)}

# samplers by name, with knobs small enough for a test: (model, x, grid, generator=None, trace=None) -> x
STOCHASTIC = {
    "ancestral": samplers.ancestral,
    "ancestral-beta": lambda *a, **k: samplers.ancestral(*a, variance="beta", **k),
    "ddim-half": lambda *a, **k: samplers.ddim(*a, eta=0.5, **k),
    "ddim-one": lambda *a, **k: samplers.ddim(*a, eta=1.0, **k),
    "annealed_langevin": lambda *a, **k: samplers.annealed_langevin(*a, steps_per_level=2, step_size=0.1, **k),
    "euler_maruyama": samplers.euler_maruyama,
    "reverse_diffusion": samplers.reverse_diffusion,
    "predictor_corrector": samplers.predictor_corrector,
    "edm-churn": lambda *a, **k: samplers.edm(*a, s_churn=5.0, s_noise=1.1, **k),
    "consistent_annealed": samplers.consistent_annealed,
    "adaptive_sde": lambda *a, **k: samplers.adaptive_sde(*a, rtol=0.2, first_step=0.1, **k),
}
# with the order that each one states
SOLVERS = {
    "euler": (samplers.euler, 1),
    "heun": (samplers.heun, 2),
    "ddim": (samplers.ddim, 1),
    "dpm_solver_pp-1": (lambda *a, **k: samplers.dpm_solver_pp(*a, order=1, **k), 1),
    "dpm_solver_pp-2": (lambda *a, **k: samplers.dpm_solver_pp(*a, order=2, **k), 2),
    "dpm_solver_pp-3": (lambda *a, **k: samplers.dpm_solver_pp(*a, order=3, **k), 3),
    "deis-2": (lambda *a, **k: samplers.deis(*a, order=2, **k), 2),
    "deis-3": (lambda *a, **k: samplers.deis(*a, order=3, **k), 3),
    "deis-log_rho-2": (lambda *a, **k: samplers.deis(*a, order=2, variable="log_rho", **k), 2),
    "deis-log_rho-3": (lambda *a, **k: samplers.deis(*a, order=3, variable="log_rho", **k), 3),
    "pndm": (samplers.pndm, 2),
    "pndm-2": (lambda *a, **k: samplers.pndm(*a, history=2, **k), 2),
    "dpm_solver-1": (lambda *a, **k: samplers.dpm_solver(*a, order=1, **k), 1),
    "dpm_solver-2": (lambda *a, **k: samplers.dpm_solver(*a, order=2, **k), 2),
    "dpm_solver-3": (lambda *a, **k: samplers.dpm_solver(*a, order=3, **k), 3),
    "edm": (samplers.edm, 2),
    "genie": (samplers.genie, 2),
}
SAMPLERS = STOCHASTIC | {name: solver for name, (solver, _) in SOLVERS.items()} | {"adaptive_ode": samplers.adaptive_ode}

UNIT = exact.Gaussian([0.0], 1.0)
SHIFTED = exact.Gaussian([0.7], 0.5**0.5)          # the test bed of the survey's equation checks
BUMPS = exact.three_bumps()


class Faded(GaussianProcess):
    """Nothing but alpha and sigma: rates and times must be found by differentiation and bisection."""

    def alpha(self, t):
        return 1 - 0.99 * self.as_time(t)

    def sigma(self, t):
        return self.as_time(t)


def gen(seed=0, device="cpu"):
    return torch.Generator(device).manual_seed(seed)


def column(*values):
    """A batch of one-dimensional float64 data, (B, 1)."""
    return torch.tensor(values, dtype=torch.float64).reshape(-1, 1)


def close(ours, theirs, rtol=0.0, atol=1e-12):
    torch.testing.assert_close(torch.as_tensor(ours, dtype=torch.float64), torch.as_tensor(theirs, dtype=torch.float64),
                               rtol=rtol, atol=atol)
