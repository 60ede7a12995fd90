"""Image data sets: ``(index, view1, view2)`` for training, ``(image, label)`` for probes.

Every loader returns an `ImageData`. `root` is the folder with the files; it defaults to the environment variable
``TOOLKIT_DATA``, or ``~/.cache/toolkit``.

>>> from torch.utils.data import DataLoader
>>> from toolkit import UniformBatchSampler
>>> from toolkit.datasets import vision
>>> data = vision.bundled()
>>> loader = DataLoader(data.views, batch_sampler=UniformBatchSampler(len(data.views), batch_size=64))
>>> index, view1, view2 = next(iter(loader))
>>> index.shape, view1.shape
(torch.Size([64]), torch.Size([64, 1, 28, 28]))
>>> image, label = data.train[0]
>>> image.shape, data.classes[label]
(torch.Size([1, 28, 28]), 'T-shirt/top')
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from toolkit import _checks
from toolkit.datasets._files import bundled_array, data_root
from toolkit.datasets.image_views import simclr_augmentation

FASHION_CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


class Images(Dataset):
    """Images in memory with their labels; an item is (float image in [0, 1], label).

    Attributes
    ----------
    pixels : uint8 tensor, shape (N, C, H, W)
    labels : int64 array, shape (N,), or None
    """

    def __init__(self, pixels: Tensor, labels) -> None:
        self.pixels = pixels
        self.labels = None if labels is None else np.asarray(labels, np.int64)
        if labels is not None:
            _checks.shape("labels", self.labels, (len(pixels),), "one per image")

    def __len__(self) -> int:
        return len(self.pixels)

    def load(self, indices) -> Tensor:
        """Return the uint8 images (B, C, H, W) of `indices`."""
        return self.pixels[torch.as_tensor(indices)]

    def batch(self, indices) -> Tensor:
        """Return the float images (B, C, H, W) of `indices`, in [0, 1]."""
        return self.load(_checks.indices("indices", indices, len(self))).float() / 255

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[tuple[Tensor, int]]:
        if self.labels is None:
            raise ValueError("images must have labels to give (image, label), these have none: use their views")
        return list(zip(self.load(indices).float() / 255, self.labels[indices].tolist(), strict=True))


class ImageFiles(Images):
    """Images read from a `torchvision.datasets.ImageFolder` as needed, resized and cropped to a square.

    `size` and `corrupt` are as for `image_folder`.
    """

    def __init__(self, folder, size: int, corrupt: str = "raise") -> None:
        from torchvision.transforms import v2

        self.folder = folder
        self.size = size
        self.corrupt = _checks.choice("corrupt", corrupt, ("raise", "blank"))
        self.labels = np.asarray(folder.targets, np.int64)
        self.square = v2.Compose([v2.PILToTensor(), v2.Resize(size), v2.CenterCrop(size)])

    def __len__(self) -> int:
        return len(self.folder)

    def load(self, indices) -> Tensor:
        """Return the uint8 images (B, 3, size, size) of `indices`."""
        return torch.stack([self._read(self.folder.samples[index][0]) for index in indices])

    def _read(self, path: str) -> Tensor:
        from PIL import Image

        try:
            return self.square(self.folder.loader(path))
        # The last one is for damaged headers, which declare any size.
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            message = f"image file {path} can't be read ({error}): replace or remove it"
            if self.corrupt == "raise":
                raise RuntimeError(message) from error
            warnings.warn(message, stacklevel=2)
            return torch.full((3, self.size, self.size), 128, dtype=torch.uint8)


class ImageViews(Dataset):
    """Two random views of each image; an item is (index, view1, view2).

    Parameters
    ----------
    images : Images
    augmentation : callable
        Turns a uint8 batch (B, C, H, W) into float views; a whole batch is augmented at once.
    """

    def __init__(self, images: Images, augmentation: Callable[[Tensor], Tensor] | None = None) -> None:
        self.images = images
        self.augmentation = augmentation or simclr_augmentation()

    @property
    def labels(self) -> np.ndarray | None:
        """Labels of the images, for diagnostics only."""
        return self.images.labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[int, Tensor, Tensor]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[tuple[int, Tensor, Tensor]]:
        images = self.images.load(indices)
        return list(zip(indices, self.augmentation(images), self.augmentation(images), strict=True))


class IndexedPixels(Dataset):
    """Unchanged images, to be augmented in batches on the model's device; an item is (index, uint8 image).

    See the argument `augmentation` of `toolkit.training.train`.
    """

    def __init__(self, images: Images) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[int, Tensor]:
        return index, self.images.load([index])[0]

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor]:
        return torch.as_tensor(indices), self.images.load(indices)

    @staticmethod
    def collate(batch):
        """Return what `__getitems__` has made: a batch already."""
        return batch


@dataclass(frozen=True)
class ImageData:
    """An image data set: views for training, and labelled images for training and testing probes.

    Attributes
    ----------
    views : ImageViews
        Training images for contrastive learning: ``(index, view1, view2)``.
    train, test : Images
        Labelled images for probes: ``(image, label)``.
    classes : tuple of str
        Names of the labels.
    """

    views: ImageViews
    train: Images
    test: Images
    classes: tuple[str, ...]

    def __repr__(self) -> str:
        return (
            f"ImageData(views={len(self.views)}, train={len(self.train)}, test={len(self.test)}, "
            f"classes={len(self.classes)})"
        )


def bundled() -> ImageData:
    """Return the bundled part of Fashion-MNIST: 8,000 training and 2,000 test images, 28 x 28 grey.

    A missing or damaged file raises.
    """
    train, test = map(_bundled, ("train", "test"))
    return ImageData(ImageViews(train), train, test, FASHION_CLASSES)


def fashion_mnist(root: str | Path | None = None, download: bool = False) -> ImageData:
    """Return Fashion-MNIST: 60,000 training and 10,000 test images, 28 x 28 grey."""
    return _from_torchvision("FashionMNIST", root, download)


def cifar10(root: str | Path | None = None, download: bool = False) -> ImageData:
    """Return CIFAR-10: 50,000 training and 10,000 test images, 32 x 32 colour."""
    return _from_torchvision("CIFAR10", root, download)


def cifar100(root: str | Path | None = None, download: bool = False) -> ImageData:
    """Return CIFAR-100: 50,000 training and 10,000 test images, 32 x 32 colour, 100 classes."""
    return _from_torchvision("CIFAR100", root, download)


def stl10(root: str | Path | None = None, download: bool = False) -> ImageData:
    """Return STL-10, 96 x 96 colour: 105,000 views (train and unlabelled), 5,000 and 8,000 labelled images.

    Most of the views have no label: ``views.labels`` is None.
    """
    train, test, everything = (
        _torchvision_split("STL10", root, download, split=split) for split in ("train", "test", "train+unlabeled")
    )
    views = ImageViews(Images(_channels_first(everything.data), None))
    return ImageData(views, _images(train), _images(test), tuple(train.classes))


def image_folder(root: str | Path | None = None, size: int = 224, corrupt: str = "raise") -> ImageData:
    """Return images in ``root/train/CLASS/*`` and ``root/val/CLASS/*``, as ImageNet and ImageNet-100 are laid out.

    Files are read as they are needed, resized to `size` pixels on the shorter side and cropped to a square. Use
    loader workers. The licences of these data sets do not allow automatic downloads.

    Parameters
    ----------
    root : path, optional
    size : int
        Pixels of the square.
    corrupt : {"raise", "blank"}
        Whether a file that can't be read stops training, or is replaced by a grey image with a warning that names it.

    Raises
    ------
    FileNotFoundError
        If ``root/train`` or ``root/val`` is missing or has no images in class folders.
    """
    from torchvision.datasets import ImageFolder

    root = data_root(root)
    size = _checks.integer("size", size, 8)
    _checks.choice("corrupt", corrupt, ("raise", "blank"))
    try:
        train, test = (ImageFolder(str(root / split)) for split in ("train", "val"))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"no images in class folders under {root}/train and {root}/val ({error}): give the folder as root="
        ) from error
    if train.classes != test.classes:
        odd = sorted(set(train.classes) ^ set(test.classes))
        raise ValueError(f"{root}/train and {root}/val must have the same class folders, they differ in {odd[:5]}")
    images = ImageFiles(train, size, corrupt)
    return ImageData(ImageViews(images), images, ImageFiles(test, size, corrupt), tuple(train.classes))


def _bundled(split: str) -> Images:
    pixels, labels = (bundled_array("fashion_mnist", f"{split}_{part}.npy") for part in ("images", "labels"))
    return Images(pixels[:, None], labels)


def _from_torchvision(name: str, root: str | Path | None, download: bool) -> ImageData:
    parts = [_torchvision_split(name, root, download, train=train) for train in (True, False)]
    train, test = map(_images, parts)
    return ImageData(ImageViews(train), train, test, tuple(parts[0].classes))


def _torchvision_split(name: str, root: str | Path | None, download: bool, **split):
    from torchvision import datasets

    root = data_root(root)
    try:
        return getattr(datasets, name)(str(root), download=download, **split)
    except Exception as error:  # torchvision raises all kinds of errors on damaged files
        raise FileNotFoundError(
            f"{name} under {root} is missing or damaged ({error}): pass download=True, or the folder that holds "
            "it as root="
        ) from error


def _images(part) -> Images:
    """Return the images of one of torchvision's data sets."""
    return Images(_channels_first(part.data), part.labels if hasattr(part, "labels") else part.targets)


def _channels_first(data) -> Tensor:
    """Return uint8 images (N, C, H, W) from any of torchvision's layouts."""
    pixels = torch.as_tensor(data)
    if pixels.ndim == 3:
        return pixels[:, None]
    return pixels if pixels.shape[1] in (1, 3) else pixels.permute(0, 3, 1, 2).contiguous()
