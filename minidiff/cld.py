"""Critically-damped Langevin diffusion (Dockhorn et al. 2022): a velocity v beside the data x.

    dx = beta v/M dt,    dv = -beta x dt - beta friction v/M dt + sqrt(2 friction beta) dw

Noise enters the velocity only, and x feels it through v, smoothly. A state z = (x, v) is one tensor
(B, 2, *shape), z[:, 0] the data and z[:, 1] the velocity. Every coordinate moves by itself, so the
whole process is a few matrices of 2 x 2 numbers.
"""
import numpy as np
import torch

from .checks import (check_choice, check_data, check_generator, check_model, check_number,
                     check_same_shape, shown)
from .process import EDM, GaussianProcess, check_process, check_times, expand

FACTORS = ("R", "L")
PREDICTIONS = ("velocity", "x0")
NODES = np.polynomial.legendre.leggauss(48)


def quadrature(low, high):
    """Nodes and weights of Gauss and Legendre in log t from low to high, (...) -> two (..., 48).

    What is integrated here behaves as a power of t near 0: in log t it is smooth.
    """
    nodes, weights = (torch.as_tensor(part, device=low.device) for part in NODES)
    first, last = low.log()[..., None], high.log()[..., None]
    t = ((first + last) / 2 + (last - first) / 2 * nodes).exp()
    return t, (last - first) / 2 * weights * t


def matrix(a, b, c, d):
    """[[a, b], [c, d]] from four tensors (...), as (..., 2, 2)."""
    a, b, c, d = torch.broadcast_tensors(a, b, c, d)
    return torch.stack([torch.stack([a, b], -1), torch.stack([c, d], -1)], -2)


def inverse(matrices):
    """Inverse of (..., 2, 2), written out: a library's would make a GPU wait."""
    (a, b), (c, d) = (row.unbind(-1) for row in matrices.unbind(-2))
    return matrix(d, -b, -c, a) / (a * d - b * c)[..., None, None]


def lower(covariance):
    """Cholesky factor, (..., 2, 2); the covariance may be singular, as at t = 0."""
    xx = covariance[..., 0, 0].sqrt()
    xv = covariance[..., 1, 0] / xx.clamp(min=1e-150)
    return matrix(xx, torch.zeros_like(xx), xv, (covariance[..., 1, 1] - xv**2).clamp(min=0).sqrt())


def mix(matrices, z):
    """The matrix (2, 2) or (B, 2, 2) times every coordinate's (x, v), (B, 2, *shape)."""
    return (matrices.to(z) @ z.reshape(len(z), 2, -1)).reshape(z.shape)


def lift(vector, x):
    """The vector (2,) or (B, 2) times every coordinate of x, (B, *shape) -> (B, 2, *shape)."""
    product = vector.to(x)[..., None] * x.reshape(len(x), 1, -1)
    return product.reshape(len(x), 2, *x.shape[1:])


def dot(vector, z):
    """The vector (2,) or (B, 2) times every coordinate's (x, v), (B, 2, *shape) -> (B, *shape)."""
    return (vector.to(z)[..., None, :] @ z.reshape(len(z), 2, -1)).reshape(z[:, 0].shape)


def check_state(name, z):
    """Return `z` if it can be a state, (B, 2, *shape)."""
    if check_data(name, z).ndim < 2 or z.shape[1] != 2:
        raise ValueError(f"{name} must be a state (B, 2, *shape) of data and velocity, "
                         f"got {tuple(z.shape)}")
    return z


