"""See which graphs a walk brings together."""

import numpy as np
from matplotlib.figure import Figure

from toolkit import plots
from toolkit.explorers.picture import Picture
from toolkit.explorers.picture_view import PictureView
from toolkit.explorers.slider_base import PictureExplorer
from toolkit.metrics import batch_hardness, same_label
from toolkit.plots.batches import times_chance
from toolkit.plots.style import style

N_SHOWN, COLUMNS = 15, 5


class GraphBatchExplorer(PictureExplorer):
    """The sampler's sliders next to the first graphs of a walk's batch; false negatives are framed.

    The walk always begins at the same graph with the same random numbers.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d), or SideBySide
        N >= 32.
    labels : array, shape (N,), optional
        Labels of one type, shown as they are; None, NaN or -1 mean no label.
    items : callable
        Draws a graph: called with ``(index, ax)``.
    **settings
        Initial values of the sliders (n_candidates, n_neighbors, restart, batch_size), and seed.

    Attributes
    ----------
    restart, n_neighbors, n_candidates, batch_size, reset : widgets
        The sliders; their ``value`` can also be set from code.
    batch : int64 array, shape (B,)
        What is shown now; the first member is the seed.

    Raises
    ------
    TypeError, ValueError
        For embeddings with NaN, Inf or zero rows, fewer than 32 of them, labels or items that are not one per row, and
        settings out of range.

    Examples
    --------
    >>> from toolkit import plots
    >>> from toolkit.datasets import graphs
    >>> from toolkit.explorers import GraphBatchExplorer
    >>> data = graphs.bundled()
    >>> composition = [graph.x.mean(0).tolist() for graph in data.graphs]
    >>> render = lambda index, ax: plots.molecule(data.graphs[index], ax=ax)
    >>> explorer = GraphBatchExplorer(composition, data.labels, render, batch_size=32)
    >>> explorer.restart.value = 0.8
    >>> explorer.batch.shape
    (32,)
    """

    _kinds = ("drawing",)

    def __init__(self, embeddings, labels=None, items=None, **settings) -> None:
        super().__init__(embeddings, labels, items, **settings)
        self.thumbnails.size = 160
        self._image = PictureView()
        self._start([self.controls], [self._image])

    def _show_setting(self) -> None:
        settings = self.controls.settings
        start = self._samples.starts(settings["batch_size"])[0]
        trace = self._samples.walk(start, **settings)
        self.batch, batches = trace.batch, [trace.batch]
        found = self._rates(batches)
        words = [
            f"hardness <b>{batch_hardness(batches, *self._sides).value:.3f}</b>",
            f"{self._estimated}false negatives <b>{found.value:.1%}</b>{times_chance(found, ', {}')}",
            f"{trace.n_steps} steps for {len(self.batch)} graphs",
        ]
        self._draw_batch(self.batch[:N_SHOWN])
        self._show_frame((), words)

    def _draw_batch(self, shown: np.ndarray) -> None:
        captions = self._captions(shown)
        captions[0] = f"{captions[0]} (seed)".strip()
        framed = np.zeros(len(shown), bool)
        if self._codes is not None:
            framed[1:] = same_label(self._codes, shown[1:], shown[0])
        with style():
            figure = Figure(figsize=(6.2, 4.6), dpi=110, layout="none")
            ax = figure.add_axes((0.01, 0.01, 0.98, 0.98))
            plots.thumbnail_grid(self.thumbnails, shown, captions, framed, COLUMNS, ax)
        self._picture = Picture(figure)
