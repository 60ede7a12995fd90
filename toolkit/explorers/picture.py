"""Figures outside pyplot as files: a PNG fast, as what does not change is drawn once; a small PNG; an SVG."""

import io
import struct
import zlib
from collections.abc import Hashable, Iterable, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

_KEPT = 6  # layers, of some 2 MB each


class Picture:
    """A persistent figure whose fixed layers are kept as pixels under a moving one.

    Those of the last limits of the axes are kept, so that a slider that goes back draws only what moves.

    Parameters
    ----------
    figure : Figure
        Not of pyplot, so that nothing keeps it alive.
    """

    def __init__(self, figure: Figure) -> None:
        self.canvas = FigureCanvasAgg(figure)
        self._layers: dict[tuple, object] = {}  # by limits of the axes, some also by state; in order of last use

    def forget(self) -> None:
        """Draw all layers again at the next frame, because more than the limits of axes has changed."""
        self._layers.clear()

    def png(self, moving: Iterable[Artist], still: Sequence[Artist] = (), state: Hashable = None) -> bytes:
        """Return the picture with artists, which the figure holds as animated, drawn on top.

        Parameters
        ----------
        moving : iterable of Artist
        still : sequence of Artist
            Drawn below the moving ones. They look the same as long as `state` does.
        state : hashable
        """
        limits = tuple((*ax.get_xlim(), *ax.get_ylim()) for ax in self.canvas.figure.axes)
        if not still:
            self._draw_fixed(limits)
        elif not self._restored((limits, state)):
            self._draw_fixed(limits)
            _draw(still)
            self._keep((limits, state))
        _draw(moving)
        return _encoded(np.asarray(self.canvas.buffer_rgba())[..., :3])

    def _draw_fixed(self, limits: tuple) -> None:
        if not self._restored(limits):
            self.canvas.draw()
            self._keep(limits)

    def _restored(self, key: tuple) -> bool:
        """Draw a layer that is kept, which is then the one used last, or return False."""
        if key not in self._layers:
            return False
        self._layers[key] = self._layers.pop(key)
        self.canvas.restore_region(self._layers[key])
        return True

    def _keep(self, key: tuple) -> None:
        self._layers[key] = self.canvas.copy_from_bbox(self.canvas.figure.bbox)
        for old in list(self._layers)[:-_KEPT]:
            del self._layers[old]


def _draw(artists: Iterable[Artist]) -> None:
    for artist in artists:
        artist.axes.draw_artist(artist)


def _encoded(pixels: np.ndarray) -> bytes:
    """Return uint8 pixels, shape (height, width, 3), as a PNG.

    Rows are not filtered, which Pillow always does for colours: it takes three times as long as the compression, and
    makes flat areas no smaller.
    """
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # a row begins with the number of its filter
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)  # 8 bits, red, green and blue
    chunks = {b"IHDR": header, b"IDAT": zlib.compress(rows.data, level=1), b"IEND": b""}
    parts = [
        struct.pack(">I", len(d)) + name + d + struct.pack(">I", zlib.crc32(name + d)) for name, d in chunks.items()
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def packed_png(figure: Figure) -> bytes:
    """Return a figure as a PNG in 256 colours, a third of the bytes."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels, buffer = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()), io.BytesIO()
    # An octree keeps colours that are rare, such as the seed's.
    pixels.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(buffer, "png", optimize=True)
    return buffer.getvalue()


def svg(figure: Figure) -> bytes:
    """Return a figure as an SVG."""
    buffer = io.BytesIO()
    with mpl.rc_context({"figure.constrained_layout.use": False}):  # or a figure without a layout would get this one
        figure.savefig(buffer, format="svg", dpi=200)
    return buffer.getvalue()
