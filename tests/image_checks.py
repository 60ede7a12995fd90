"""Random images, what their data sets must give, and ways to damage files."""

import numpy as np
import torch

RNG = np.random.default_rng(0)


def random_pixels(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def check_items(data, shape):
    """Assert that a data set gives (index, view1, view2) and (image, label) in its three roles."""
    index, view1, view2 = data.views[1]
    assert index == 1
    assert view1.shape == view2.shape == shape
    assert view1.dtype == view2.dtype == torch.float32
    assert not torch.equal(view1, view2)
    for images in (data.train, data.test):
        image, label = images[1]
        assert image.shape == shape
        assert 0 <= image.min() <= image.max() <= 1
        assert label == images.labels[1]


def flip_a_bit(data):
    return data[:1000] + bytes([data[1000] ^ 1]) + data[1001:]


def cut_short(data):
    return data[: len(data) // 2]


def empty(data):
    return b""


def noise(data):
    return np.random.default_rng(0).bytes(200)
