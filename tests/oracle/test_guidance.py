"""Guidance without a classifier, held against the tilted law that it follows."""
import laws
import pytest
import torch

from minidiff import VE, VP, Denoiser, exact, guidance, samplers
from minidiff.guidance import classifier_free
from minidiff.nets import MLP


@pytest.mark.parametrize("process", [VP(), VE(0.01, 5.0)], ids=["VP", "VE"])
@pytest.mark.parametrize("weight", [-1, 0, 0.5, 3])
def test_guided_score(process, weight):
    laws.guided_score_is_of_the_tilted_law(classifier_free, weight, process)


def test_weight_zero_is_the_conditional_model_and_asks_once():
    calls = []

    def net(x, t, labels=None):
        calls.append(labels)
        return x * 0

    labels = torch.zeros(4, dtype=torch.long)
    classifier_free(Denoiser(net, VP()), labels, 0)(torch.randn(4, 2), 0.5)
    assert len(calls) == 1 and calls[0] is labels
    classifier_free(Denoiser(net, VP()), labels, 2)(torch.randn(4, 2), 0.5)
    assert len(calls) == 3 and calls[2] is None


def test_samples_of_a_class_land_in_its_component():
    target = exact.GaussianMixture([0.5, 0.5], [[-2.0], [2.0]], [0.3, 0.3])
    labels = torch.arange(400) % 2
    noise = torch.randn(400, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    model = classifier_free(laws.told(target, VP()), labels, 0)
    x = samplers.ddim(model, noise, torch.linspace(1, 0, 51))
    assert ((x[:, 0] > 0).long() == labels).all()
    assert abs(x[labels == 1].mean() - 2) < 0.1 and abs(x[labels == 1].std() - 0.3) < 0.05


def test_wrong_input_is_refused():
    labels = torch.zeros(3, dtype=torch.long)
    with pytest.raises(TypeError, match="model must be a Denoiser that takes labels"):
        classifier_free(exact.Gaussian([0.0], 1.0).denoiser(VP()), labels)
    with pytest.raises(TypeError, match="model must be a Denoiser or an exact denoiser"):
        classifier_free(MLP(), labels)
    model = Denoiser(lambda x, t, labels=None: x, VP())
    with pytest.raises(ValueError, match=r"weight must lie in \[-1"):
        guidance.classifier_free(model, labels, -1.5)
    with pytest.raises(TypeError, match="weight must be a number"):
        guidance.classifier_free(model, labels, "2")