class CLD:
    """The process: q(z_t | x_0) with the velocity's start v_0 ~ N(0, gamma mass) integrated out.

    friction^2 = 4 mass is critical damping: the fastest way to rest without swinging. The law at
    rest, and the prior, is N(0, 1) for x and N(0, mass) for v. Times are numbers or (B,) in [0, 1];
    answers are float64, (..., 2, 2) or (..., 2).

    mass   M of the paper; beta  rate of time, constant; gamma  v_0's variance over the mass
    """

    t_min = 1e-3
    as_time = GaussianProcess.as_time

    def __init__(self, mass=0.25, beta=4.0, gamma=0.04):
        self.mass = check_number("mass", mass, 0)
        self.beta = check_number("beta", beta, 0)
        self.gamma = check_number("gamma", gamma, 0)
        self.friction = 2 * self.mass**0.5
        self.rest = torch.tensor([[1.0, 0.0], [0.0, self.mass]], dtype=torch.float64)
        self.drift_matrix = self.beta * torch.tensor(
            [[0.0, 1 / self.mass], [-1.0, -self.friction / self.mass]], dtype=torch.float64)
        self.noise_rate = 2 * self.friction * self.beta              # variance given to v, per time

    def __repr__(self):
        return f"CLD(mass={self.mass:g}, beta={self.beta:g}, gamma={self.gamma:g})"

    def as_float64(self, t):
        """The time as a float64 tensor, on the device of t."""
        return torch.as_tensor(self.as_time(t), dtype=torch.float64)

    def transition(self, elapsed):
        """q(z_{s + elapsed} | z_s) = N(move z_s, spread): (move, spread).

        u is time in units of the relaxation time sqrt(mass)/beta. The incomplete gamma function,
        1 - e^-2u (1 + 2u + 2u^2), has no cancellation where u is small. A negative time gives the
        `move` backwards.
        """
        root = self.mass**0.5
        u = torch.as_tensor(elapsed, dtype=torch.float64) * self.beta / root
        move = (-u)[..., None, None].exp() * matrix(1 + u, u / root, -u * root, 1 - u)
        ahead = u.clamp(min=0)
        xx = torch.special.gammainc(torch.full_like(u, 3.0), 2 * ahead)
        decay = (-2 * ahead).exp()
        xv = 2 * root * ahead**2 * decay
        return move, matrix(xx, xv, xv, self.mass * (xx + 4 * ahead * decay))

    def marginal(self, t):
        """q(z_t | x_0) = N(signal x_0, covariance): (signal (..., 2), covariance (..., 2, 2))."""
        move, spread = self.transition(self.as_float64(t))
        along_v = move[..., :, 1]
        start = self.gamma * self.mass * along_v[..., :, None] * along_v[..., None, :]
        return move[..., :, 0], spread + start

    def factor(self, t, kind="L"):
        """K(t) with K K^T = covariance(t), (..., 2, 2): z_t = signal x_0 + K eps.

        "L" is the Cholesky factor (Dockhorn et al. 2022). "R" solves dR/dt = (F + 1/2 G G^T C^-1) R
        with the covariance C (Zhang et al. 2022, gDDIM), which is what keeps eps still along the
        flow of point data. R is L turned by an angle, counted from t = 1.
        """
        check_choice("kind", kind, FACTORS)
        factor = lower(self.marginal(t)[1])
        if kind == "L":
            return factor
        angle = self.angle(t)
        return factor @ matrix(angle.cos(), -angle.sin(), angle.sin(), angle.cos())

    def angle(self, t):
        """Turn between L and R, 0 at t = 1: its slope is -beta/M L_vv / L_xx, (...) -> (...)."""
        t = self.as_float64(t).clamp(min=1e-30)
        times, weights = quadrature(t, torch.ones_like(t))
        factor = lower(self.marginal(times)[1])
        return (weights * factor[..., 1, 1] / factor[..., 0, 0]).sum(-1) * self.beta / self.mass

    def perturb(self, x0, t, noise):
        """z_t = signal x_0 + L noise; x0 (B, *shape), noise (B, 2, *shape) -> (B, 2, *shape)."""
        check_data("x0", x0)
        check_state("noise", noise)
        check_same_shape("noise[:, 0]", noise[:, 0], "x0", x0)
        check_times(torch.as_tensor(t), x0)
        return lift(self.marginal(t)[0], x0) + mix(self.factor(t), noise)

    def prior_sample(self, shape, generator=None, dtype=None, device=None):
        """z_1 from the law at rest; `shape` is that of the state, (B, 2, *shape)."""
        check_generator(generator)
        noise = torch.randn(shape, generator=generator, dtype=dtype, device=device)
        return mix(self.rest.sqrt(), check_state("shape", noise))


class CLDModel(torch.nn.Module):
    """What the samplers of CLD talk to: `model(z, t)` is E[x_0 | z_t = z], (B, *shape).

    The rest follows from it, because z given x_0 is normal. So a network that answers with d
    numbers knows the whole score of 2d numbers.
    """

    def __init__(self, process):
        super().__init__()
        self.process = check_process(process, CLD)

    def residue(self, z, t, x0_hat):
        """z without its signal, (B, 2, *shape)."""
        return z - lift(self.process.marginal(t)[0], x0_hat)

    def score(self, z, t):
        """Gradient of log q_t in x and v, (B, 2, *shape); the reverse SDE asks for [:, 1] only."""
        return -mix(inverse(self.process.marginal(t)[1]), self.residue(z, t, self(z, t)))

    def eps(self, z, t, kind="L"):
        """E[eps | z] in z = signal x_0 + K eps, K = factor(t, kind), (B, 2, *shape)."""
        return mix(inverse(self.process.factor(t, kind)), self.residue(z, t, self(z, t)))

    def data(self, z, t, x0_hat):
        """E[(x_0, v_0) | z_t = z], (B, 2, *shape): where a walk to 0 ends."""
        process, move = self.process, self.process.transition(self.process.as_float64(t))[0]
        shared = process.gamma * process.mass * move[..., None, :, 1]     # Cov(v_0, z_t) given x_0
        row = (shared @ inverse(process.marginal(t)[1]))[..., 0, :]
        return torch.stack([x0_hat, dot(row, self.residue(z, t, x0_hat))], 1)


