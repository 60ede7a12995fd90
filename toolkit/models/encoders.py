"""Image encoders: a small network for CPUs, ResNets for GPUs."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from toolkit import _checks

MOST = 2**11  # channels: more is a mistake


class SmallConvNet(nn.Module):
    """Three convolutions of stride 2, averaged over quadrants: trains on small images in seconds on a CPU.

    Parameters
    ----------
    in_channels : int
        Channels of the images.
    width : int
        Channels of the first convolution; the features are 16 times as many.

    Examples
    --------
    >>> import torch
    >>> SmallConvNet(in_channels=1, width=32)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 512])
    """

    def __init__(self, in_channels: int = 1, width: int = 32) -> None:
        super().__init__()
        in_channels = _checks.integer("in_channels", in_channels, 1, most=MOST)
        width = _checks.integer("width", width, 1, most=MOST)
        self.n_features = 16 * width
        channels = [in_channels, width, 2 * width, 4 * width]
        layers = []
        for before, after in pairwise(channels):
            layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.to(memory_format=torch.channels_last)  # a training step on a CPU takes a fifth less

    def forward(self, images: Tensor) -> Tensor:
        """Return features (B, n_features) of images (B, C, H, W)."""
        return self.layers(images)


def resnet(name: str, in_channels: int = 3, small_images: bool = True) -> nn.Module:
    """Return torchvision's "resnet18" or "resnet50" without its classifier.

    With `small_images` (up to about 64 pixels) the stem is a 3 x 3 convolution of stride 1 without max-pooling.

    Examples
    --------
    >>> import torch
    >>> resnet("resnet18", in_channels=1)(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 512])
    """
    from torchvision.models import resnet as resnets

    in_channels = _checks.integer("in_channels", in_channels, 1, most=MOST)
    small_images = _checks.flag("small_images", small_images)
    network = getattr(resnets, _checks.choice("name", name, ("resnet18", "resnet50")))(weights=None)
    network.n_features = network.fc.in_features
    network.fc = nn.Identity()
    if small_images:
        network.conv1 = nn.Conv2d(in_channels, 64, 3, 1, 1, bias=False)
        network.maxpool = nn.Identity()
    elif in_channels != 3:
        network.conv1 = nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False)
    return network


def build_encoder(name: str | nn.Module, in_channels: int) -> nn.Module:
    """Return the encoder `name`, which has `n_features`; a module is returned as it is.

    "tiny" and "small" are the small network in widths 16 and 32, "resnet18" and "resnet50" torchvision's with the stem
    for small images; "resnet18-imagenet" and "resnet50-imagenet" have the original one. Other names raise a ValueError.
    """
    if isinstance(name, nn.Module):
        return name
    widths = {"tiny": 16, "small": 32}
    resnets = ("resnet18", "resnet50")
    _checks.choice("encoder", name, (*widths, *resnets, *(f"{resnet}-imagenet" for resnet in resnets)))
    if name in widths:
        return SmallConvNet(in_channels, widths[name])
    return resnet(name.removesuffix("-imagenet"), in_channels, small_images=not name.endswith("-imagenet"))
