"""What may come in. Every check names the argument, says what was given and what is allowed."""
import math

import torch


def shown(value):
    """A short description of a wrong value for an error message."""
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)} and dtype {value.dtype}"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def readable(x):
    """Whether the values of x may be looked at freely: a GPU would have to end its work first."""
    return x.device.type == "cpu"


def check_number(name, value, low=-math.inf, high=math.inf, *, open_low=True, open_high=True):
    """Return `value` as a float if it is between `low` and `high`; open ends exclude the bound."""
    try:
        number = float(None if isinstance(value, str) else value)  # "20" is a word, not a number
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise TypeError(f"{name} must be a number, got {shown(value)}") from None
    above = low < number if open_low else low <= number
    below = number < high if open_high else number <= high
    if not (above and below):
        interval = f"{'(' if open_low else '['}{low:g}, {high:g}{')' if open_high else ']'}"
        raise ValueError(f"{name} must lie in {interval}, got {number:g}")
    return number


def check_count(name, value, least=1):
    """Return `value` as an int if it is whole and at least `least`: 3.0 is, True is not a count."""
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        value = value.item()
    whole = isinstance(value, (int, float)) or hasattr(value, "__index__")
    if not whole or isinstance(value, (bool, torch.Tensor)):
        raise TypeError(f"{name} must be a whole number, got {shown(value)}")
    if not math.isfinite(value) or int(value) != value or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {shown(value)}")
    return int(value)


def check_choice(name, value, allowed):
    """Return `value` if it is one of the words in `allowed`."""
    if value not in tuple(allowed):
        words = ", ".join(map(repr, allowed))
        raise ValueError(f"{name} must be one of {words}, got {shown(value)}")
    return value


def check_data(name, x):
    """Return `x` if it is a floating-point tensor with a batch axis and no NaN or infinity.

    NaN is looked for on the CPU only: training asks at every step, and a GPU would have to wait.
    """
    if not isinstance(x, torch.Tensor):
        raise TypeError(f"{name} must be a torch tensor, got {type(x).__name__}: "
                        "use torch.as_tensor")
    if not x.is_floating_point():
        raise TypeError(f"{name} must hold floating-point numbers, got dtype {x.dtype}: "
                        f"use {name}.float()")
    if x.ndim == 0:
        raise ValueError(f"{name} must have a batch axis first, got a tensor without axes")
    if not x.numel():
        raise ValueError(f"{name} must have shape (B, *shape) and not be empty, "
                         f"got {tuple(x.shape)}")
    if readable(x) and not math.isfinite(x.sum().item()):     # NaN and infinity survive a sum,
        count = int((~torch.isfinite(x)).sum())               # which may be too large without them
        if count:
            raise ValueError(f"{name} must be finite, got {count} NaN or infinite entries")
    return x


def check_tensor(name, x):
    """Return `x` if it is a floating-point tensor; cheap, for what is asked at every step."""
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        raise TypeError(f"{name} must be a tensor of floating-point numbers, got {shown(x)}")
    return x


def check_generator(generator):
    """Return `generator` if it is a torch.Generator or None."""
    if generator is not None and not isinstance(generator, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator or None, got {shown(generator)}")
    return generator


def check_model(model):
    """Return `model` if it knows its process, as Denoiser and the exact denoisers do."""
    if not hasattr(model, "process"):
        raise TypeError("model must be a Denoiser or an exact denoiser, got "
                        f"{type(model).__name__}: wrap the network as Denoiser(net, process)")
    return model


def check_same_shape(name, x, other_name, other):
    """Raise unless the tensors have one shape: broadcasting is how a batch gets to share noise."""
    check_tensor(name, x)
    if x.shape != other.shape:
        raise ValueError(f"{name} must have the shape of {other_name}, {tuple(other.shape)}, "
                         f"got {tuple(x.shape)}")


def check_table(name, values):
    """Return `values` as a 1-D float64 tensor, without NaN."""
    try:
        if isinstance(values, torch.Tensor) and values.is_complex():
            raise TypeError
        table = torch.as_tensor(values, dtype=torch.float64).detach().clone()
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"{name} must be a sequence of numbers, got {shown(values)}") from None
    if table.ndim != 1 or len(table) == 0:
        raise ValueError(f"{name} must be one row of numbers, got shape {tuple(table.shape)}")
    if not torch.isfinite(table).all():
        index = int((~torch.isfinite(table)).nonzero()[0])
        raise ValueError(f"{name} must be finite, got NaN or infinity at index {index}")
    return table


def check_costs(name, costs):
    """Return `costs` as a square float64 table whose entries above the diagonal are not NaN."""
    try:
        table = torch.as_tensor(costs, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"{name} must be a table of numbers, got {shown(costs)}") from None
    if table.ndim != 2 or table.shape[0] != table.shape[1] or len(table) < 2:
        raise ValueError(f"{name} must have shape (N, N) with N at least 2, "
                         f"got {tuple(table.shape)}")
    wrong = table.isnan().triu(1).nonzero()
    if len(wrong):
        raise ValueError(f"{name} must not be NaN above the diagonal, got NaN at "
                         f"{tuple(wrong[0].tolist())}")
    return table


def check_grid(grid, name="grid"):
    """Return a sampler's grid as a list of floats: at least two times, falling, all in [0, 1]."""
    table = check_table(name, grid)
    if len(table) < 2:
        raise ValueError(f"{name} must hold at least 2 times (a start and an end), "
                         f"got {len(table)}")
    times = table.tolist()
    if min(times) < 0 or max(times) > 1:
        raise ValueError(f"{name} must lie in [0, 1] (data at 0, noise at 1), "
                         f"got {min(times):g} to {max(times):g}")
    for i, (t, s) in enumerate(zip(times[:-1], times[1:])):
        if not s < t:
            raise ValueError(f"{name} must fall at every step, from noise to data, "
                             f"got {t:g} then {s:g} at index {i}")
    return times
