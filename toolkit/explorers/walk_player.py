"""See a walk fill a batch, step by step, next to what theory says of it."""

import time

import ipywidgets as widgets
import numpy as np
import traitlets
from matplotlib.figure import Figure

from toolkit import plots
from toolkit.explorers.background import Newest
from toolkit.explorers.bundle import JS, bundle
from toolkit.explorers.controls import DEFAULTS, control_layout
from toolkit.explorers.map_base import MapExplorer
from toolkit.explorers.point_map import PointMap
from toolkit.metrics import batch_hardness, same_label
from toolkit.metrics.frontier import rates_of
from toolkit.plots.batches import times_chance
from toolkit.plots.style import RANDOM_WALK, UNIFORM, color_of
from toolkit.proximity import theory
from toolkit.proximity.walks import WalkTrace, visit_frequencies

N_VISITS = 200_000
N_RANKED = 1000
N_PICTURES = 300
_SEED_LABEL, _NEAREST = "seed's label", "nearest tenth"
_TOLERANCE = 1e-6


class WalkMap(PointMap):
    """Draws a walk up to a step; the browser steps on its own."""

    _esm = bundle(JS / "walk_player.js")

    walk = traitlets.Dict().tag(sync=True)
    theory = traitlets.Dict().tag(sync=True)
    step = traitlets.Int(-1).tag(sync=True)


