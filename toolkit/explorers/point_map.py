"""The map of points that explorers show in the browser, and what is sent to it."""

from collections.abc import Callable, Sequence

import anywidget
import matplotlib as mpl
import numpy as np
import traitlets
from matplotlib.colors import to_hex

from toolkit import _checks
from toolkit.explorers.picture_view import CSS
from toolkit.plots.style import CLASSES, COLORS, FALSE_NEGATIVE, RANDOM_WALK
from toolkit.plots.thumbnails import Thumbnails

N_SHADES = 64
_MOST_COLORS = 250  # of classes, beyond which they begin again; a multiple of the number of different ones
_MOST_ENTRIES = 20  # of a legend
_MISSING = 255  # the shade of those without a label or a value
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
    tell : callable
        Returns what is shown of an instance while the pointer is on it: a dict of ``lines``, which are texts, and
        ``pictures``, which are addresses.
    """

    _esm: str
    _css = CSS

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
    chosen = traitlets.Bytes().tag(sync=True, from_json=lambda value, _widget: bytes(value))
    hidden = traitlets.List().tag(sync=True)

    def __init__(
        self,
        thumbnails: Thumbnails,
        labels: np.ndarray | None = None,
        names: Sequence[str] = (),
        tell: Callable[[int], dict] = lambda _index: {"lines": [], "pictures": []},
    ) -> None:
        groups = b"" if labels is None else labels.astype(np.int32).tobytes()
        super().__init__(groups=groups, names=list(names), item_kind=thumbnails.kind)
        self._thumbnails, self._tell = thumbnails, tell
        self.on_msg(self._on_message)

    def _on_message(self, _widget, content: dict, _buffers) -> None:
        """Send the pictures, or what there is to tell of an instance, that the browser asked for."""
        if "tip" in content:
            index = int(content["tip"])
            self.send({"tip": {"index": index} | self._tell(index)})
        if "want" in content:
            self.send({"thumbnails": {int(index): self._thumbnails.address(int(index)) for index in content["want"]}})

    def show_classes(self, codes: np.ndarray, names: Sequence[str], title: str = "label") -> None:
        """Colour the points by class, those without one pale; a few classes are named in the legend.

        Labels, which the browser knows, are named on the map as well.
        """
        n_colors = min(len(names), _MOST_COLORS)
        few = len(names) <= _MOST_ENTRIES
        with self.hold_sync():
            self.hidden = []
            self.palette = [CLASSES[color % len(CLASSES)] for color in range(n_colors)]
            self.shade = np.where(codes < 0, _MISSING, codes % _MOST_COLORS).astype(np.uint8).tobytes()
            self.legend = {
                "title": f"colour: {title}" + ("" if few else f", {len(names)} of them"),
                "entries": list(names) if few else [],
                "named": few and list(names) == self.names,
            }

    def show_values(self, values: np.ndarray, title: str, write: Callable[[float], str] = "{:.2f}".format) -> None:
        """Colour the points by a number, from pale (low) to dark; 2 % at either end share a colour, NaN has none."""
        known = np.isfinite(values)
        low, high = np.quantile(values[known], [0.02, 0.98]) if known.any() else (0.0, 0.0)
        share = np.where(known, values - low, 0) / (high - low or 1)
        shade = (share.clip(0, 1) * (N_SHADES - 1)).round()
        with self.hold_sync():
            self.hidden = []
            self.palette = scale()
            self.shade = np.where(known, shade, _MISSING).astype(np.uint8).tobytes()
            self.legend = {"title": f"colour: {title}", "low": write(low), "high": write(high)}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n={len(self.points) // 8})"


def pack(indices, n: int) -> bytes:
    """Return a selection of n instances as the browser takes it: ascending, each once."""
    return np.unique(_checks.indices("selection", indices, n)).astype(np.int32).tobytes()


def unpack(selection: bytes) -> np.ndarray:
    """Return the instances of a selection; int64."""
    return np.frombuffer(selection, np.int32).astype(np.int64)


def scale() -> list[str]:
    """Return the colours of a scale from low to high; all of them show on white."""
    colors = mpl.colormaps["viridis_r"]
    return [to_hex(colors(share)) for share in np.linspace(0.08, 1, N_SHADES)]
