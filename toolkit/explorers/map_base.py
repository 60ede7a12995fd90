"""What the explorers with a map share."""

import io

import ipywidgets as widgets
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from toolkit.explorers.base import DataExplorer
from toolkit.explorers.controls import control_layout
from toolkit.explorers.map_positions import MapPositions, check_projection
from toolkit.explorers.point_map import PointMap
from toolkit.plots.style import style
from toolkit.samplers.side_by_side import SideBySide

_AREAS = '"controls map" "side map" "side charts" "below below"'


class MapExplorer(DataExplorer):
    """Controls and thumbnails on the left, a map with charts below it on the right, numbers at the end.

    A subclass names its `_canvas_class`, and writes `draw` and what `Explorer` asks for.
    """

    _canvas_class: type[PointMap]
    positions: MapPositions

    def __init__(self, embeddings, labels=None, items=None, *, projection="umap", seed: int = 0, **settings) -> None:
        samples = SideBySide.of(embeddings, seed)
        check_projection(projection, samples.n)
        super().__init__(samples, labels, items, **settings)
        self.canvas = self._canvas_class(self.thumbnails, self._codes, self._names)
        self.positions = MapPositions(self._samples.vectors, self.canvas, projection, self._attempt)
        self.instance = widgets.BoundedIntText(
            min=0,
            max=self._samples.n - 1,
            description="instance",
            tooltip="Number of the instance that is shown (★)",
            **control_layout(),
        )
        self.instance.observe(self._on_instance, "value")
        self.canvas.observe(self._on_selected, "selected")

    def draw(self, figure: Figure) -> None:
        """Draw what is shown onto an empty figure, about 9 by 6.4 inches, without a layout engine."""
        raise NotImplementedError

    def _rows(self, controls, view) -> widgets.Widget:
        left = widgets.VBox(controls, layout=widgets.Layout(grid_area="controls"))
        below = widgets.VBox([self.numbers, self.message], layout=widgets.Layout(grid_area="below"))
        for line in below.children:
            line.layout.max_width = "810px"
        grid = widgets.GridBox(
            [left, *view, below],
            layout=widgets.Layout(
                grid_template_areas=_AREAS,
                grid_template_columns="270px 542px",
                grid_template_rows="auto minmax(0, 1fr) auto auto",
            ),
        )
        grid.add_class("tk-explorer")
        return grid

    def _on_instance(self, _change) -> None:
        self.canvas.selected = self.instance.value

    def _on_selected(self, _change) -> None:
        self.instance.value = self.canvas.selected  # which keeps it in range
        self.canvas.selected = self.instance.value
        self._changed(self.canvas)

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
