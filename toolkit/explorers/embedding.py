"""An explorer of embeddings: a map of all instances with selection, colours and search."""

import time

import ipywidgets as widgets
import numpy as np
import torch
import traitlets
from matplotlib.figure import Figure

from toolkit import _checks, plots
from toolkit.explorers.bundle import JS, bundle
from toolkit.explorers.columns import Columns
from toolkit.explorers.map_positions import MapPositions, check_projection
from toolkit.explorers.point_map import PointMap
from toolkit.explorers.selecting import Selecting
from toolkit.samplers.measuring import mean_similarity
from toolkit.samplers.side_by_side import SideBySide

N_SHOWN = 36
_NEAREST = 24


class PlainMap(PointMap):
    """A map of all instances that marks the current one."""

    _esm = bundle(JS / "plain_map.js")

    title = traitlets.Unicode().tag(sync=True)


class EmbeddingExplorer(Selecting):
    """A map of up to a million embeddings: zoom, select, search, and colour by labels or your own columns.

    Next to the map are the selected instances or, without a selection, those most similar to the current one. On a map
    of pairs, two pairs are near each other if both their queries and their targets are similar. The most similar pairs
    are those whose targets are similar to the current query, and whose queries are similar to the current target.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d), or SideBySide
        Embeddings of at least 32 instances, or with `targets` of their queries.
    labels : array, shape (N,), optional
        Labels of any one type, shown as they are; None, NaN or -1 mean no label.
    items : optional
        Pictures or texts of the instances, in any form that `toolkit.plots.Thumbnails` accepts.
    targets : array or tensor, shape (N, d), optional
        Embeddings of the targets, if the instances are pairs and `embeddings` are those of their queries.
    target_items : optional
        Pictures or texts of the targets.
    columns : DataFrame or mapping of name to sequence, optional
        Further values for each instance, by which the map can be coloured and searched.
    projection : {"umap", "pca"} or array, shape (N, 2)
        Positions on the map. UMAP is computed in the background; PCA is shown until then.
    seed : int
        Random seed.

    Attributes
    ----------
    selection : int64 array
        Instances selected on the map; can be set to any indices.
    instance, color_by, search : widgets
        The controls; their ``value`` can also be set from code.

    Raises
    ------
    TypeError, ValueError
        For embeddings with NaN, Inf or zero rows, fewer than 32 embeddings, an unknown projection, and labels, items,
        columns or positions that do not have one entry for each embedding.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.explorers import EmbeddingExplorer
    >>> points = np.random.default_rng(0).normal(size=(200, 8))
    >>> explorer = EmbeddingExplorer(points, columns={"norm": np.linalg.norm(points, axis=1)}, projection="pca")
    >>> explorer.selection = [3, 4]
    >>> list(explorer.frame().columns)
    ['norm']
    """

    def __init__(
        self,
        embeddings,
        labels=None,
        items=None,
        *,
        targets=None,
        target_items=None,
        columns=None,
        projection="umap",
        seed: int = 0,
    ) -> None:
        samples = SideBySide.of(embeddings, seed, targets=targets)
        check_projection(projection, samples.n)
        self.columns = Columns(columns, samples.n)
        self._take(samples, labels, items, target_items)
        self.canvas = PlainMap(self.thumbnails, self._codes, self._names, self._tell)
        self._paused = True  # no responses until all parts exist
        self.positions = MapPositions(samples.vectors, self.canvas, projection, self._attempt)
        self._share([self.canvas], [self.positions])
        self.canvas.observe(lambda change: self._changed(self.canvas), "chosen")
        self.shown = widgets.HTML()
        self.shown.add_class("tk-scroll")
        controls = [self.instance, self.color_by, self.search, self.positions.control, self.shown]
        self._start(controls, [self.canvas])

    def _respond(self, moved) -> None:
        began = time.perf_counter()
        self._show_colors()
        index, chosen = self.instance.value, self.selection
        if len(chosen):
            shown, heading = chosen[:N_SHOWN], f"{len(chosen):,} selected"
        else:
            shown, heading = self.nearest(index), f"Most similar to #{index}"
        self.shown.value = f"<div>{heading}</div>{self._grid(shown.tolist())}"
        words = [f"{self._samples.n:,} instances, {len(chosen):,} selected"]
        if len(chosen) > 1:
            mean = mean_similarity(self._samples.vectors[chosen], self._samples.paired)
            words.append(f"mean similarity within the selection <b>{mean:.3f}</b>")
        self._show_numbers([[*words, f"{1000 * (time.perf_counter() - began):.0f} ms"]])

    def nearest(self, index: int) -> np.ndarray:
        """Return an instance, followed by those most similar to it; int64."""
        index = _checks.integer("index", index, 0, self._samples.n - 1)
        similarities = torch.from_numpy(self._samples.similarities(index))
        similarities[index] = torch.inf  # a query may be more similar to other targets than to its own
        return similarities.topk(min(_NEAREST, len(similarities))).indices.numpy()

    def _to_figure(self) -> Figure:
        """Return the map with the selection as a figure."""
        figure, shown = Figure(figsize=(7, 5), dpi=100), self.positions.shown
        ax = plots.embedding_map(shown, self._labels, ax=figure.subplots(), faint=len(self.selection) > 0)
        ax.plot(*shown[self.selection].T, "o", markersize=3, color="black", rasterized=True)
        return figure