class WalkPlayer(MapExplorer):
    """A random walk with restart step by step on a map, and the batch that it fills.

    The walk starts at the chosen instance and always from the same random numbers, so that a slider shows what its
    setting changes. Below: the distance from the seed, how often a long walk visits each node next to its personalised
    PageRank, and how much of its time it spends outside a region next to the bound of Proposition 2.

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
    restart, n_neighbors, n_candidates, batch_size, instance, region : widgets
        The controls; their ``value`` can also be set from code.
    step : int
        Steps that are shown. Set it to step from code.
    trace : WalkTrace
        The whole walk.
    escape : theory.Escape
        What theory says of the share of time outside the region.

    Raises
    ------
    TypeError, ValueError
        For embeddings with NaN, Inf or zero rows, fewer than 32 of them, labels, items or positions that are not one
        per row, another projection, and settings out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.explorers import WalkPlayer
    >>> points = np.random.default_rng(0).normal(size=(1000, 8))
    >>> player = WalkPlayer(points, labels=np.arange(1000) % 10, projection="pca")
    >>> player.batch_size.value, player.restart.value = 32, 0.5
    >>> len(player.trace.batch), player.step == player.trace.n_steps
    (32, True)
    """

    _canvas_class = WalkMap
    canvas: WalkMap
    trace: WalkTrace
    _defaults = DEFAULTS | {"batch_size": 64}

    def __init__(self, embeddings, labels=None, items=None, *, columns=None, projection="umap", **settings) -> None:
        self._newest = Newest()
        super().__init__(embeddings, labels, items, columns=columns, projection=projection, **settings)
        self.escape: theory.Escape | None = None
        self.visits = self.pagerank = None
        self.region = widgets.Dropdown(
            options=[*([_SEED_LABEL] if len(self._names) > 1 else []), _NEAREST],
            description="region",
            tooltip="How much of its time does the walk spend outside of it? All instances with the seed's label if "
            "it has one, or the tenth of all instances that is most similar to the seed.",
            **control_layout(),
        )
        self.region.observe(lambda change: self._changed(change["owner"]), "value")
        found = [self.instance, self.region, self.color_by, self.search, self.positions.control]
        controls = [*self.controls.sliders, *found, self.reset]
        self._start(controls, [self.canvas])

    @property
    def step(self) -> int:
        """Steps that are shown, of `trace.n_steps`."""
        return self.trace.n_steps if self.canvas.step < 0 else min(self.canvas.step, self.trace.n_steps)

    @step.setter
    def step(self, value: int) -> None:
        self.canvas.step = value

    def _respond(self, moved) -> None:
        began = time.perf_counter()
        settings, start = self.controls.settings, self.instance.value
        size, restart = settings["batch_size"], settings["restart"]
        trace = self._samples.walk(start, **settings)
        region, members = self._region(start)
        same = np.zeros(size, bool) if self._codes is None else same_label(self._codes, trace.batch, start)
        depth = trace.distances(self._samples.vectors)
        texts = [self.thumbnails.text(int(i)) for i in trace.batch] if self.thumbnails.kind == "text" else []
        self.trace = trace
        self._show_known_colors()
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
        self._work = lambda: self._theory(settings, start, region, members)
        self.escape = None
        self._newest.submit(self._work, self._show_theory)

    def _pictured(self) -> np.ndarray:
        return self.trace.batch[:N_PICTURES]

    def _region(self, start: int) -> tuple[str, np.ndarray]:
        """Return the name of the region, and which instances are in it."""
        codes = self._codes
        if codes is not None and codes[start] >= 0 and self.region.value == _SEED_LABEL:
            name = f"{_SEED_LABEL} ({self._names[codes[start]]})"
            return name, same_label(codes, np.arange(self._samples.n), start)
        similarities = self._samples.similarities(start)
        members = np.zeros(self._samples.n, bool)
        members[np.argsort(-similarities, kind="stable")[: self._samples.n // 10]] = True
        members[start] = True
        return _NEAREST, members

    def _show_words(self, seconds: float) -> None:
        trace = self.trace
        found = rates_of([trace.batch], self._codes, self._samples)
        words = [
            f"hardness <b>{batch_hardness([trace.batch], *self._sides).value:.3f}</b>",
            f"{self._estimated}false negatives <b>{found.value:.1%}</b>{times_chance(found, ', {}')}",
        ]
        counts = {
            "restart": trace.restarted.sum(),
            "revisit": (trace.kinds == 1).sum(),
            "reseed": trace.reseeded.sum(),
        }
        words.append(f"{trace.n_steps} steps:")
        words += [f"{n} {name}" if n == 1 else f"{n} {name}s" for name, n in counts.items()]
        words.append(f"{1000 * seconds:.0f} ms")
        self._show_numbers([words])

    def _theory(self, settings: dict, start: int, region: str, members: np.ndarray):
        restart = settings["restart"]
        graph = self._samples.graph(n_candidates=settings["n_candidates"], n_neighbors=settings["n_neighbors"])
        visits = visit_frequencies(graph, start, restart=restart, n_steps=N_VISITS, seed=self._samples.seed)
        rank = theory.pagerank(graph, start, restart=restart, tolerance=_TOLERANCE)
        escape = theory.escape(graph, members, restart=restart, tolerance=_TOLERANCE)
        return start, restart, region, members, visits, rank, escape

    def _show_theory(self, result) -> None:
        self._attempt(lambda: self._send_theory(*result()))

    def _send_theory(self, start, restart, region, members, visits, rank, escape: theory.Escape) -> None:
        self.visits, self.pagerank, self.escape = visits, rank, escape
        self._show_known_colors()
        self._measured_escape = float(visits[~members].sum())
        top = np.argsort(-rank, kind="stable")[:N_RANKED]
        apart = np.abs(visits - rank).sum() / 2
        self.canvas.theory = {
            "restart": restart,
            "visits": visits[top].astype(np.float32).tobytes(),
            "rank": rank[top].astype(np.float32).tobytes(),
            "low": float(rank[top].min()),
            "high": float(rank.max()),
            "visit_title": f"A walk of {N_VISITS:,} steps visits nodes as PageRank says, except for {apart:.1%}",
            "escape_title": f"Steps outside the region: {region}",
            "rows": [
                ["long walk", self._measured_escape, color_of(RANDOM_WALK)],
                ["its PageRank", float(escape.walk[start]), "#56B4E9"],
                ["undirected, lazy", escape.average, color_of(UNIFORM)],
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
            framed[1:] = same_label(self._codes, shown[1:], trace.start)
        plots.thumbnail_grid(self.thumbnails, shown, None, framed, 6, figure.add_subplot(outer[:, 0]))
        ax = figure.add_subplot(outer[0, 1])
        plots.walk(self.positions.shown, trace, self._labels, step, ax)
        settings = f"restart {self.restart.value:g}, K = {self.n_neighbors.value}, M = {self.n_candidates.value}"
        figure.text(0.02, 0.96, f"{ax.get_title(loc='left')}; {settings}", fontsize=11)
        ax.set_title("", loc="left")
        distance = plots.walk_distance(trace, self._samples.vectors, step, figure.add_subplot(outer[1, 1]))
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
