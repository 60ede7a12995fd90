"""The map of points that explorers show in the browser, and what is sent to it."""

from collections.abc import Sequence

import anywidget
import matplotlib as mpl
import numpy as np
import traitlets
from matplotlib.colors import to_hex

from toolkit.explorers.bundle import JS
from toolkit.plots.style import CLASSES, COLORS, FALSE_NEGATIVE, RANDOM_WALK, UNLABELLED
from toolkit.plots.thumbnails import Thumbnails

N_SHADES = 64
_MOST_COLORS = 250  # of classes, beyond which they begin again; a multiple of the number of different ones
_COLORS = {"walk": COLORS[RANDOM_WALK], "false_negative": FALSE_NEGATIVE}


class PointMap(anywidget.AnyWidget):
    """A map of all instances, of which one is selected; positions and colours are sent once, as bytes.

    Parameters
    ----------
    thumbnails : Thumbnails
        What the browser shows of an instance; it asks for those it needs.
    labels : array, shape (N,), optional
        Codes 0, 1, ... of the classes, -1 where there is none.
    names : sequence of str
        Names of the codes.
    """

    _css = (JS / "point_map.css").read_text()  # a path would be watched, and keep each widget alive

    points = traitlets.Bytes().tag(sync=True)
    edges = traitlets.Bytes().tag(sync=True)
    shade = traitlets.Bytes().tag(sync=True)
    palette = traitlets.List().tag(sync=True)
    legend = traitlets.Dict().tag(sync=True)
    groups = traitlets.Bytes().tag(sync=True)
    names = traitlets.List().tag(sync=True)
    colors = traitlets.Dict(_COLORS).tag(sync=True)
    item_kind = traitlets.Unicode().tag(sync=True)
    status = traitlets.Unicode().tag(sync=True)
    selected = traitlets.Int().tag(sync=True)

    def __init__(self, thumbnails: Thumbnails, labels: np.ndarray | None = None, names: Sequence[str] = ()) -> None:
        groups = b"" if labels is None else labels.astype(np.int32).tobytes()
        super().__init__(groups=groups, names=list(names), item_kind=thumbnails.kind)
        self._thumbnails = thumbnails
        self.on_msg(self._on_message)

    def _on_message(self, _widget, content: dict, _buffers) -> None:
        """Send the pictures that the browser asked for."""
        wanted = content.get("want", ())
        self.send({"thumbnails": {int(index): self._thumbnails.address(int(index)) for index in wanted}})

    def show_classes(self, labels: np.ndarray) -> None:
        """Colour the points by class, those without a label pale grey; a few classes are named on the map."""
        n_classes = len(self.names)
        n_colors = min(n_classes, _MOST_COLORS)
        with self.hold_sync():
            self.palette = [*(CLASSES[color % len(CLASSES)] for color in range(n_colors)), UNLABELLED]
            self.shade = np.where(labels < 0, n_colors, labels % _MOST_COLORS).astype(np.uint8).tobytes()
            named = n_classes <= 2 * len(CLASSES)
            self.legend = {"title": "colour: label" + ("" if named else f", {n_classes} of them"), "named": named}

    def show_values(self, values: np.ndarray, title: str, form: str = "{:.2f}") -> None:
        """Colour the points by a number, from pale (low) to dark; 2 % at either end share a colour."""
        low, high = np.quantile(values, [0.02, 0.98])
        share = (values - low) / (high - low or 1)
        with self.hold_sync():
            self.palette = scale()
            self.shade = (share.clip(0, 1) * (N_SHADES - 1)).round().astype(np.uint8).tobytes()
            self.legend = {"title": f"colour: {title}", "low": form.format(low), "high": form.format(high)}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n={len(self.points) // 8})"


def scale() -> list[str]:
    """Return the colours of a scale from low to high; all of them show on white."""
    colors = mpl.colormaps["viridis_r"]
    return [to_hex(colors(share)) for share in np.linspace(0.08, 1, N_SHADES)]
