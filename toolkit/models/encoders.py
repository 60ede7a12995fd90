"""Image encoders: a small network for CPUs, ResNets for GPUs."""

from torch import Tensor, nn

from toolkit import _checks


class SmallConvNet(nn.Module):
    """Four convolutions and a global average: trains on small images in seconds on a CPU.

    Parameters
    ----------
    in_channels : int
    width : int
        Channels of the first convolution; the features have 4 times as many.

    Examples
    --------
    >>> import torch
    >>> SmallConvNet(in_channels=1, width=32)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 128])
    """

    def __init__(self, in_channels: int = 1, width: int = 32) -> None:
        super().__init__()
        self.n_features = 4 * width
        channels = [in_channels, width, 2 * width, 4 * width, 4 * width]
        strides = [2, 1, 2, 1]
        layers = []
        for i, stride in enumerate(strides):
            layers += [
                nn.Conv2d(channels[i], channels[i + 1], 3, stride, 1, bias=False),
                nn.BatchNorm2d(channels[i + 1]),
                nn.ReLU(inplace=True),
            ]
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, images: Tensor) -> Tensor:
        """Return features (B, n_features) of images (B, C, H, W)."""
        return self.layers(images)


def resnet(name: str, in_channels: int = 3, small_images: bool = True) -> nn.Module:
    """Return torchvision's ResNet without its classifier.

    With `small_images` (up to about 64 pixels) the stem is a 3 x 3 convolution of stride 1 without max-pooling.

    Examples
    --------
    >>> import torch
    >>> resnet("resnet18", in_channels=1)(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 512])
    """
    from torchvision.models import resnet as resnets

    network = getattr(resnets, _checks.choice("name", name, ("resnet18", "resnet50")))(weights=None)
    network.n_features = network.fc.in_features
    network.fc = nn.Identity()
    if small_images:
        network.conv1 = nn.Conv2d(in_channels, 64, 3, 1, 1, bias=False)
        network.maxpool = nn.Identity()
    elif in_channels != 3:
        network.conv1 = nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False)
    return network


def build_encoder(name: str, in_channels: int) -> nn.Module:
    """Return the encoder `name`: "small", "resnet18" or "resnet50" (small-image stem); it has `n_features`."""
    _checks.choice("encoder", name, ("small", "resnet18", "resnet50"))
    return SmallConvNet(in_channels) if name == "small" else resnet(name, in_channels)
