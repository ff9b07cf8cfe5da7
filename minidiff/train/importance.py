"""Which steps to train on: often those whose loss is large, each with the weight that this needs."""

import torch

from ..checks import check_count, check_generator, check_number, check_same_shape, shown


class ImportanceTimes:
    """Steps 1..T drawn with p(t) proportional to sqrt(E L_t^2) (Nichol & Dhariwal 2021, Eq. 18).

    Dividing each loss by T p(t) keeps the mean over uniform t, and this p makes the variance of
    such a draw the least. E L_t^2 is not known: it is the mean of the last ``history`` losses of
    each step, and until every step has that many, p is uniform. A share ``floor`` of p always is,
    so that no step is forgotten. In `train`: time=times, loss=times.weighted(losses.hybrid).
    """

    def __init__(self, steps, history=10, floor=1e-3):
        steps, history = check_count("steps", steps), check_count("history", history)
        self.floor = check_number("floor", floor, 0, 1, open_high=False)
        self.squares = torch.zeros(steps, history, dtype=torch.float64)
        self.seen = torch.zeros(steps, dtype=torch.int64)         # losses that came by, per step

    def probabilities(self):
        """p(t) for t = 1..T, (T,) float64."""
        steps, history = self.squares.shape
        even = torch.full((steps,), 1 / steps, dtype=torch.float64)
        root = self.squares.mean(1).sqrt()
        if self.seen.min() < history or not root.sum() > 0:
            return even
        return (1 - self.floor) * root / root.sum() + self.floor * even

    def __call__(self, count, generator=None):
        """Draw steps, (count,) whole numbers."""
        count = check_count("count", count)
        p, device = self.probabilities(), None
        if check_generator(generator) is not None:
            device = generator.device
        return 1 + torch.multinomial(p.to(device), count, replacement=True, generator=generator)

    def weigh(self, step, values):
        """Divide the losses (B,) of steps (B,) by T p(t), with the p they were drawn from.

        Then remember them. The mean of what is returned estimates the mean over uniform steps.
        """
        check_same_shape("values", values, "step", self._check(step))
        if not torch.isfinite(values).all():
            raise ValueError("values must be finite, got NaN or infinity: p(t) is made of them")
        place = (step - 1).cpu()
        weight = 1 / (len(self.seen) * self.probabilities()[place])
        squares = values.detach().double().square().cpu()
        for i, square in zip(place.tolist(), squares):
            self.squares[i, self.seen[i] % self.squares.shape[1]] = square
            self.seen[i] += 1
        return weight.to(values) * values

    def weighted(self, loss):
        """loss(model, x0, step, noise) -> (B,), weighed and remembered."""
        return lambda model, x0, step, noise: self.weigh(step, loss(model, x0, step, noise))

    def _check(self, step):
        if not isinstance(step, torch.Tensor) or step.dtype != torch.int64 or step.ndim != 1:
            raise TypeError(f"step must be whole numbers (int64), (B,), got {shown(step)}")
        if not len(step):
            raise ValueError("step must hold at least one step, got none")
        if not 1 <= step.min() <= step.max() <= len(self.seen):
            raise ValueError(f"step must lie in 1..{len(self.seen)}, got {step.min()} to "
                             f"{step.max()}")
        return step
