"""Networks: shapes, the forms of t, parameter counts, and messages for wrong input."""

import pytest
import torch

from minidiff import VP, Denoiser
from minidiff.nets import MLP, Classifier, UNet

NETS = {
    "mlp on points": (lambda: MLP(dim=2), (2,)),
    "mlp on images": (lambda: MLP(dim=64, width=32, depth=2, frequencies=0, residual=True), (1, 8, 8)),
    "unet 8": (lambda: UNet(width=8), (1, 8, 8)),
    "unet 16, three levels, no attention": (
        lambda: UNet(channels=3, width=8, levels=3, attention=False),
        (3, 16, 16),
    ),
    "unet 28": (lambda: UNet(width=8, levels=3), (1, 28, 28)),
    "unet of patches": (lambda: UNet(channels=3, width=8, levels=2, patch=2), (3, 12, 8)),
    "unet with classes": (lambda: UNet(width=8, classes=3), (1, 8, 8)),
    "unet, one level": (lambda: UNet(width=8, levels=1), (1, 5, 7)),
}


def stirred(net):
    """The U-Net's last layer starts at zero: give it weights."""
    if isinstance(net, UNet):
        torch.nn.init.normal_(net.last[-1].weight, std=0.1)
    return net


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_net_keeps_shape_and_dtype(name, dtype):
    make, shape = NETS[name]
    net, x = make().to(dtype), torch.randn(3, *shape, dtype=dtype)
    for t in (0.3, torch.tensor(0.3), torch.full((3,), 0.3), torch.full((3,), 0.3, dtype=torch.float64)):
        y = net(x, t)
        assert y.shape == x.shape and y.dtype == dtype


