"""Section 7: telling a model what to draw. Here the class, without a classifier."""
from .checks import check_model, check_number
from .denoiser import Model


class ClassifierFree(Model):
    """eps = (1 + w) eps(x | label) - w eps(x); made by `classifier_free`."""

    def __init__(self, model, labels, weight):
        super().__init__(check_model(model).process)
        if not hasattr(model, "given"):
            raise TypeError("model must be a Denoiser that takes labels, "
                            f"got {type(model).__name__}")
        self.told, self.untold = model.given(labels), model
        self.weight = check_number("weight", weight, -1, open_low=False)

    def forward(self, x, t):
        """(1 + w) E[x_0 | x, label] - w E[x_0 | x]: at one x the line in eps is a line in x_0."""
        if self.weight == 0:
            return self.told(x, t)
        return (1 + self.weight) * self.told(x, t) - self.weight * self.untold(x, t)


def classifier_free(model, labels, weight=1.0):
    """A model that is asked twice, with and without its labels, and goes beyond the difference.

    model: a Denoiser whose network takes labels and was trained with some of them dropped. labels:
    (B,) whole numbers, one per example. weight: w >= -1 of Ho & Salimans 2022, Eq. 6 (arXiv
    2207.12598): -1 is the model without labels, 0 the conditional model, 1 and more trade variety
    for likeness to the class. Others write the scale s = 1 + w. Two network calls per step, one for
    w = 0. Raises TypeError or ValueError for a model without labels or a smaller weight.
    """
    return ClassifierFree(model, labels, weight)