class CLDDenoiser(CLDModel):
    """A network net(z, t) with an answer like x, (B, *shape), for a state z (B, 2, *shape).

    predicts "velocity": E[eps_v | z], the velocity's noise in z = signal x_0 + L (eps_x, eps_v),
    which is -L_vv times the score in v (Dockhorn et al. 2022, hybrid score matching); or "x0".
    """

    def __init__(self, net, process, predicts="velocity"):
        super().__init__(process)
        if not callable(net):
            raise TypeError(f"net must be callable as net(z, t), got {type(net).__name__}")
        self.net, self.predicts = net, check_choice("predicts", predicts, PREDICTIONS)

    def predict(self, z, t):
        """The network's answer, of kind `predicts`, (B, *shape)."""
        check_state("z", z)
        time = torch.as_tensor(self.process.as_time(t), dtype=z.dtype, device=z.device)
        answer = self.net(z, check_times(time, z))
        if getattr(answer, "shape", None) != z[:, 0].shape:
            raise ValueError(f"net must answer with the shape of x, {tuple(z[:, 0].shape)}, "
                             f"got {shown(answer)}")
        return answer

    def forward(self, z, t):
        """E[x_0 | z_t = z]: from eps_v = l (z - signal x_0), l the second row of L's inverse."""
        answer = self.predict(z, t)
        if self.predicts == "x0":
            return answer
        row = inverse(self.process.factor(t))[..., 1, :]
        share = (row * self.process.marginal(t)[0]).sum(-1)                    # of x_0 in l z
        return (dot(row, z) - answer) / expand(share.to(z), answer)


class CLDSeen(CLDModel):
    """A Denoiser of another process, asked about CLD: no network has to be trained anew.

    All that a state says of x_0 is one number a coordinate, y = x_0 + level eps, and whoever
    denoises that denoises the state. Levels above those of the model are rescaled to its highest.
    """

    def __init__(self, model, process):
        super().__init__(process)
        check_process(check_model(model).process, None, "the model's process")
        self.model = model

    def summary(self, z, t):
        """y = x_0 + level eps, (B, *shape), and its level, () or (B,): least squares for x_0."""
        signal, covariance = self.process.marginal(t)
        weight = (inverse(covariance) @ signal[..., None])[..., 0]             # (..., 2)
        total = (weight * signal).sum(-1)
        return dot(weight / total[..., None], z), total**-0.5

    def forward(self, z, t):
        """E[x_0 | z_t = z], (B, *shape)."""
        y, level = self.summary(check_state("z", z), t)
        log_snr, known = -2 * level.log(), self.model.process
        time = known.time_at_log_snr(log_snr if log_snr.ndim else log_snr.item())
        return self.model(y * expand(known.sigma(time) / level, y), time)


class CLDExact(CLDSeen):
    """E[x_0 | z_t = z] of a distribution from exact.py: data (B, *shape), states (B, 2, *shape)."""

    def __init__(self, target, process):
        if not hasattr(target, "denoiser"):
            raise TypeError(f"target must be a distribution of minidiff.exact, got {shown(target)}")
        super().__init__(target.denoiser(EDM(sigma_max=1e12)), process)        # any level below it


def hybrid_score_matching(model, x0, t, noise):
    """||eps_v - E[eps_v | z_t]||^2, x0 (B, *shape), t (B,), noise (B, 2, *shape) -> (B,).

    Hybrid score matching (Dockhorn et al. 2022, section 3.2), in units of eps: v_0 is integrated
    out, so that the network never has to guess it, and of the score only the part in v is asked.
    """
    z = check_process(check_model(model).process, CLD).perturb(x0, t, noise)
    return (model.eps(z, t) - noise)[:, 1].reshape(len(x0), -1).square().sum(1)