@pytest.mark.parametrize("name", NETS)
def test_forms_of_t_agree_and_examples_do_not_mix(name):
    make, shape = NETS[name]
    net, x = stirred(make()), torch.randn(3, *shape)
    t = torch.tensor([0.1, 0.5, 0.9])
    together = net(x, t)
    for i in range(3):
        torch.testing.assert_close(net(x[i : i + 1], t[i]), together[i : i + 1], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(net(x, 0.1), net(x, 0.9), atol=1e-4)


def told_net(**knobs):
    torch.manual_seed(0)
    return stirred(UNet(width=8, classes=3, **knobs))


def test_labels_matter_one_by_one_and_minus_one_is_none():
    net, x = told_net(), torch.randn(4, 1, 8, 8)
    labels = torch.tensor([0, 2, -1, 1])
    told, untold = net(x, 0.4, labels), net(x, 0.4)
    for i, label in enumerate(labels.tolist()):
        alone = net(x[i : i + 1], 0.4, labels[i : i + 1])
        torch.testing.assert_close(alone, told[i : i + 1], rtol=1e-4, atol=1e-5)
        assert torch.allclose(told[i], untold[i], atol=1e-6) == (label == -1)
    same = net(x[:1].expand(4, -1, -1, -1), 0.4, torch.tensor([-1, 0, 1, 2]))
    assert min((same[i] - same[j]).abs().max() for i in range(4) for j in range(i)) > 1e-4


def test_given_hands_the_labels_to_the_network():
    net, x, labels = told_net(), torch.randn(2, 1, 8, 8), torch.tensor([1, 2])
    for predicts in ("eps", "v"):
        model = Denoiser(net, VP(), predicts)
        told = model.given(labels)
        assert torch.equal(told.predict(x, 0.3), net(x, torch.tensor(0.3), labels))
        assert torch.equal(told(x, 0.3), model.given(labels)(x, 0.3)) and not torch.equal(told(x, 0.3), model(x, 0.3))


def test_a_patch_is_a_fold_of_pixels():
    """With patch 2 the net sees four channels at half the size: a net without patches on the folded picture."""
    torch.manual_seed(0)
    net = stirred(UNet(channels=1, width=8, levels=2, patch=2))
    twin = UNet(channels=4, width=8, levels=2)
    twin.load_state_dict(net.state_dict())
    x = torch.randn(2, 1, 8, 12)
    folded = torch.stack([x[:, 0, i::2, j::2] for i in (0, 1) for j in (0, 1)], 1)
    torch.testing.assert_close(torch.stack([net(x, 0.5)[:, 0, i::2, j::2] for i in (0, 1) for j in (0, 1)], 1),
                               twin(folded, 0.5))


@pytest.mark.parametrize("labels, words", [
    (torch.tensor([0, 3]), "from -1 to 2, got 0 to 3"),
    (torch.tensor([-2, 0]), "from -1 to 2, got -2 to 0"),
    (torch.tensor([0.0, 1.0]), "whole numbers"),
    (torch.tensor([0]), r"shape \(2,\)"),
    ([0, 1], "whole numbers"),
])
def test_wrong_labels(labels, words):
    with pytest.raises(ValueError, match=words):
        told_net()(torch.randn(2, 1, 8, 8), 0.5, labels)


def test_labels_for_a_net_without_classes():
    with pytest.raises(ValueError, match="made without classes"):
        UNet(width=8)(torch.randn(2, 1, 8, 8), 0.5, torch.tensor([0, 1]))


def test_unet_starts_at_zero_and_is_small_enough_for_a_page():
    net = UNet()
    assert not net(torch.randn(2, 1, 8, 8), 0.5).any()
    assert sum(p.numel() for p in net.parameters()) <= 350_000


def test_mlp_small_enough():
    assert sum(p.numel() for p in MLP().parameters()) < 60_000


def test_all_weights_get_a_gradient():
    for make, shape in NETS.values():
        net = stirred(make())
        net(torch.randn(2, *shape), torch.rand(2)).square().sum().backward()
        assert all(
            p.grad is not None and p.grad.abs().sum() > 0
            for n, p in net.named_parameters()
            if "bias" not in n
        )


def test_fourier_features_let_the_mlp_vary_fast():
    """Fits sin(12 x): a plain network of the same size does not within the same steps."""

    def error(frequencies):
        torch.manual_seed(0)
        net = MLP(dim=1, width=32, depth=2, frequencies=frequencies)
        optimizer = torch.optim.Adam(net.parameters(), 3e-3)
        x = torch.linspace(-2, 2, 256)[:, None]
        for _ in range(150):
            loss = (net(x, 0.5) - torch.sin(12 * x)).square().mean()
            optimizer.zero_grad(), loss.backward(), optimizer.step()
        return loss.item()

    assert error(6) < 0.1 < error(0)


def test_works_inside_a_denoiser():
    model = Denoiser(UNet(width=8), VP())
    assert model(torch.randn(2, 1, 8, 8), 0.5).shape == (2, 1, 8, 8)


def test_classifier_shapes():
    for side in (8, 16, 28):
        net, images = Classifier(), torch.randn(2, 1, side, side)
        assert net(images).shape == (2, 10) and net.features(images).shape == (2, 64)


@pytest.mark.parametrize("wrong", [dict(dim=0), dict(width=-1), dict(depth=0), dict(frequencies=-1)])
def test_mlp_refuses_sizes(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MLP(**wrong)


@pytest.mark.parametrize("wrong", [dict(channels=0), dict(width=0), dict(width=12), dict(levels=0)])
def test_unet_refuses_sizes(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        UNet(**wrong)


def test_sizes_of_another_type_are_type_errors():
    for make in (lambda: MLP(dim="2"), lambda: UNet(width=True)):
        with pytest.raises(TypeError, match="whole number"):
            make()


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="2 numbers per example"):
        MLP(dim=2)(torch.randn(4, 3), 0.5)
    with pytest.raises(ValueError, match=r"t must be a number or have shape \(4,\)"):
        MLP(dim=2)(torch.randn(4, 2), torch.rand(3))
    with pytest.raises(ValueError, match="divisible by 2"):
        UNet(width=8)(torch.randn(1, 1, 7, 8), 0.5)
    with pytest.raises(ValueError, match=r"images \(B, 1, H, W\)"):
        UNet(width=8)(torch.randn(1, 3, 8, 8), 0.5)
