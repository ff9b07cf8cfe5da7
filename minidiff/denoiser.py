"""The one place that converts between the clean mean x0, the noise eps, the score and v.

For x = alpha x0 + sigma eps the four say the same:
    eps = (x - alpha x0) / sigma,   score = -eps / sigma,   v = alpha eps - sigma x0.
"""
import functools

import torch

from .checks import check_choice, check_number, check_tensor, shown
from .process import check_process, check_times, expand

PREDICTIONS = ("eps", "x0", "v", "score")


def to_x0(value, kind, x, alpha, sigma):
    """E[x0 | x] from a prediction of another kind: value and x (B, *shape); alpha, sigma broadcast.

    With alpha^2 + sigma^2 = 1 the line for v is alpha x - sigma v (Salimans & Ho 2022, appendix D).
    """
    check_choice("kind", kind, PREDICTIONS)
    if kind == "eps":
        return (x - sigma * value) / alpha
    if kind == "score":
        return (x + sigma**2 * value) / alpha
    if kind == "v":
        return (alpha * x - sigma * value) / (alpha**2 + sigma**2)
    return value


def to_eps(value, kind, x, alpha, sigma):
    """E[eps | x] from a prediction of another kind; infinite at sigma = 0 if that kind is x0."""
    check_choice("kind", kind, PREDICTIONS)
    if kind == "x0":
        return (x - alpha * value) / sigma
    if kind == "score":
        return -sigma * value
    if kind == "v":
        return (sigma * x + alpha * value) / (alpha**2 + sigma**2)
    return value


class Model(torch.nn.Module):
    """What samplers and losses talk to: `model(x, t)` is E[x_0 | x_t = x]; eps, score and v follow.

    x has shape (B, *shape); t is a number, a 0-dim tensor or (B,), for a chain also a whole step.
    """

    def __init__(self, process):
        super().__init__()
        self.process = check_process(process)

    def scales(self, x, t):
        """alpha(t) and sigma(t), ready to multiply x."""
        alpha, sigma = self.process.scales(t)
        return expand(alpha, x), expand(sigma, x)

    def eps(self, x, t):
        """Predicted noise eps_theta(x, t), (B, *shape)."""
        alpha, sigma = self.scales(x, t)
        return to_eps(self(x, t), "x0", x, alpha, sigma)

    def score(self, x, t):
        """Predicted score s_theta = -eps_theta / sigma(t), the gradient of log q_t, (B, *shape)."""
        return -self.eps(x, t) / self.scales(x, t)[1]

    def v(self, x, t):
        """Predicted v = alpha eps - sigma x0, (B, *shape)."""
        alpha, sigma = self.scales(x, t)
        x0 = self(x, t)
        return alpha * to_eps(x0, "x0", x, alpha, sigma) - sigma * x0

    def seen_as(self, process):
        """The same knowledge, asked in the coordinates of another process: equal SNR, x rescaled.

        x = alpha x0 + sigma eps and x' = alpha' x0 + sigma' eps differ by a factor where
        sigma/alpha = sigma'/alpha'. So a network trained as a DDPM can be walked back as an NCSN
        (survey section 2.2, text below Eq. 14).
        """
        return SeenAs(self, process)


class Denoiser(Model):
    """A network wrapped once: `net(x, t)` predicts eps, x0, v or the score of `process`.

    net        any callable (B, *shape), t -> (B, *shape); t comes as continuous time, () or (B,)
    process    a GaussianProcess
    predicts   "eps" (DDPM), "x0", "v" (progressive distillation) or "score" (NCSN)
    sigma_data None, or the data's standard deviation: then the network is preconditioned as in EDM
               (Karras et al. 2022, Eq. 7): it sees an input of unit variance, its output of unit
               variance is mixed with the input, and `predicts` must be "x0"
    """

    def __init__(self, net, process, predicts="eps", sigma_data=None):
        super().__init__(process)
        if not callable(net):
            raise TypeError(f"net must be callable as net(x, t), got {type(net).__name__}")
        self.predicts = check_choice("predicts", predicts, PREDICTIONS)
        self.net = net
        if sigma_data is not None:
            sigma_data = check_number("sigma_data", sigma_data, 0)
        self.sigma_data = sigma_data
        if sigma_data is not None and predicts != "x0":
            raise ValueError('sigma_data (EDM preconditioning) needs predicts="x0", '
                             f'got predicts={predicts!r}')

    def given(self, labels):
        """The same model told what to draw: its network is asked as net(x, t, labels).

        labels: (B,) whole numbers, -1 for any class, checked by the network that knows them.
        """
        told = functools.partial(self.net, labels=labels)
        return Denoiser(told, self.process, self.predicts, self.sigma_data)

    def predict(self, x, t):
        """The network's answer, of kind `predicts`, (B, *shape)."""
        check_tensor("x", x)
        time = self.process.as_time(t)
        if not isinstance(time, torch.Tensor):
            time = torch.tensor(time, dtype=x.dtype, device=x.device)
        check_times(time, x)
        if self.sigma_data is None:
            return self.ask(x, time.to(x.dtype))
        alpha, sigma = self.scales(x, t)
        level, data = sigma / alpha, self.sigma_data               # x / alpha = x0 + level * eps
        total = (level**2 + data**2) ** 0.5
        output = self.ask(x / (alpha * total), time.to(x.dtype))
        return data**2 / total**2 * x / alpha + level * data / total * output

    def ask(self, x, time):
        """net(x, time); an answer of another shape would spread over the batch unseen."""
        answer = self.net(x, time)
        if getattr(answer, "shape", None) != x.shape:
            raise ValueError(f"net must answer with the shape of x, {tuple(x.shape)}, "
                             f"got {shown(answer)}")
        return answer

    def forward(self, x, t):
        """E[x_0 | x_t = x], (B, *shape)."""
        return to_x0(self.predict(x, t), self.predicts, x, *self.scales(x, t))

    def eps(self, x, t):
        """Predicted noise, straight from the network when that is what it predicts."""
        if self.predicts == "eps":
            return self.predict(x, t)
        return to_eps(self.predict(x, t), self.predicts, x, *self.scales(x, t))

    def score(self, x, t):
        """Predicted score, straight from the network when that is what it predicts."""
        return self.predict(x, t) if self.predicts == "score" else super().score(x, t)

    def v(self, x, t):
        """Predicted v, straight from the network when that is what it predicts."""
        return self.predict(x, t) if self.predicts == "v" else super().v(x, t)


class SeenAs(Model):
    """A model asked in the coordinates of another process; made by `Model.seen_as`."""

    def __init__(self, model, process):
        super().__init__(process)
        self.model = model

    def inner(self, x, t):
        """The time of equal SNR in the model's own process, and x rescaled to its coordinates."""
        own = self.model.process
        time = own.time_at_log_snr(self.process.log_snr(t))
        return x * expand(own.alpha(time) / self.process.alpha(t), x), time

    def forward(self, x, t):
        """E[x_0 | x_t = x], (B, *shape)."""
        return self.model(*self.inner(x, t))

    def eps(self, x, t):
        """Predicted noise: the same in both coordinates."""
        return self.model.eps(*self.inner(x, t))
