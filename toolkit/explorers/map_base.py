"""What the explorers with a map share: the instance that is shown, a selection, colours, search."""

import io
from functools import lru_cache

import ipywidgets as widgets
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from toolkit import _checks
from toolkit.explorers.base import DataExplorer, box
from toolkit.explorers.columns import Columns
from toolkit.explorers.controls import control_layout
from toolkit.explorers.map_positions import MapPositions, check_projection
from toolkit.explorers.point_map import PointMap
from toolkit.metrics import InDegrees, batch_coverage, in_degrees
from toolkit.plots.style import style
from toolkit.proximity.graph import ProximityGraph
from toolkit.proximity.walks import walk_batches
from toolkit.samplers.side_by_side import SideBySide

LABEL, MEASURES = "label", ("hardness", "in-degree", "exposure")


class MapExplorer(DataExplorer):
    """Controls and thumbnails on the left, a map with charts below it on the right, numbers at the end.

    A subclass names its `_canvas_class`, and writes `draw` and what `Explorer` asks for; it sets `graph` first.

    Parameters
    ----------
    columns : DataFrame or mapping of name to sequence, optional
        What else is known of the instances, as `Columns` takes it.
    """

    _canvas_class: type[PointMap]
    positions: MapPositions
    graph: ProximityGraph

    def __init__(
        self, embeddings, labels=None, items=None, *, columns=None, projection="umap", seed: int = 0, **settings
    ) -> None:
        samples = SideBySide.of(embeddings, seed)
        check_projection(projection, samples.n)
        self.columns = Columns(columns, samples.n)
        super().__init__(samples, labels, items, **settings)
        self.canvas = self._canvas_class(self.thumbnails, self._codes, self._names, self._tell)
        self.positions = MapPositions(self._samples.vectors, self.canvas, projection, self._attempt)
        self.instance = widgets.BoundedIntText(
            min=0,
            max=self._samples.n - 1,
            description="instance",
            tooltip="Number of the instance that is shown (★)",
            **control_layout(),
        )
        own = [LABEL] if self._codes is not None else []
        taken = {*own, *MEASURES}
        self._columns_shown = {f"{name} (column)" if name in taken else name: name for name in self.columns.names}
        self.color_by = widgets.Dropdown(
            options=[*own, *MEASURES, *self._columns_shown],
            description="colour",
            tooltip="Hardness: mean similarity to the neighbours. In-degree: how often it is somebody's neighbour. "
            "Exposure: how often it is in a batch in an epoch of random walks.",
            **control_layout(),
        )
        self.search = widgets.Text(
            description="search",
            placeholder="text, label or number",
            continuous_update=False,
            tooltip="Select the instances whose text, label or class holds these words",
            **control_layout(),
        )
        self._texts = lru_cache(1)(self._texts)
        self._shown_colors = None
        self.instance.observe(self._on_instance, "value")
        self.canvas.observe(self._on_selected, "selected")
        self.color_by.observe(lambda change: self._changed(change["owner"]), "value")
        self.search.observe(lambda change: self._attempt(self._search, change["new"]), "value")

    def draw(self, figure: Figure) -> None:
        """Draw what is shown onto an empty figure, about 9 by 6.4 inches, without a layout engine."""
        raise NotImplementedError

    def _rows(self, controls, view) -> widgets.Widget:
        below = box([self.numbers, self.message], "tk-below")
        return box([box(controls, "tk-controls"), *view, below], "tk-parts", "tk-with-map")

    def _on_instance(self, _change) -> None:
        self.canvas.selected = self.instance.value

    def _on_selected(self, _change) -> None:
        self.instance.value = self.canvas.selected  # which keeps it in range
        self.canvas.selected = self.instance.value
        self._changed(self.canvas)

    # The selection

    @property
    def selection(self) -> np.ndarray:
        """Which instances are selected on the map, in ascending order; int64. Set it to any indices."""
        return np.frombuffer(self.canvas.chosen, np.int32).astype(np.int64)

    @selection.setter
    def selection(self, indices) -> None:
        found = np.unique(_checks.indices("selection", indices, self._samples.n))
        self.canvas.chosen = found.astype(np.int32).tobytes()

    def frame(self) -> pd.DataFrame:
        """Return what is known of the selected instances, or of all if none is selected, a row each.

        Returns
        -------
        DataFrame
            The instances' numbers as index; ``label`` and ``text`` where there are any, the columns given, and
            ``hardness``, ``in-degree`` and ``exposure`` in the present graph.
        """
        rows = self.selection if len(self.canvas.chosen) else np.arange(self._samples.n)
        known = {}
        if self._labels is not None:
            known["label"] = self._labels[rows]
        if self.thumbnails.kind == "text":
            known["text"] = [self.thumbnails.text(int(index)) for index in rows]
        measured = {name: self._values(name)[0][rows] for name in MEASURES}
        given = self.columns.frame.iloc[rows].reset_index(drop=True)
        return pd.concat([pd.DataFrame(known), given, pd.DataFrame(measured)], axis=1).set_index(rows)

    def _search(self, words: str) -> None:
        """Select the instances whose text, label or class holds some words, or whose number they are."""
        words = words.strip().lower()
        found = np.zeros(self._samples.n, bool)
        if words:
            found |= self.columns.matching(words)
            if self._codes is not None:
                found |= np.isin(self._codes, [code for code, name in enumerate(self._names) if words in name.lower()])
            if self.thumbnails.kind == "text":
                found |= np.array([words in text for text in self._texts()])
            number = words.removeprefix("#")
            if number.isdecimal() and int(number) < len(found):
                found[int(number)] = True
        self.canvas.status = "" if found.any() or not words else f"nothing holds {words!r}"
        self.selection = np.flatnonzero(found)

    def _texts(self) -> list[str]:
        return [self.thumbnails.text(index).lower() for index in range(self._samples.n)]

    def _tell(self, index: int) -> list[str]:
        """Return what is shown of an instance below the pointer, besides number and label."""
        text = [self.thumbnails.text(index)] if self.thumbnails.kind == "text" else []
        return text + self.columns.lines(index)

    # Colours

    def _show_colors(self) -> None:
        name = self.color_by.value
        measured = name in MEASURES
        wanted = (name, self.graph if measured else None, name == "exposure" and tuple(self._batches()))
        if wanted == self._shown_colors:
            return
        if measured:
            self.canvas.show_values(*self._values(name))
        elif name == LABEL:
            self.canvas.show_classes(self._codes, self._names)
        else:
            self.columns.show(self._columns_shown[name], self.canvas)
        self._shown_colors = wanted

    def _degrees(self) -> InDegrees:
        return in_degrees(self.graph)

    def _batches(self) -> tuple[float, int]:
        return self.restart.value, self.batch_size.value

    def _values(self, name: str):
        """Return one number per instance, what it means, and how it is written."""
        if name == "hardness":
            return self.graph.similarities.mean(1), "mean similarity to the neighbours"
        if name == "in-degree":
            return self._degrees().values, "in-degree", "{:.0f}".format
        restart, size = self._batches()
        starts = np.random.default_rng(self._samples.seed).permutation(self._samples.n)[: self._samples.n // size]
        batches, _ = walk_batches(self.graph, starts, size, restart=restart, seed=self._samples.seed)
        title = f"batches of {size} in an epoch that hold it, restart {restart:g}"
        return batch_coverage(batches, self._samples.n).visits, title, "{:.0f}".format

    # Pictures of the whole, and the end

    def png(self) -> bytes:
        """Return the present state, in 256 colours: it is stored in notebooks."""
        with style():
            figure = Figure(figsize=(9, 6.4), dpi=100, layout="none")
            canvas = FigureCanvasAgg(figure)
            self.draw(figure)
            canvas.draw()
        pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
        buffer = io.BytesIO()
        # An octree keeps colours that are rare, such as the seed's.
        pixels.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
            buffer, "png", optimize=True
        )
        return buffer.getvalue()

    def close(self) -> None:
        """End the widget, and the map if it is being computed; nothing stays in the kernel."""
        if hasattr(self, "positions"):  # or its arguments were refused
            self.positions.close()
        super().close()
