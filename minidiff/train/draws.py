"""What a step draws: examples with their labels, times, noise; and the loss that was asked for.

Every number comes from the run's own generator, in one order. Several processes draw the same
batch and take their share of it, so that they train on what a single one would.
"""

import torch

from .. import losses
from ..checks import check_choice, check_data, check_number, check_tensor, shown
from .checkpoint import digest


def draws(data, labels, drop, time, batch, job):
    """A function draw() -> (x0, t, noise, labels) for :meth:`Training.advance`."""
    if batch % job.processes:
        raise ValueError(f"batch must be a multiple of the {job.processes} processes, got {batch}")
    draw_x0, draw_t = _examples(data, labels, drop, job), _times(time, job)
    mine = slice(job.rank, None, job.processes)

    def draw():
        x0, classes = draw_x0(batch)
        noise = torch.randn(x0.shape, generator=job.generator, dtype=x0.dtype, device=x0.device)
        t = draw_t(batch)
        if job.channels_last:
            x0, noise = (x.to(memory_format=torch.channels_last) for x in (x0, noise))
        return x0[mine], t[mine], noise[mine], classes if classes is None else classes[mine]

    return draw


def _examples(data, labels, drop, job):
    """draw(count) -> x0 (count, *shape) and labels (count,) or None, with replacement."""
    if callable(data) and not isinstance(data, torch.Tensor):
        if labels is not None:
            raise ValueError("labels need data that is a tensor, got a function")
        return lambda count: (_called(data, count, job), None)
    data = _checked(data, job).to(job.device)
    drop = check_number("drop", drop, 0, 1, open_low=False, open_high=False)
    if labels is not None:
        labels = _labels(labels, data, job.model).to(job.device)

    def draw(count):
        pick = torch.randint(len(data), (count,), generator=job.generator, device=job.device)
        if labels is None:
            return data[pick], None
        keep = torch.rand(count, generator=job.generator, device=job.device) >= drop
        return data[pick], labels[pick].where(keep, -1)  # -1: the class is not told

    return draw


def _called(data, count, job):
    x0 = check_tensor("data(count, generator)", data(count, generator=job.generator))
    if x0.dtype != job.dtype or x0.ndim < 2 or len(x0) != count:
        raise ValueError("data(count, generator) must give a tensor (count, *shape) of "
                         f"dtype {job.dtype}, got {shown(x0)} for count = {count}")
    return x0.to(job.device)


def _checked(data, job):
    check_data("data", data)
    if data.ndim < 2 or not data.numel():
        raise ValueError("data must have shape (n, *shape) with n at least 1, "
                         f"got {tuple(data.shape)}")
    if data.dtype != job.dtype:
        raise TypeError(f"data must have the dtype of the model's weights, {job.dtype}, "
                        f"got {data.dtype}")
    return data


def _labels(labels, data, model):
    """The labels, if the model can be told them and every example has one, from -1 on."""
    if not hasattr(model, "given"):
        raise TypeError(f"labels need a Denoiser, got the model {type(model).__name__}")
    if not isinstance(labels, torch.Tensor) or labels.dtype != torch.int64:
        raise TypeError(f"labels must be a tensor of whole numbers (int64), got {shown(labels)}")
    if labels.shape != data.shape[:1] or labels.min() < -1:
        raise ValueError(f"labels must have shape ({len(data)},), one for each example, and be -1 "
                         f"(none) or a class from 0 on, got {shown(labels)}")
    return labels


def _times(time, job):
    """draw(count) -> times (count,): whole steps 1..T of a chain, else uniform on [t_min, 1].

    "stratified" puts one time into each of ``count`` equal parts: the same mean loss with less
    noise (the low-discrepancy sampler of Kingma et al. 2021, arXiv 2107.00630).
    """
    if callable(time):
        def call(count):
            t = time(count, generator=job.generator)
            if not isinstance(t, torch.Tensor) or t.shape != (count,):
                raise ValueError("time(count, generator) must give a tensor (count,), "
                                 f"got {shown(t)} for count = {count}")
            return t.to(job.device)

        return call
    check_choice("time", time, ("uniform", "stratified"))
    process = getattr(job.model, "process", None)
    if process is None:
        raise ValueError("time must be a function time(count, generator) "
                         "when the model has no process")

    def draw(count):
        u = torch.rand(count, generator=job.generator, device=job.device, dtype=job.dtype)
        if time == "stratified":
            u = (u + torch.arange(count, device=job.device)) / count
        return spread(process, u)

    return draw


def spread(process, u):
    """u uniform on [0, 1), (count,) -> steps 1..T of a chain, or times on [t_min, 1]."""
    steps = chain_length(process)
    if steps:
        return (u * steps).long().clamp(max=steps - 1) + 1
    return process.t_min + (1 - process.t_min) * u


def chain_length(process):
    """T for a chain of T steps (DDPM, NCSN), None when time is continuous."""
    return getattr(process, "num_steps", getattr(process, "num_levels", None))


def loss_named(loss):
    """The function loss(model, x0, t, noise) -> (B,) that was asked for."""
    if callable(loss):
        return loss
    if not isinstance(loss, str):
        raise TypeError(
            "loss must be the name of a weight or a function loss(model, x0, t, noise), "
            f"got {shown(loss)}"
        )
    check_choice("loss", loss, losses.WEIGHTS)
    return lambda model, x0, t, noise: losses.denoising(model, x0, t, noise, weight=loss)


def name_of(value):
    """A word for a setting in a checkpoint: the text itself, or a function's name."""
    return value if isinstance(value, str) else getattr(value, "__qualname__", type(value).__name__)


def fingerprint(data):
    """Shape and the start of the SHA-256 of data, a function's name, or None."""
    if not isinstance(data, torch.Tensor):
        return data if data is None else name_of(data)
    return f"{tuple(data.shape)} {digest({'': data})[:16]}"
