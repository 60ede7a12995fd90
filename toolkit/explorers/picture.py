"""Figures outside pyplot as files: a PNG fast, as what does not change is drawn once; a small PNG; an SVG."""

import io
from collections.abc import Iterable

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image


class Picture:
    """A persistent figure whose fixed layer is kept as pixels under a moving one.

    Parameters
    ----------
    figure : Figure
        Not of pyplot, so that nothing keeps it alive.
    """

    def __init__(self, figure: Figure) -> None:
        self.canvas = FigureCanvasAgg(figure)
        self._fixed = None

    def forget(self) -> None:
        """Draw the fixed layer again at the next frame."""
        self._fixed = None

    def png(self, moving: Iterable[Artist]) -> bytes:
        """Return the picture with the `moving` artists, which the figure holds as animated, drawn on top."""
        if self._fixed is None:
            self.canvas.draw()
            self._fixed = self.canvas.copy_from_bbox(self.canvas.figure.bbox)
        self.canvas.restore_region(self._fixed)
        for artist in moving:
            artist.axes.draw_artist(artist)
        buffer = io.BytesIO()
        pixels = Image.fromarray(np.asarray(self.canvas.buffer_rgba())).convert("RGB")
        pixels.save(buffer, "png", compress_level=1)
        return buffer.getvalue()


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
