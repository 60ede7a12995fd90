"""Random views of a batch of images, on the device of the batch, each image with its own parameters.

torchvision's own transforms draw one set of parameters for a whole batch tensor: every image would get the same
crop. These transforms can be composed with `torchvision.transforms.v2`. kornia's also draw one set per image, but took
5.2 times as long for a batch of 256 colour images of 32 x 32 pixels, and 2.5 times as long for 256 grey images of
28 x 28 (kornia 0.9, two CPU threads, medians of 30 interleaved repeats).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from toolkit import _checks

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
        self.scale = _checks.bounds("scale", scale, "(0, 1]")
        self.ratio = _checks.bounds("ratio", ratio, "(0, inf)")

    def forward(self, images: Tensor) -> Tensor:
        """Return views of float images (B, C, H, W)."""
        n, device = len(images), images.device
        area = torch.empty(n, device=device).uniform_(*self.scale)
        ratio = torch.empty(n, device=device).uniform_(*map(math.log, self.ratio)).exp()
        width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
        x, y = (torch.rand(2, n, device=device) * 2 - 1) * (1 - torch.stack([width, height]))
        mirror = torch.randint(0, 2, (n,), device=device) * 2 - 1
        rows, columns = (_centres(size, device) for size in images.shape[2:])
        # Not by `affine_grid`, which multiplies matrices and takes several times as long.
        grid = torch.empty(n, len(rows), len(columns), 2, device=device)
        grid[..., 0] = ((width * mirror)[:, None] * columns + x[:, None])[:, None]
        grid[..., 1] = (height[:, None] * rows + y[:, None])[:, :, None]
        return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _centres(size: int, device: torch.device) -> Tensor:
    """Return the positions of a row's pixels, from -1 to 1 between its ends."""
    return (2 * torch.arange(size, device=device) + 1) / size - 1


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
        ranges = {"brightness": brightness, "contrast": contrast, "saturation": saturation, "hue": hue}
        self.ranges = {name: _checks.number(name, value, "[0, inf)") for name, value in ranges.items()}
        self.p, self.p_grey = _checks.number("p", p, "[0, 1]"), _checks.number("p_grey", p_grey, "[0, 1]")

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


class RandomGaussianBlur(nn.Module):
    """Blur some images, each with its own width.

    Parameters
    ----------
    p : float
        Probability of the blur.
    sigma : tuple of float
        Range of the standard deviation, in pixels.
    size : float
        Width of the kernel, as a share of the image's shorter side.

    Examples
    --------
    >>> import torch
    >>> RandomGaussianBlur()(torch.rand(4, 3, 32, 32)).shape
    torch.Size([4, 3, 32, 32])
    """

    def __init__(self, p: float = 0.5, sigma: tuple[float, float] = (0.1, 2.0), size: float = 0.1) -> None:
        super().__init__()
        self.p, self.size = _checks.number("p", p, "[0, 1]"), _checks.number("size", size, "(0, 1]")
        self.sigma = _checks.bounds("sigma", sigma, "(0, inf)")

    def forward(self, images: Tensor) -> Tensor:
        """Return float images (B, C, H, W), some of them blurred."""
        n, channels, *shape = images.shape
        radius = max(1, round(self.size * min(shape) / 2))
        offsets = torch.arange(-radius, radius + 1, device=images.device)
        sigma = torch.empty(n, 1, device=images.device).uniform_(*self.sigma)
        kernels = (-((offsets / sigma) ** 2) / 2).softmax(1)
        still = torch.rand(n, device=images.device) >= self.p
        kernels[still] = (offsets == 0).to(kernels.dtype)
        kernels = kernels.repeat_interleave(channels, 0)
        # One group for each channel of each image, so one convolution blurs them all; first rows, then columns.
        rows = F.pad(images.reshape(1, n * channels, *shape), (radius,) * 4, mode="reflect")
        rows = F.conv2d(rows, kernels[:, None, None, :], groups=n * channels)
        return F.conv2d(rows, kernels[:, None, :, None], groups=n * channels).reshape(images.shape)


def simclr_augmentation(scale: tuple[float, float] = (0.2, 1.0), strength: float = 0.5, blur: float = 0.0) -> nn.Module:
    """Return SimCLR's recipe: random resized crop, flip, colour jitter, grey; by default that for small images.

    Takes uint8 or float images (B, C, H, W) on any device.

    Parameters
    ----------
    scale : tuple of float
        Range of the crop's share of the area.
    strength : float
        Strength of the colour jitter: brightness, contrast and saturation change by up to 0.8 of it, hue by 0.2.
    blur : float
        Probability of a Gaussian blur.
    """
    from torchvision.transforms import v2

    jitter = RandomColorJitter(*[0.8 * strength] * 3, hue=0.2 * strength)
    steps = [v2.ToDtype(torch.float32, scale=True), RandomResizedCropFlip(scale), jitter]
    return v2.Compose([*steps, RandomGaussianBlur(blur)] if blur else steps)


def imagenet_augmentation() -> nn.Module:
    """Return SimCLR's recipe for ImageNet: smaller crops, twice the jitter, blur for half of the views.

    Examples
    --------
    >>> import torch
    >>> imagenet_augmentation()(torch.zeros(2, 3, 224, 224, dtype=torch.uint8)).shape
    torch.Size([2, 3, 224, 224])
    """
    return simclr_augmentation((0.08, 1.0), strength=1.0, blur=0.5)
