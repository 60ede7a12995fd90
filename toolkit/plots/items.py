"""Readers for the items that users pass: images in any form, sentences or drawings, read one at a time."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from toolkit import _checks
from toolkit.plots.writing import whole

_ALLOWED = (
    "images (an array or tensor, PIL images, paths of image files, arrays of different sizes, or a data set of any of "
    "these), strings, or a function of (index, ax)"
)


def read(items) -> tuple[str, Callable, int | None]:
    """Return the kind of the items (see `Thumbnails`), a function of the index, and their number if known.

    The function returns pixels, uint8 of shape (H, W, 3), or a text; for drawings, it is the given function itself.
    """
    if items is None:
        return "number", lambda index: f"#{index}", None
    if isinstance(items, type):
        raise TypeError(f"items must be {_ALLOWED}, got the class {items.__name__}")
    if isinstance(items, (np.ndarray, torch.Tensor)) and items.ndim != 1:
        array = _checked(_array(items), "items", many=True)
        return "image", lambda index: to_rgb(array[index]), len(array)
    if isinstance(items, (str, bytes, Path)):
        raise TypeError(f"items must hold one item per instance, got a single {_name(items)}: {str(items)[:40]!r}")
    indexed = hasattr(items, "__getitem__") and hasattr(items, "__len__") and not isinstance(items, Mapping)
    if not indexed and callable(items):
        return "drawing", items, None
    given = _name(items)
    if not indexed:
        raise TypeError(f"items must be {_ALLOWED}, got {given}")
    if not len(items):
        raise ValueError(f"items must hold one item per instance, got an empty {given}")
    if hasattr(items, "to_numpy"):  # a pandas Series, whose index may be anything
        items = items.to_numpy()
    first = _shown(items[0])
    if first is None:
        raise TypeError(f"items must be {_ALLOWED}, got {given} of {_name(items[0])}")
    kind = "text" if isinstance(first, str) else "image"
    if isinstance(items, (list, tuple, np.ndarray)):  # in memory, so that all items can be checked before any is shown
        for index, item in enumerate(items):
            _check_kind(kind, index, item)

    def item(index: int):
        shown = _check_kind(kind, index, items[index])
        return whole(shown) if kind == "text" else _pixels(shown, f"items[{index}]")

    return kind, item, len(items)


def to_rgb(image) -> np.ndarray:
    """Return an image (H, W), (C, H, W) or (H, W, C) as uint8 (H, W, 3); one channel is drawn dark on white.

    Examples
    --------
    >>> import numpy as np
    >>> to_rgb(np.array([[0, 255]], np.uint8)).tolist()
    [[[255, 255, 255], [0, 0, 0]]]
    """
    array = np.asarray(image)
    if array.dtype != np.uint8:
        array = (array * 255).round().clip(0, 255).astype(np.uint8)
    if array.ndim == 3 and array.shape[0] in (1, 3):
        array = np.moveaxis(array, 0, -1)
    if array.ndim == 2:
        array = array[..., None]
    if array.shape[-1] == 1:
        array = 255 - array
    return np.ascontiguousarray(np.broadcast_to(array, (*array.shape[:2], 3)))


def _shown(item):
    """Return the image, path or string in an item, also from a tuple such as (image, label); None if there is none."""
    if isinstance(item, str):
        return item
    parts = item.values() if isinstance(item, Mapping) else item if isinstance(item, tuple) else (item,)
    images = (part for part in parts if isinstance(part, (Image.Image, Path)) or getattr(part, "ndim", 0) in (2, 3))
    return next(images, next((part for part in parts if isinstance(part, str)), None))


def _check_kind(kind: str, index: int, item):
    shown = _shown(item)
    if shown is None or isinstance(shown, str) != (kind == "text"):
        wanted = "strings" if kind == "text" else "images"
        raise TypeError(f"items must all be {wanted} as the first one is, got {_name(item)} at index {index}")
    return shown


def _pixels(image, name: str) -> np.ndarray:
    """Return a picture as uint8 (H, W, 3); PIL images and files keep their colours, on a white background."""
    if isinstance(image, Path):
        try:
            with Image.open(image) as file:
                return _pixels(file, name)
        except OSError as error:
            raise ValueError(f"{name} must be an image file, got {str(image)!r}: {error}") from error
    if isinstance(image, Image.Image) and image.mode[0] in "IF":
        return _of_deep(image, name)
    if isinstance(image, Image.Image):
        layer = image.convert("RGBA")
        return np.asarray(Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB"))
    return to_rgb(_checked(_array(image), name))


def _of_deep(image: Image.Image, name: str) -> np.ndarray:
    """Return a PIL image of 16 bits or of floats as uint8 (H, W, 3); Pillow itself would cut its values off at 255."""
    values = _checked(np.asarray(image, float) / (1 if image.mode == "F" else 65535), name)
    return np.repeat((255 * values).round().astype(np.uint8)[..., None], 3, axis=-1)


def _array(values) -> np.ndarray:
    return _checks.array("items", values)


def _checked(array: np.ndarray, name: str, many: bool = False) -> np.ndarray:
    """Return an array of one image or many, or raise if shape, dtype or range can't be those of images."""
    shape = array.shape[1:] if many else array.shape
    if len(shape) != 2 and not (len(shape) == 3 and (shape[0] in (1, 3) or shape[2] in (1, 3))):
        forms = "(N, H, W), (N, C, H, W) or (N, H, W, C)" if many else "(H, W), (C, H, W) or (H, W, C)"
        raise ValueError(f"{name} must have shape {forms} with 1 or 3 channels to be images, got {array.shape}")
    if array.dtype != np.uint8:
        if array.dtype.kind != "f":
            raise TypeError(f"{name} must be uint8 or float to be images, got dtype {array.dtype}")
        low, high = (array.min(), array.max()) if array.size else (0, 0)
        if not (low >= 0 and high <= 1):
            raise ValueError(
                f"{name} must lie in [0, 1] to be float images, got values from {low:g} to {high:g}: "
                "undo their normalisation"
            )
    return array


def _name(value) -> str:
    return type(value).__name__
