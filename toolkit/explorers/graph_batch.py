"""See which graphs a walk brings together, as its restart probability changes."""

from collections.abc import Callable

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from toolkit import _checks, plots
from toolkit.explorers.base import PICTURE_WIDTH, Explorer
from toolkit.explorers.controls import restart_slider
from toolkit.explorers.picture import Picture
from toolkit.metrics import batch_hardness, false_negative_rate
from toolkit.plots.batches import times_chance
from toolkit.plots.style import style
from toolkit.plots.thumbnails import Thumbnails
from toolkit.samplers.side_by_side import Draws

N_SHOWN, COLUMNS = 15, 5


class GraphBatchExplorer(Explorer):
    """A slider for the restart probability beside the first graphs of a walk's batch; false negatives are framed.

    The walk always begins at the same graph with the same random numbers.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d)
    draw : callable
        Called with ``(index, ax)``, draws a graph.
    labels : array, shape (N,)
        Of any kind, written beneath the graphs.
    batch_size, n_neighbors, n_candidates : int
        Of the walk. There are at most N - 1 candidates.
    seed : int
        Of the graph of similarities, the start and the walk.

    Attributes
    ----------
    restart, reset : widgets
    batch : int64 array, shape (B,)
        What is shown now; the first member is the seed.

    Raises
    ------
    TypeError, ValueError
        For embeddings with NaN, Inf or zero rows, a `draw` that is no function, labels that are not one per graph, and
        settings out of their ranges.

    Examples
    --------
    >>> from toolkit import plots
    >>> from toolkit.datasets import graphs
    >>> from toolkit.explorers import GraphBatchExplorer
    >>> data = graphs.bundled()
    >>> composition = [graph.x.mean(0).tolist() for graph in data.graphs]
    >>> draw = lambda index, ax: plots.molecule(data.graphs[index], ax=ax)
    >>> explorer = GraphBatchExplorer(composition, draw, data.labels, batch_size=32, n_neighbors=20, n_candidates=200)
    >>> explorer.restart.value = 0.8
    >>> explorer.batch.shape
    (32,)
    """

    def __init__(
        self,
        embeddings,
        draw: Callable,
        labels,
        batch_size: int = 64,
        n_neighbors: int = 100,
        n_candidates: int = 1000,
        seed: int = 0,
    ) -> None:
        if not callable(draw):
            raise TypeError(f"draw must be a function of (index, ax), got {type(draw).__name__}")
        self._draws = Draws(embeddings, n_batches=1, seed=seed)
        self._labels = _checks.shape("labels", np.asarray(labels), (self._draws.n,), "one per graph")
        self._thumbnails = Thumbnails(draw, self._draws.n, size=160)
        self._settings = {"batch_size": batch_size, "n_neighbors": n_neighbors, "n_candidates": n_candidates}
        self.restart = restart_slider(value=0.1, continuous_update=False, layout=widgets.Layout(width="270px"))
        self.reset = widgets.Button(description="Reset", tooltip="Back to the restart probability at the start")
        self._image = widgets.Image(format="png", layout=widgets.Layout(width=PICTURE_WIDTH, max_width="100%"))
        self._arrange([self.restart, self.reset], [self._image])
        self.restart.observe(lambda change: self._changed(self.restart), "value")
        self.reset.on_click(lambda button: setattr(self.restart, "value", 0.1))
        self._changed()

    def _respond(self, moved=None) -> None:
        batches, stats = self._draws.walks(restart=self.restart.value, **self._settings)
        batch = batches[0]
        found = false_negative_rate(batches, self._labels)
        names = self._labels[batch[:N_SHOWN]]
        with style():
            figure = Figure(figsize=(6.2, 4.6), dpi=110, layout="none")
            captions = [f"{name} (seed)" if i == 0 else str(name) for i, name in enumerate(names)]
            framed = [False, *(names[1:] == names[0])]
            ax = figure.add_axes((0.01, 0.01, 0.98, 0.98))
            plots.thumbnail_grid(self._thumbnails, batch[:N_SHOWN], captions, framed, COLUMNS, ax)
        self._image.value = Picture(figure).png(())
        self.batch = batch
        words = [
            f"hardness <b>{batch_hardness(batches, self._draws.vectors).mean:.3f}</b>",
            f"false negatives <b>{found.rate:.1%}</b>{times_chance(found, ', {}')}",
            f"{stats.steps} steps for {len(batch)} graphs",
        ]
        self._show_numbers([words])

    def _png(self) -> bytes:
        return self._image.value

    def __repr__(self) -> str:
        return f"GraphBatchExplorer(n={self._draws.n})"
