"""Random views of a batch of images, on the device it is on, each image with its own parameters.

torchvision's own transforms draw one set of parameters for a whole batch tensor: every image would get the same
crop. These compose with `torchvision.transforms.v2`.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_RGB_TO_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))


class RandomResizedCropFlip(nn.Module):
    """Crop a random part of each image, resize it to the image's size, mirror it half of the time.

    Parameters
    ----------
    scale : tuple of float
        Range of the part's share of the area.
    ratio : tuple of float
        Range of its width over its height, relative to the image's.

    Examples
    --------
    >>> import torch
    >>> RandomResizedCropFlip()(torch.rand(4, 3, 32, 32)).shape
    torch.Size([4, 3, 32, 32])
    """

    def __init__(self, scale: tuple[float, float] = (0.2, 1.0), ratio: tuple[float, float] = (3 / 4, 4 / 3)) -> None:
        super().__init__()
        self.scale, self.ratio = scale, ratio

    def forward(self, images: Tensor) -> Tensor:
        """Return views of float images (B, C, H, W)."""
        n, device = len(images), images.device
        area = torch.empty(n, device=device).uniform_(*self.scale)
        ratio = torch.empty(n, device=device).uniform_(*map(math.log, self.ratio)).exp()
        width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
        x, y = (torch.rand(2, n, device=device) * 2 - 1) * (1 - torch.stack([width, height]))
        mirror = torch.randint(0, 2, (n,), device=device) * 2 - 1
        affine = torch.zeros(n, 2, 3, device=device)
        affine[:, 0, 0], affine[:, 0, 2] = width * mirror, x
        affine[:, 1, 1], affine[:, 1, 2] = height, y
        grid = F.affine_grid(affine, list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


class RandomColorJitter(nn.Module):
    """Change brightness, contrast, saturation and hue of most images, and turn some grey.

    One-channel images get brightness and contrast only. Hue is a rotation in YIQ space.

    Parameters
    ----------
    brightness, contrast, saturation : float
        Factors are drawn from [1 - value, 1 + value].
    hue : float
        Rotation is drawn from [-value, value] turns.
    p, p_grey : float
        Probability of the jitter, and of turning grey.

    Examples
    --------
    >>> import torch
    >>> jittered = RandomColorJitter()(torch.rand(4, 3, 32, 32))
    >>> jittered.shape, bool((jittered >= 0).all() and (jittered <= 1).all())
    (torch.Size([4, 3, 32, 32]), True)
    """

    def __init__(
        self,
        brightness: float = 0.4,
        contrast: float = 0.4,
        saturation: float = 0.4,
        hue: float = 0.1,
        p: float = 0.8,
        p_grey: float = 0.2,
    ) -> None:
        super().__init__()
        self.ranges = {"brightness": brightness, "contrast": contrast, "saturation": saturation, "hue": hue}
        self.p, self.p_grey = p, p_grey

    def forward(self, images: Tensor) -> Tensor:
        """Return jittered float images (B, C, H, W), in [0, 1]."""
        n, device = len(images), images.device
        jitter = (torch.rand(n, device=device) < self.p).float()
        draw = {
            name: torch.empty(n, device=device).uniform_(-bound, bound) * jitter for name, bound in self.ranges.items()
        }
        if images.shape[1] == 3:
            grey = (torch.rand(n, device=device) < self.p_grey).float()
            mix = self._color_matrix((1 + draw["saturation"]) * (1 - grey), draw["hue"])
            images = torch.einsum("nij,njhw->nihw", mix, images)
        images = images * (1 + draw["brightness"]).view(-1, 1, 1, 1)
        mean = images.mean((1, 2, 3), keepdim=True)
        return torch.lerp(mean, images, (1 + draw["contrast"]).view(-1, 1, 1, 1)).clamp(0, 1)

    @staticmethod
    def _color_matrix(saturation: Tensor, hue: Tensor) -> Tensor:
        """Return matrices (B, 3, 3) that scale and rotate the chroma of RGB."""
        to_yiq = torch.tensor(_RGB_TO_YIQ, device=hue.device)
        angle = 2 * math.pi * hue
        chroma = torch.zeros(len(hue), 3, 3, device=hue.device)
        chroma[:, 0, 0] = 1
        chroma[:, 1, 1] = chroma[:, 2, 2] = saturation * angle.cos()
        chroma[:, 1, 2], chroma[:, 2, 1] = -saturation * angle.sin(), saturation * angle.sin()
        return torch.linalg.inv(to_yiq) @ chroma @ to_yiq


def simclr_augmentation(scale: tuple[float, float] = (0.2, 1.0)) -> nn.Module:
    """Return SimCLR's recipe for small images: random resized crop, flip, colour jitter, grey; no blur.

    Takes uint8 or float images (B, C, H, W).
    """
    from torchvision.transforms import v2

    return v2.Compose([v2.ToDtype(torch.float32, scale=True), RandomResizedCropFlip(scale), RandomColorJitter()])
