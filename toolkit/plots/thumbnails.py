"""What an instance looks like, in little: images, sentences and drawings as pictures of one size."""

import base64
import html
import io
import textwrap
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import numpy as np
import torch

from toolkit import _checks

SIZE = 64
_KEPT = 4096
_LINE = 15


class Thumbnails:
    """Small pictures of the instances of a data set, all of one size.

    Parameters
    ----------
    items : array or tensor, sequence of str, callable, or None
        Images, shape (N, H, W), (N, C, H, W) or (N, H, W, C) with C = 1 or 3, uint8 or float in [0, 1]; sentences;
        or a function of ``(index, ax)`` that draws the instance onto Matplotlib axes, a graph for example. None: an
        instance is shown as its number.
    n : int
        Number of instances (N).
    size : int
        Width and height in pixels.

    Attributes
    ----------
    kind : str
        "image", "text", "drawing" or "number".

    Raises
    ------
    TypeError, ValueError
        For items of another kind, another number of them, another shape or range.

    Examples
    --------
    >>> import numpy as np
    >>> images = np.random.default_rng(0).random((10, 28, 28))
    >>> thumbnails = Thumbnails(images, 10)
    >>> thumbnails
    Thumbnails(image, n=10)
    >>> thumbnails.pixels(3).shape, thumbnails.png(3)[1:4]
    ((64, 64, 3), b'PNG')
    >>> Thumbnails(["A man is playing a flute.", "A dog runs."], 2).text(1)
    'A dog runs.'
    """

    def __init__(self, items=None, n: int | None = None, size: int = SIZE) -> None:
        self.size = _checks.integer("size", size, 16, 512)
        self.kind, self._items = _kind(items)
        known = len(self._items) if self.kind in ("image", "text") else None
        self.n = _checks.integer("n", known if n is None else n, 1)
        if known is not None and known != self.n:
            raise ValueError(f"items must hold one per instance ({self.n}), got {known}")
        self.png = lru_cache(_KEPT)(self.png)
        self._figure = None

    def pixels(self, index: int) -> np.ndarray:
        """Return the picture of an instance; uint8, shape (size, size, 3)."""
        index = self._check(index)
        if self.kind == "image":
            return _fit(to_rgb(self._items[index]), self.size)
        return self._drawn(index)

    def png(self, index: int) -> bytes:
        """Return the picture of an instance as a PNG; the last 4,096 are kept."""
        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(self.pixels(index)).save(buffer, "png")
        return buffer.getvalue()

    def address(self, index: int) -> str:
        """Return the picture as the address of an HTML image, which carries it ("data:image/png;base64,...")."""
        return "data:image/png;base64," + base64.b64encode(self.png(index)).decode()

    def text(self, index: int) -> str:
        """Return the sentence, or the number of the instance."""
        index = self._check(index)
        return self._items[index] if self.kind == "text" else f"#{index}"

    def draw(self, index: int, ax) -> None:
        """Draw the instance onto Matplotlib axes."""
        index = self._check(index)
        if self.kind == "drawing":
            self._items(index, ax)
            ax.set(xticks=[], yticks=[], xlabel="", ylabel="", title="")
        elif self.kind == "image":
            ax.imshow(to_rgb(self._items[index]))
            ax.set(xticks=[], yticks=[])
        else:
            words = textwrap.shorten(self.text(index), 5 * _LINE, placeholder=" …")
            words = textwrap.fill(words, _LINE)
            small = 4.4 if self.kind == "text" else 8
            ax.text(0.5, 0.5, words, ha="center", va="center", fontsize=small, transform=ax.transAxes)
            ax.set(xticks=[], yticks=[])

    def html(self, index: int, caption: str = "", outline: str | None = None) -> str:
        """Return the instance as HTML with a caption beneath, outlined in a colour if one is given.

        A sentence stays text. All have the same width and height.
        """
        frame = f"outline:3px solid {outline};" if outline else "outline:1px solid #bbb;"
        name = html.escape(f"{self.text(index)} {caption}".strip(), quote=True)
        width = self.size if self.kind != "text" else 2 * self.size
        box = f"width:{width}px;height:{self.size}px;{frame}outline-offset:-1px;"
        if self.kind in ("image", "drawing"):
            picture = f'<img src="{self.address(index)}" alt="{name}" style="{box}">'
        else:
            line = "overflow:hidden;font-size:11px;line-height:1.25;padding:2px;box-sizing:border-box;"
            picture = f'<div style="{box}{line}">{html.escape(self.text(index))}</div>'
        below = f'<figcaption style="font-size:11px;line-height:1.3;white-space:pre-line">{html.escape(caption)}'
        return (
            f'<figure title="{name}" style="display:inline-block;width:{width}px;margin:3px;vertical-align:top;'
            f'text-align:center">{picture}{below}</figcaption></figure>'
        )

    def grid(
        self, indices: Iterable[int], captions: Sequence[str] | None = None, outlines: Sequence | None = None
    ) -> str:
        """Return some instances side by side as HTML, with a caption and an outline colour (or None) for each."""
        indices = list(indices)
        captions = captions or [""] * len(indices)
        outlines = outlines or [None] * len(indices)
        return "".join(self.html(*each) for each in zip(indices, captions, outlines, strict=True))

    def _check(self, index: int) -> int:
        return _checks.integer("index", index, 0, self.n - 1)

    def _drawn(self, index: int) -> np.ndarray:
        """Draw at four times the size, which keeps thin lines, on a figure that no other code knows."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        if self._figure is None:
            self._figure = Figure(figsize=(1, 1), dpi=4 * self.size, layout="none")
            FigureCanvasAgg(self._figure)
        self._figure.clear()
        ax = self._figure.add_axes((0.02, 0.02, 0.96, 0.96))
        self.draw(index, ax)
        ax.set_axis_off()
        self._figure.canvas.draw()
        return _fit(np.asarray(self._figure.canvas.buffer_rgba())[..., :3].copy(), self.size)

    def __repr__(self) -> str:
        return f"Thumbnails({self.kind}, n={self.n})"


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


def _fit(pixels: np.ndarray, size: int) -> np.ndarray:
    """Scale to fit a white square, with hard edges where the image grows."""
    from PIL import Image

    height, width = pixels.shape[:2]
    scale = size / max(height, width)
    shape = max(round(width * scale), 1), max(round(height * scale), 1)
    how = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    square = Image.new("RGB", (size, size), "white")
    square.paste(Image.fromarray(pixels).resize(shape, how), ((size - shape[0]) // 2, (size - shape[1]) // 2))
    return np.asarray(square)


def _kind(items) -> tuple[str, Callable | Sequence | None]:
    """Return what kind of items these are, and the items ready to use."""
    if items is None:
        return "number", None
    if callable(items):
        return "drawing", items
    if isinstance(items, (np.ndarray, torch.Tensor)) and items.ndim > 1:
        return "image", _images(items.detach().cpu().numpy() if isinstance(items, torch.Tensor) else items)
    if isinstance(items, str):
        raise TypeError(f"items must be a sequence of strings, one per instance, got one string {items[:40]!r}")
    if isinstance(items, (Sequence, np.ndarray)) and len(items) and all(isinstance(item, str) for item in items):
        return "text", items
    raise TypeError(
        f"items must be images (array or tensor), strings, or a function of (index, ax), got {type(items).__name__}"
    )


def _images(array: np.ndarray) -> np.ndarray:
    channels = array.ndim == 4 and (array.shape[1] in (1, 3) or array.shape[3] in (1, 3))
    if array.ndim != 3 and not channels:
        raise ValueError(
            "items must have shape (N, H, W), (N, C, H, W) or (N, H, W, C) with 1 or 3 channels to be images, "
            f"got {array.shape}"
        )
    if array.dtype != np.uint8:
        if array.dtype.kind != "f":
            raise TypeError(f"items must be uint8 or float to be images, got dtype {array.dtype}")
        low, high = array.min(), array.max()
        if not (low >= 0 and high <= 1):
            raise ValueError(f"items must lie in [0, 1] to be float images, got values from {low:g} to {high:g}")
    return array
