"""What the explorers of a graph share: a map, colours that follow the graph, a picture for pages that are only read."""

from pathlib import Path

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from toolkit._files import write_whole
from toolkit.explorers.base import DataExplorer, box
from toolkit.explorers.columns import Columns
from toolkit.explorers.map_positions import MapPositions, check_projection
from toolkit.explorers.point_map import PointMap
from toolkit.explorers.selecting import Selecting
from toolkit.explorers.standalone import page
from toolkit.metrics import InDegrees, batch_coverage, in_degrees
from toolkit.proximity.graph import ProximityGraph
from toolkit.proximity.walks import walk_batches
from toolkit.samplers.side_by_side import SideBySide


class MapExplorer(Selecting, DataExplorer):
    """Controls and thumbnails on the left, a map with charts below it on the right, numbers at the end.

    A subclass names its `_canvas_class`, and writes `draw` and what `Explorer` asks for.
    """

    _canvas_class: type[PointMap]
    positions: MapPositions
    _measures = ("hardness", "in-degree", "exposure")
    _explained = (
        "Hardness: mean similarity to the neighbours. In-degree: how often it is somebody's neighbour. "
        "Exposure: how often it is in a batch in an epoch of random walks."
    )

    def __init__(
        self,
        embeddings,
        labels=None,
        items=None,
        *,
        targets=None,
        columns=None,
        projection="umap",
        seed: int = 0,
        **settings,
    ) -> None:
        samples = SideBySide.of(embeddings, seed, targets=targets)
        check_projection(projection, samples.n)
        self.columns = Columns(columns, samples.n)
        super().__init__(samples, labels, items, **settings)
        self.canvas = self._canvas_class(self.thumbnails, self._codes, self._names, self._tell)
        self.positions = MapPositions(self._samples.vectors, self.canvas, projection, self._attempt)
        self._share([self.canvas], [self.positions])

    @property
    def graph(self) -> ProximityGraph:
        """The graph of the current setting; what is being built is waited for."""
        return self._samples.graph(**self.controls.sizes)

    def draw(self, figure: Figure) -> None:
        """Draw what is shown onto an empty figure, about 9 by 6.4 inches, without a layout engine."""
        raise NotImplementedError

    def _rows(self, controls, view) -> widgets.Widget:
        below = box([self.numbers, self.message], "tk-below")
        return box([box(controls, "tk-controls"), *view, below], "tk-parts", "tk-with-map")

    def _show_known_colors(self) -> None:
        """Follow the chosen colours, unless they depend on a graph that is not there yet."""
        if self.color_by.value not in self._measures or self._samples.has_graph(**self.controls.sizes):
            self._show_colors()

    def _state_of(self, name: str):
        if name not in self._measures:
            return None
        return self.graph, self._batches() if name == "exposure" else None

    def _degrees(self) -> InDegrees:
        return in_degrees(self.graph)

    def _batches(self) -> tuple[float, int]:
        return self.restart.value, self.batch_size.value

    def _values(self, name: str):
        if name == "hardness":
            return self.graph.similarities.mean(1), "mean similarity to the neighbours"
        if name == "in-degree":
            return self._degrees().values, "in-degree", "{:.0f}".format
        restart, size = self._batches()
        starts = np.random.default_rng(self._samples.seed).permutation(self._samples.n)[: self._samples.n // size]
        batches, _ = walk_batches(self.graph, starts, size, restart=restart, seed=self._samples.seed)
        title = f"batches of {size} in an epoch that contain it, restart {restart:g}"
        return batch_coverage(batches, self._samples.n).visits, title, "{:.0f}".format

    def _pictured(self) -> np.ndarray:
        """Return the instances of which a saved page has pictures."""
        raise NotImplementedError

    def save(self, path) -> None:
        """Write the map with what is shown on it as an HTML page that needs no kernel and no network.

        Pan, zoom, selections, the legend, the pointer and a walk's steps stay alive; other instances and settings need
        the notebook. The page holds pictures of the instances listed beside the map, and texts of all.

        Parameters
        ----------
        path : str or Path
            The file, which is replaced if there is one.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        drawn = self.thumbnails.kind in ("image", "drawing")
        pictures = {int(i): self.thumbnails.address(int(i)) for i in self._pictured()} if drawn else {}
        told = self._sides_in_words or self.columns.names
        tips = {i: {"lines": self._lines(i)} for i in range(self._samples.n)} if told else {}
        settings = ", ".join(f"{name} {value:g}" for name, value in self.controls.settings.items())
        words = f"{self.numbers.value}<p>{settings}</p>"
        title = f"{type(self).__name__}: instance {self.instance.value} of {self._samples.n:,}"
        text = page(self.canvas, title, words, pictures, tips)
        write_whole(Path(path), lambda file: file.write(text.encode("utf-8", "replace")))

    def _to_figure(self) -> Figure:
        figure = Figure(figsize=(9, 6.4), dpi=100, layout="none")
        self.draw(figure)
        return figure
