"""Thumbnails of instances: images, sentences and drawings as pictures of one size."""

import base64
import html
import io
from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from toolkit import _checks
from toolkit.plots.items import read
from toolkit.plots.writing import whole, wrap, write

SIZE = 64
_KEPT = 4096
_LINE = 15


class Thumbnails:
    """Small pictures of the instances of a data set, all of one size; read when they are first shown.

    Parameters
    ----------
    items : optional
        What the instances look like, one item per instance:

        - images: an array or tensor of shape (N, H, W), (N, C, H, W) or (N, H, W, C) with C = 1 or 3, uint8 or float
          in [0, 1]; or a sequence or pandas Series of PIL images, of `pathlib.Path` of image files, or of such arrays
          of different sizes. One channel in an array is drawn dark on white.
        - sentences: a sequence, array or pandas Series of str.
        - a map-style data set whose items are any of these or have one as a part, such as torchvision's
          ``(image, label)``; of several images the first is shown.
        - drawings: a function of ``(index, ax)`` that draws the instance onto Matplotlib axes, a graph for example.

        By default, an instance is shown as its number.
    n : int, optional
        Number of instances (N); needed for drawings and numbers only.
    size : int
        Width and height in pixels.

    Attributes
    ----------
    kind : str
        "image", "text", "drawing" or "number".

    Examples
    --------
    >>> import numpy as np
    >>> images = np.random.default_rng(0).random((10, 28, 28))
    >>> Thumbnails(images).pixels(3).shape
    (64, 64, 3)
    >>> Thumbnails(["A man is playing a flute.", "A dog runs."]).text(1)
    'A dog runs.'
    """

    def __init__(self, items=None, n: int | None = None, size: int = SIZE) -> None:
        self.size = _checks.integer("size", size, 16, 512)
        self.kind, self._item, known = read(items)
        self.n = _checks.integer("n", known if n is None else n, 1)
        if known is not None and known != self.n:
            raise ValueError(f"items must hold one per instance ({self.n}), got {known}")
        self.png = lru_cache(_KEPT)(self.png)
        self._figure = None

    def pixels(self, index: int) -> np.ndarray:
        """Return the picture of an instance; uint8, shape (size, size, 3)."""
        index = self._check(index)
        if self.kind == "image":
            return _fit(self._item(index), self.size)
        return np.asarray(Image.open(io.BytesIO(self.png(index))))  # a hundred times as fast as drawing

    def png(self, index: int) -> bytes:
        """Return the picture of an instance as a PNG; the last 4,096 are kept."""
        index = self._check(index)
        pixels = self._item(index) if self.kind == "image" else self._rendered(index)
        buffer = io.BytesIO()
        Image.fromarray(_fit(pixels, self.size)).save(buffer, "png")
        return buffer.getvalue()

    def address(self, index: int) -> str:
        """Return the picture as the address of an HTML image, which carries it ("data:image/png;base64,...")."""
        return "data:image/png;base64," + base64.b64encode(self.png(index)).decode()

    def text(self, index: int) -> str:
        """Return the sentence, or the number of the instance."""
        index = self._check(index)
        return self._item(index) if self.kind in ("text", "number") else f"#{index}"

    def render(self, index: int, ax) -> None:
        """Draw the instance onto Matplotlib axes."""
        index = self._check(index)
        if self.kind == "drawing":
            self._item(index, ax)
            ax.set(xlabel="", ylabel="", title="")
        elif self.kind == "image":
            ax.imshow(self._item(index))
        else:
            self._write(index, partial(ax.text, transform=ax.transAxes))
        ax.set(xticks=[], yticks=[])

    def html(self, index: int, caption: str = "") -> str:
        """Return the instance as HTML with a caption below; all have one size, and a sentence stays text."""
        caption = whole(caption)
        name = html.escape(f"{self.text(index)} {caption}".strip(), quote=True)
        width = self.size if self.kind != "text" else 2 * self.size
        height = self.size if self.kind != "number" else 20
        box = f"width:{width}px;height:{height}px;outline:1px solid #bbb;outline-offset:-1px;"
        if self.kind in ("image", "drawing"):
            picture = f'<img src="{self.address(index)}" alt="{name}" style="display:block;{box}">'
        else:
            line = "overflow:hidden;font-size:11px;line-height:1.25;padding:2px;box-sizing:border-box;"
            picture = f'<div style="{box}{line}">{html.escape(self.text(index))}</div>'
        below = f'<figcaption style="font-size:11px;line-height:1.3;white-space:pre-line">{html.escape(caption)}'
        return (
            f'<figure title="{name}" style="display:inline-block;width:{width}px;margin:3px;vertical-align:top;'
            f'text-align:center">{picture}{below}</figcaption></figure>'
        )

    def grid(self, indices: Sequence[int], captions: Sequence[str] | None = None) -> str:
        """Return some instances side by side as HTML, each with its caption."""
        if captions is not None and len(captions) != len(indices):
            raise ValueError(
                f"captions must have one entry for each of the {len(indices)} instances, got {len(captions)}"
            )
        captions = captions or [""] * len(indices)
        return "".join(self.html(*each) for each in zip(indices, captions, strict=True))

    def _write(self, index: int, new_text: Callable) -> None:
        size = 4.4 if self.kind == "text" else 8
        write(new_text(0.5, 0.5, "", ha="center", va="center", fontsize=size), wrap(self.text(index), _LINE, 5))

    def _check(self, index: int) -> int:
        return _checks.integer("index", index, 0, self.n - 1)

    def _rendered(self, index: int) -> np.ndarray:
        """Draw at four times the size, which keeps thin lines, on a figure that no other code knows."""
        if self._figure is None:
            self._figure = Figure(figsize=(1, 1), dpi=4 * self.size, layout="none")
            FigureCanvasAgg(self._figure)
        self._figure.clear()
        if self.kind == "drawing":
            ax = self._figure.add_axes((0.02, 0.02, 0.96, 0.96))
            self.render(index, ax)
            ax.set_axis_off()
        else:
            self._write(index, self._figure.text)
        self._figure.canvas.draw()
        return np.asarray(self._figure.canvas.buffer_rgba())[..., :3].copy()

    def __repr__(self) -> str:
        return f"Thumbnails({self.kind}, n={self.n})"


def _fit(pixels: np.ndarray, size: int) -> np.ndarray:
    """Scale to fit a white square, with hard edges where the image grows."""
    height, width = pixels.shape[:2]
    scale = size / max(height, width)
    shape = max(round(width * scale), 1), max(round(height * scale), 1)
    how = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    square = Image.new("RGB", (size, size), "white")
    square.paste(Image.fromarray(pixels).resize(shape, how), ((size - shape[0]) // 2, (size - shape[1]) // 2))
    return np.asarray(square)
