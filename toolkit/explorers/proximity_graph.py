"""See the proximity graph: an instance, its candidates, the neighbours kept of them."""

import time
from collections.abc import Callable
from weakref import WeakKeyDictionary

import ipywidgets as widgets
import numpy as np
import traitlets
from matplotlib.figure import Figure

from toolkit import plots
from toolkit.explorers.background import Newest
from toolkit.explorers.bundle import JS, bundle
from toolkit.explorers.map_base import MapExplorer
from toolkit.explorers.point_map import PointMap
from toolkit.metrics import (
    Candidates,
    InDegrees,
    SameLabelEdges,
    in_degrees,
    same_label,
    same_label_edges,
)
from toolkit.plots.batches import times_chance
from toolkit.proximity.graph import ProximityGraph

N_EDGES = 20_000
N_TEXTS = 40
_BINS = 40


class ProximityGraphMap(PointMap):
    """Draws an instance with its neighbours and candidates."""

    _esm = bundle(JS / "proximity_graph.js")

    detail = traitlets.Dict().tag(sync=True)
    stats = traitlets.Dict().tag(sync=True)
    show_candidates = traitlets.Bool(True).tag(sync=True)


class ProximityGraphExplorer(MapExplorer):
    """A map of the data set, and on it an instance with its candidates and the neighbours kept of them.

    Click on an instance, or choose one with the arrow keys.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d), or SideBySide
        N >= 32.
    labels : array, shape (N,), optional
        Labels of one type, shown as they are; None, NaN or -1 mean no label.
    items : optional
        Pictures or texts of the instances, as `toolkit.plots.Thumbnails` takes them.
    columns : DataFrame or mapping of name to sequence, optional
        What else is known of the instances: the map can be coloured by it and searched.
    projection : {"umap", "pca"} or array, shape (N, 2)
        Positions on the map. UMAP is computed in the background; PCA is shown until then.
    **settings
        Initial values of the sliders (n_candidates, n_neighbors, restart, batch_size), and seed; if the instances are
        pairs, also targets and target_items.

    Attributes
    ----------
    instance, n_neighbors, n_candidates, color_by, restart, batch_size : widgets
        The controls; their ``value`` can also be set from code. The last two, not shown, are those of the exposure.
    graph : ProximityGraph
    degrees : InDegrees
    same_label : SameLabelEdges or None

    Raises
    ------
    TypeError, ValueError
        For embeddings with NaN, Inf or zero rows, fewer than 32 of them, labels, items or positions that are not one
        per row, another projection, and settings out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.explorers import ProximityGraphExplorer
    >>> points = np.random.default_rng(0).normal(size=(1000, 8))
    >>> explorer = ProximityGraphExplorer(points, labels=np.arange(1000) % 10, projection="pca")
    >>> explorer.n_neighbors.value, explorer.instance.value = 50, 7
    >>> explorer.graph
    ProximityGraph(n_nodes=1000, n_neighbors=50, n_candidates=999)
    """

    _canvas_class = ProximityGraphMap
    canvas: ProximityGraphMap
    _degrees_shown: InDegrees
    _same_label_shown: SameLabelEdges | None

    def __init__(self, embeddings, labels=None, items=None, *, columns=None, projection="umap", **settings) -> None:
        self._newest, self._partial, self._sizes = Newest(), False, {}
        super().__init__(embeddings, labels, items, columns=columns, projection=projection, **settings)
        self._known: WeakKeyDictionary[ProximityGraph, tuple] = WeakKeyDictionary()
        self.candidates = widgets.Checkbox(
            value=True,
            description="candidates",
            indent=False,
            tooltip="Show the random candidates of the instance as small dots",
            layout=widgets.Layout(width="110px"),
        )
        self.edges = widgets.Checkbox(
            value=False,
            description="all edges",
            indent=False,
            tooltip=f"Show the edge of each instance to its most similar neighbour, {N_EDGES:,} at most",
            layout=widgets.Layout(width="110px"),
        )
        for control in (self.candidates, self.edges):
            control.observe(lambda change: self._changed(change["owner"]), "value")
        switches = widgets.HBox([self.candidates, self.edges])
        shown = [self.n_neighbors, self.n_candidates, self.instance, self.color_by, self.search, self.positions.control]
        self._start([*shown, switches, self.reset], [self.canvas])

    @property
    def degrees(self) -> InDegrees:
        """In-degrees of the current graph; what is being built is waited for."""
        self._complete()
        return self._degrees_shown

    @property
    def same_label(self) -> SameLabelEdges | None:
        """Same-label edges of the current graph; None without labels."""
        self._complete()
        return self._same_label_shown

    def _respond(self, moved) -> None:
        sizes = self.controls.sizes
        if sizes != self._sizes:
            self._sizes = sizes
            self._random = Candidates(self._samples.n, n_candidates=sizes["n_candidates"], seed=self._samples.seed)
            begun = bool(self.numbers.value)  # the first picture is whole
            self._partial = begun and not self._newest.at_once and not self._samples.has_graph(**sizes)
            if self._partial:
                self._newest.submit(lambda: self._counted(sizes), self._show_newest)
                self.canvas.stats = {}
                self._show_numbers([[_share(sizes), "building the graph …"]])
            else:
                self._show_counted(*self._counted(sizes))
        self._show_known_colors()
        self.canvas.show_candidates = self.candidates.value
        self.canvas.edges = self._strongest_edges() if self.edges.value and not self._partial else b""
        self._show_instance()

    def _counted(self, sizes: dict) -> tuple:
        """Return the graph, its in-degrees and same-label edges, and the seconds that they took."""
        began = time.perf_counter()
        graph = self._samples.graph(**sizes)
        if graph not in self._known:
            same = None if self._codes is None else same_label_edges(graph, self._codes)
            self._known[graph] = in_degrees(graph), same
        return sizes, graph, *self._known[graph], time.perf_counter() - began

    def _show_newest(self, result: Callable) -> None:
        self._attempt(lambda: self._show_if_current(*result()))

    def _show_if_current(self, sizes: dict, *found) -> None:
        """Show what was counted in the background, unless the sliders have moved on."""
        if self._partial and sizes == self._sizes:
            self._partial = False
            self._show_counted(sizes, *found)
            self._respond(None)

    def _complete(self) -> None:
        """Show the whole graph, if it is not there yet."""
        if self._partial:
            self._attempt(lambda: self._show_if_current(*self._counted(self._sizes)))

    def _show_counted(
        self, sizes: dict, graph: ProximityGraph, degrees: InDegrees, same: SameLabelEdges | None, seconds: float
    ) -> None:
        low, high = int(degrees.values.min()), int(degrees.values.max()) + 1
        counts, _ = np.histogram(degrees.values, min(_BINS, high - low), (low, high))
        self.canvas.stats = {
            "counts": counts.tolist(),
            "range": {"low": low, "high": high},
            "degree_title": f"In-degree varies by {degrees.value:.0%} around {graph.n_neighbors}",
            "label_title": "Same label at both ends"
            if same is None
            else f"{same.value:.0%} of edges join equal labels",
            "prior": None if same is None else same.prior,
            "same_rate": None if same is None else same.value,
        }
        self._degrees_shown, self._same_label_shown = degrees, same
        words = [_share(sizes), f"similarity of neighbours <b>{graph.similarities.mean():.3f}</b>"]
        if same is not None:
            words.append(f"same-label edges <b>{same.value:.1%}</b>{times_chance(same, ', {}')}")
        words.append(f"nobody's neighbour {degrees.unreachable:.1%}")
        words.append(f"{1000 * seconds:.0f} ms")
        self._show_numbers([words])

    def _degrees(self) -> InDegrees:
        return self.degrees

    def _pictured(self) -> np.ndarray:
        return np.append(self.neighborhood()[0][:N_TEXTS], self.instance.value)

    def _strongest_edges(self) -> bytes:
        rows = np.arange(self._samples.n)
        if len(rows) > N_EDGES:
            rows = np.random.default_rng(0).permutation(len(rows))[:N_EDGES]
        ends = self.graph.neighbors[rows, self.graph.similarities[rows].argmax(1)]
        return np.stack([rows, ends], 1).astype(np.int32).tobytes()

    def neighborhood(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the selected instance's neighbours, most similar first, their similarities, and the same of all its
        candidates."""
        index = self.instance.value
        neighbors, similarities = self._samples.linked(index, **self.controls.sizes)
        order = np.argsort(-similarities, kind="stable")
        candidates = self._random.of(index)
        others = self._samples.similarities(index, candidates)
        return neighbors[order], similarities[order], candidates, others

    def _show_instance(self) -> None:
        index = self.instance.value
        neighbors, similarities, candidates, others = self.neighborhood()
        both = np.concatenate([others, similarities])
        span = float(both.min()), float(both.max())
        if span[1] - span[0] < 1e-6:  # of instances that are all alike: bins need a width
            span = span[0] - 0.01, span[1] + 0.01
        known = not self._partial  # of the whole graph
        degree = int(self._degrees_shown.values[index]) if known else None
        rates = self._same_label_shown.values if known and self._same_label_shown is not None else np.zeros(index + 1)
        lines = [f"in-degree {'…' if degree is None else degree}, mean {self.n_neighbors.value}"]
        same = np.zeros(len(neighbors), np.uint8)
        if self._codes is None:
            lines.append("no labels given")
        else:
            same = same_label(self._codes, neighbors, index).astype(np.uint8)
            lines.append(f"same label: {same.sum()} of {len(same)} neighbours")
        texts = []
        if self.thumbnails.kind == "text":
            lines.append(self.thumbnails.text(index))
            texts = [self.thumbnails.text(int(i)) for i in neighbors[:N_TEXTS]]
        self.canvas.detail = {
            "index": index,
            "neighbors": neighbors.astype(np.int32).tobytes(),
            "similarities": similarities.astype(np.float32).tobytes(),
            "candidates": candidates.astype(np.int32).tobytes(),
            "same": same.tobytes(),
            "same_rate": float(np.nan_to_num(rates[index])),
            "in_degree": degree,
            "lines": lines,
            "texts": texts,
            "span": [f"{value:.2f}" for value in span],
            "histograms": [np.histogram(values, _BINS, span)[0].tolist() for values in (others, similarities)],
            "similarity_title": f"{len(candidates)} candidates, the best {len(neighbors)} kept",
        }

    def draw(self, figure: Figure) -> None:
        """Draw the map, the charts and the nearest neighbours onto an empty figure, about 9 by 6.4 inches."""
        self._complete()
        index = self.instance.value
        neighbors, similarities, _, others = self.neighborhood()
        outer = figure.add_gridspec(
            2, 2, width_ratios=[1, 2.2], height_ratios=[3, 1], left=0.02, right=0.97, top=0.93, bottom=0.09, hspace=0.1
        )
        shown = np.append(index, neighbors[:14])
        captions = ["★", *(f"{value:.2f}" for value in similarities[:14])]
        framed = np.zeros(len(shown), bool)
        if self._codes is not None:
            captions = [" ".join(words) for words in zip(captions, self._captions(shown), strict=True)]
            framed[1:] = same_label(self._codes, shown[1:], index)
        plots.thumbnail_grid(self.thumbnails, shown, captions, framed, 3, figure.add_subplot(outer[:, 0]))
        ax = figure.add_subplot(outer[0, 1])
        plots.neighborhood(self.positions.shown, self.graph, index, self._labels, ax)
        settings = f"K = {self.graph.n_neighbors}, M = {self.graph.n_candidates}"
        figure.text(0.02, 0.96, f"{ax.get_title(loc='left')}; {settings}", fontsize=11)
        ax.set_title("", loc="left")
        charts = outer[1, 1].subgridspec(1, 3, wspace=0.35)
        parts = [figure.add_subplot(charts[0, i]) for i in range(3)]
        plots.in_degrees(self.degrees, index, parts[0])
        plots.candidates(others, n_neighbors=len(neighbors), ax=parts[1])
        if self.same_label is None:
            parts[2].set_axis_off()
            parts[2].text(0, 0.5, "No labels given:\nsame-label edges\ncan't be counted.", va="center", fontsize=9)
        else:
            own = SameLabelEdges(self.same_label.values[[index]], self.same_label.prior)
            plots.same_label({"all": self.same_label, f"#{index}": own}, parts[2])
            parts[2].set_xlim(0, 1.4)
        for part in parts[:2]:
            part.set_yticks([])
        titles = ("in-degree", "similarity of candidates", "same-label edges")
        for part, title in zip(parts, titles, strict=True):
            part.set_title("", loc="left")
            part.set_ylabel("")
            part.set_xlabel(title, fontsize=9)
            part.tick_params(labelsize=8)
            for text in part.texts:
                text.set_fontsize(7.5)

    def close(self) -> None:
        """End the widget and what it computes; nothing stays in the kernel."""
        if hasattr(self, "_newest"):  # not if its arguments were refused
            self._newest.close()
        super().close()


def _share(sizes: dict) -> str:
    """Return the share of candidates that are kept, in words."""
    return f"K / M = <b>{sizes['n_neighbors'] / sizes['n_candidates']:.0%}</b>"
