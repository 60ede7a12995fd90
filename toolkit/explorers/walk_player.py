"""See a walk fill a batch, step by step, beside what theory says of it."""

import time

import ipywidgets as widgets
import numpy as np
import traitlets
from matplotlib.figure import Figure

from toolkit import plots
from toolkit.explorers.background import Newest
from toolkit.explorers.canvas import Canvas, bundle
from toolkit.explorers.map_base import MapExplorer, look
from toolkit.metrics import batch_hardness, false_negative_rate
from toolkit.plots.batches import times_chance
from toolkit.plots.style import COLORS, RANDOM_WALK
from toolkit.proximity import theory
from toolkit.proximity.walks import WalkTrace, trace_walk, visit_frequencies

N_VISITS = 200_000
N_RANKED = 1000
_SEED_LABEL, _NEAREST = "seed's label", "nearest tenth"
_TOLERANCE = 1e-6


class WalkCanvas(Canvas):
    """Draws a walk up to a step; the browser steps on its own."""

    _esm = bundle("walk.js")

    walk = traitlets.Dict().tag(sync=True)
    theory = traitlets.Dict().tag(sync=True)
    step = traitlets.Int(-1).tag(sync=True)


class WalkPlayer(MapExplorer):
    """A random walk with restart step by step on a map, and the batch that it fills.

    The walk starts at the chosen instance and always from the same random numbers, so that a slider shows what its
    setting changes. Beneath: the distance from the seed, how often a long walk visits each node beside its personalised
    PageRank, and how much of its time it spends outside a region beside the bound of Proposition 2.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d)
        N >= 32.
    labels : array, shape (N,), optional
        Any kind of label; strings are shown. For the false negatives.
    items : optional
        What the instances look like: images, strings, or a function that draws one (`toolkit.plots.Thumbnails`).
    layout : {"umap", "pca"} or array, shape (N, 2)
        The map. UMAP is computed in the background, PCA is shown until then.
    seed : int
        Of the graph and the walk.

    Attributes
    ----------
    restart, n_neighbors, n_candidates, batch_size, instance, region : widgets
        The controls; set their ``value`` from code as well.
    step : int
        Steps that are shown. Set it to step from code.
    trace : WalkTrace
        The whole walk.
    escape : theory.Escape
        What theory says of the share of time outside the region.

    Raises
    ------
    TypeError, ValueError
        For embeddings with NaN, Inf or zero rows, less than 32 of them, labels, items or positions that are not one per
        row, and another layout.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.explorers import WalkPlayer
    >>> points = np.random.default_rng(0).normal(size=(1000, 8))
    >>> player = WalkPlayer(points, labels=np.arange(1000) % 10, layout="pca")
    >>> player.batch_size.value, player.restart.value = 32, 0.5
    >>> len(player.trace.batch), player.step == player.trace.n_steps
    (32, True)
    """

    _canvas_class = WalkCanvas

    def __init__(self, embeddings, labels=None, items=None, layout="umap", seed: int = 0) -> None:
        self.trace: WalkTrace | None = None
        self.escape: theory.Escape | None = None
        self.visits = self.pagerank = None
        self._newest = Newest()
        super().__init__(embeddings, labels, items, layout, seed)
        if self._codes is not None:
            self.canvas.show_classes(self._codes)
        else:
            self.canvas.palette, self.canvas.shade = [COLORS["Uniform"]], bytes(self._draws.n)

    def _controls(self) -> list[widgets.Widget]:
        several = self._codes is not None and len(self._names) > 1
        self.region = widgets.Dropdown(
            options=[*([_SEED_LABEL] if several else []), _NEAREST],
            description="region",
            tooltip="How much of its time does the walk spend outside of it? All instances with the seed's label, or "
            "the tenth of all instances that is most similar to the seed.",
            **look(),
        )
        self.region.observe(lambda change: self._changed(change["owner"]), "value")
        self.reset = self.controls.reset
        self.reset.layout.width = "262px"
        self.controls.set_start(batch_size=min(64, self.batch_size.options[-1]))
        return [*self.controls.sliders, self.instance, self.region, self.positions.control, self.reset]

    @property
    def step(self) -> int:
        """Steps that are shown, of `trace.n_steps`."""
        return self.trace.n_steps if self.canvas.step < 0 else min(self.canvas.step, self.trace.n_steps)

    @step.setter
    def step(self, value: int) -> None:
        self.canvas.step = value

    def _respond(self, moved) -> None:
        began = time.perf_counter()
        graph = self._draws.graph(self.n_neighbors.value, self.n_candidates.value)
        start, size, restart = self.instance.value, self.batch_size.value, self.restart.value
        trace = trace_walk(graph, start, size, restart, self._draws.seed)
        members = self._region(start)
        same = np.zeros(size, np.uint8) if self._codes is None else self._codes[trace.batch] == self._codes[start]
        depth = trace.distances(self._draws.vectors)
        texts = [self.thumbnails.text(int(i)) for i in trace.batch] if self.thumbnails.kind == "text" else []
        self.graph, self.trace = graph, trace
        self.canvas.walk = {
            "start": start,
            "restart": restart,
            "nodes": trace.nodes.astype(np.int32).tobytes(),
            "kinds": trace.kinds.tobytes(),
            "distances": depth.astype(np.float32).tobytes(),
            "outside": (~members[trace.nodes]).astype(np.uint8).tobytes(),
            "batch": trace.batch.astype(np.int32).tobytes(),
            "same": same.astype(np.uint8).tobytes(),
            "texts": texts,
            "distance_title": f"Distance from the seed (1 - cosine similarity): {depth.mean():.2f} on average",
        }
        self._show_words(time.perf_counter() - began)
        self._work = lambda: self._theory(graph, start, members, restart)
        self.escape = None
        self._newest.submit(self._work, self._show_theory)

    def _region(self, start: int) -> np.ndarray:
        if self.region.value == _SEED_LABEL:
            return self._codes == self._codes[start]
        similarities = (self._draws.vectors @ self._draws.vectors[start]).numpy()
        members = np.zeros(self._draws.n, bool)
        members[np.argsort(-similarities, kind="stable")[: self._draws.n // 10]] = True
        members[start] = True
        return members

    def _show_words(self, seconds: float) -> None:
        trace = self.trace
        words = [f"hardness <b>{batch_hardness([trace.batch], self._draws.vectors).mean:.3f}</b>"]
        if self._codes is None:
            words.append("no labels given: false negatives can't be counted")
        else:
            found = false_negative_rate([trace.batch], self._codes)
            words.append(f"false negatives <b>{found.rate:.1%}</b>{times_chance(found, ', {}')}")
        counts = (
            f"{trace.restarted.sum()} restarts, {(trace.kinds == 1).sum()} revisits, {trace.reseeded.sum()} reseeds"
        )
        words.append(f"{trace.n_steps} steps: {counts}")
        words.append(f"{1000 * seconds:.0f} ms")
        self._show_numbers([words])

    def _theory(self, graph, start: int, members: np.ndarray, restart: float):
        visits = visit_frequencies(graph, start, restart, N_VISITS, self._draws.seed)
        rank = theory.pagerank(graph, start, restart, tolerance=_TOLERANCE)
        return start, restart, members, visits, rank, theory.escape(graph, members, restart, _TOLERANCE)

    def _show_theory(self, result) -> None:
        self._attempt(lambda: self._send_theory(*result()))

    def _send_theory(self, start, restart, members, visits, rank, escape: theory.Escape) -> None:
        self.visits, self.pagerank, self.escape = visits, rank, escape
        self._measured_escape = float(visits[~members].sum())
        top = np.argsort(-rank, kind="stable")[:N_RANKED]
        apart = np.abs(visits - rank).sum() / 2
        name = (
            self.region.value
            if self.region.value == _NEAREST
            else f"{self.region.value} ({self._names[self._codes[start]]})"
        )
        self.canvas.theory = {
            "restart": restart,
            "visits": visits[top].astype(np.float32).tobytes(),
            "rank": rank[top].astype(np.float32).tobytes(),
            "low": float(rank[top].min()),
            "high": float(rank.max()),
            "visit_title": f"A walk of {N_VISITS:,} steps visits nodes as PageRank says, but for {apart:.1%}",
            "escape_title": f"Steps outside the region: {name}",
            "rows": [
                ["long walk", self._measured_escape, COLORS[RANDOM_WALK]],
                ["its PageRank", float(escape.walk[start]), "#56B4E9"],
                ["undirected, lazy", escape.average, "#7F7F7F"],
            ],
            "bound": min(escape.bound, 1e6),
            "bound_text": f"{escape.bound:.1f}" if np.isfinite(escape.bound) else "infinite",
        }

    def draw(self, figure: Figure) -> None:
        """Draw the walk on the map, the batch, the distances and the theory, about 9 by 6.4 inches."""
        trace, step = self.trace, self.step
        if self.escape is None:  # still at work on it in the background
            self._send_theory(*self._work())
        outer = figure.add_gridspec(
            3,
            2,
            width_ratios=[1, 2.2],
            height_ratios=[3.2, 0.8, 1.1],
            left=0.02,
            right=0.97,
            top=0.93,
            bottom=0.08,
            hspace=0.45,
        )
        shown = trace.batch[: 1 + trace.new_member[:step].sum()][:54]
        framed = np.zeros(len(shown), bool)
        if self._codes is not None:
            framed[1:] = self._codes[shown[1:]] == self._codes[trace.start]
        plots.thumbnail_grid(self.thumbnails, shown, None, framed, 6, figure.add_subplot(outer[:, 0]))
        ax = figure.add_subplot(outer[0, 1])
        plots.walk(self.positions.shown, trace, self._labels, step, ax)
        settings = f"restart {self.restart.value:g}, K = {self.graph.n_neighbors}, M = {self.graph.n_candidates}"
        figure.text(0.02, 0.96, f"{ax.get_title(loc='left')}; {settings}", fontsize=11)
        ax.set_title("", loc="left")
        distance = plots.walk_distance(trace, self._draws.vectors, step, figure.add_subplot(outer[1, 1]))
        distance.set_title(distance.get_title(loc="left"), loc="left", fontsize=9, pad=3)
        beneath = outer[2, 1].subgridspec(1, 2, wspace=0.45)
        visits, escape = (figure.add_subplot(beneath[0, i]) for i in range(2))
        plots.visits(self.visits, self.pagerank, N_VISITS, visits)
        plots.escape(self.escape, trace.start, {"long walk": self._measured_escape}, escape)
        for ax in (distance, visits, escape):
            ax.tick_params(labelsize=8)
            ax.xaxis.label.set_fontsize(9)
            ax.yaxis.label.set_fontsize(9)
        visits.set_title("", loc="left")

    def close(self) -> None:
        """End the widget and what it computes; nothing stays in the kernel."""
        self._newest.close()
        super().close()
