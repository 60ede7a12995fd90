"""What the explorers with a map share."""

import io
from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from toolkit import _checks
from toolkit.explorers.base import Explorer, close_tree
from toolkit.explorers.canvas import Canvas
from toolkit.explorers.controls import SamplerControls
from toolkit.explorers.map_positions import MapPositions
from toolkit.plots.style import style
from toolkit.plots.thumbnails import Thumbnails
from toolkit.samplers.side_by_side import Draws

_AREAS = '"controls map" "side map" "side charts" "below below"'


class MapExplorer(Explorer):
    """Controls and thumbnails on the left, a map with charts beneath it on the right, numbers below.

    A subclass names its `_canvas_class`, writes `_controls` and `draw`, and what `Explorer` asks for.
    """

    _canvas_class: type[Canvas]
    positions: MapPositions | None = None  # until all arguments were found to be good
    controls: SamplerControls | None = None

    def __init__(self, embeddings, labels, items, layout, seed: int) -> None:
        self._draws = Draws(embeddings, seed=seed)
        n = _checks.integer("number of embeddings", self._draws.n, 32)
        self._labels, self._codes, self._names = None, None, []
        if labels is not None:
            self._codes = _checks.labels(labels, n)
            self._names = class_names(labels)
            self._labels = np.array(self._names)[self._codes]
        self.thumbnails = Thumbnails(items, n)
        self.canvas = self._canvas_class(self.thumbnails, self._codes, self._names)
        self.positions = MapPositions(self._draws.vectors, self.canvas, layout, self._attempt_later)
        self.controls = SamplerControls(n, self._changed)
        self.restart, self.n_neighbors, self.n_candidates, self.batch_size = self.controls.sliders
        self.instance = widgets.BoundedIntText(
            min=0, max=n - 1, description="instance", tooltip="Number of the instance that is shown (★)", **look()
        )
        for slider in self.controls.sliders:
            slider.layout.width, slider.style.description_width = "262px", "92px"
        self._arrange(self._controls(), [self.canvas])
        self._respond(None)
        self.instance.observe(self._on_instance, "value")
        self.canvas.observe(self._on_selected, "selected")

    def _controls(self) -> Sequence[widgets.Widget]:
        """Make the controls and return those to be shown."""
        raise NotImplementedError

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

    def _attempt_later(self, action, *arguments) -> None:
        self._attempt(action, *arguments)

    def _on_instance(self, _change) -> None:
        self.canvas.selected = self.instance.value

    def _on_selected(self, _change) -> None:
        self.instance.value = self.canvas.selected  # which keeps it in range
        self.canvas.selected = self.instance.value
        self._changed(self.canvas)

    def _png(self) -> bytes:
        """Draw the present state, in 256 colours: it is stored in notebooks."""
        from PIL import Image

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
        if self.positions is not None:
            self.positions.close()
        if self.controls is not None:
            close_tree(self.controls)  # not all of them are shown
        super().close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n={self._draws.n}, labels={self._codes is not None})"


def look() -> dict:
    """Return the width of a control and of its name; each needs a layout of its own, which is closed with it."""
    return {"layout": widgets.Layout(width="262px"), "style": {"description_width": "92px"}}


def class_names(labels) -> list[str]:
    """Return the names of the labels' codes."""
    return [str(name) for name in np.unique(np.asarray(labels))]
