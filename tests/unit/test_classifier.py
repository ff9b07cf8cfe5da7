"""The small classifier: shapes for one and three channels, refused sizes, what it can and cannot tell apart."""

import pytest
import torch

from minidiff.nets import Classifier


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [8, 16, 28, 32])
def test_shapes(channels, side):
    net, images = Classifier(channels, classes=7, width=8, features=20), torch.randn(2, channels, side, side)
    assert net(images).shape == (2, 7) and net.features(images).shape == (2, 20)
    torch.testing.assert_close(net(images), net.out(net.features(images)))


def test_every_channel_and_every_quarter_is_seen():
    torch.manual_seed(0)
    net, images = Classifier(3, width=8), torch.zeros(1, 3, 16, 16)
    for channel in range(3):
        for y in (0, 8):
            for x in (0, 8):
                other = images.clone()
                other[:, channel, y : y + 8, x : x + 8] = torch.rand(8, 8)
                assert (net.features(other) - net.features(images)).abs().max() > 1e-4


def test_each_image_is_judged_alone():
    """No statistics over the batch: a score does not depend on its neighbours, nor on train or eval mode."""
    net, images = Classifier(width=8), torch.randn(5, 1, 16, 16)
    torch.testing.assert_close(net(images)[2:3], net(images[2:3]))
    torch.testing.assert_close(net.train()(images), net.eval()(images))


@pytest.mark.parametrize("wrong", [dict(channels=0), dict(width=6), dict(width=0), dict(features=0), dict(classes=0)])
def test_sizes_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Classifier(**wrong)


def test_words_are_refused():
    with pytest.raises(TypeError, match="channels must be a whole number"):
        Classifier("3")
