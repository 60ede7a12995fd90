"""See how the sampler's settings change what is in a batch."""

import base64
import html
import time
from itertools import islice

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from toolkit import _checks, plots
from toolkit.explorers.picture import Picture
from toolkit.graph import ProximityGraph
from toolkit.metrics import FalseNegatives, Hardness, batch_hardness, false_negative_rate
from toolkit.plots.hardness import density, draw_prior, times_chance
from toolkit.plots.style import COLORS, KNN, RANDOM_WALK, UNIFORM, style
from toolkit.samplers import KNNBatchSampler, UniformBatchSampler
from toolkit.walks import random_states, walk_batches

N_BATCHES = 20
SIZES = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
BATCH_SIZES = (16, 32, 64, 128, 256, 512, 1024)
DEFAULTS = {"restart": 0.2, "n_neighbors": 100, "n_candidates": 1000, "batch_size": 256}


class HardnessExplorer(widgets.VBox):
    """Sliders for the sampler's settings beside what they do to hardness and false negatives.

    Twenty batches are drawn at each setting, always from the same seeds, next to uniform and kNN batches of the
    same size.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d)
        N >= 32.
    labels : array, shape (N,), optional
        For the false negatives; without them that panel says so.
    seed : int
        Of all batches drawn.

    Attributes
    ----------
    restart, n_neighbors, n_candidates, batch_size : widgets
        The controls; set their ``value`` from code as well.
    hardness, false_negatives : dict of name to result
        What is shown now.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.explorers import HardnessExplorer
    >>> points = np.random.default_rng(0).normal(size=(1000, 8))
    >>> explorer = HardnessExplorer(points, labels=np.arange(1000) % 10)
    >>> explorer.restart.value = 0.5
    >>> sorted(explorer.hardness)
    ['Random walk', 'Uniform', 'kNN']
    """

    def __init__(self, embeddings, labels=None, seed: int = 0) -> None:
        self._unit = _checks.embeddings(embeddings).cpu()
        n = _checks.integer("number of embeddings", len(self._unit), 32)
        self._labels = None if labels is None else _checks.labels(labels, n)
        self._seed = _checks.integer("seed", seed, 0)
        self._graph: ProximityGraph | None = None
        self.hardness: dict[str, Hardness] = {}
        self.false_negatives: dict[str, FalseNegatives] = {}
        self._updating = False
        self._build_controls(n)
        self._build_picture()
        self._show_references()
        self._show_walks()
        self._arrange()

    def _build_controls(self, n: int) -> None:
        wide = {"layout": widgets.Layout(width="270px"), "style": {"description_width": "92px"}}
        self.restart = widgets.FloatSlider(
            min=0,
            max=0.95,
            step=0.05,
            description="restart",
            tooltip="Probability of jumping back to the seed. Higher: the batch stays closer to it.",
            **wide,
        )
        sizes = [size for size in SIZES if size < n - 1] + [n - 1]
        self.n_neighbors = widgets.SelectionSlider(
            options=sizes,
            description="n_neighbors",
            tooltip="Candidates kept as neighbours (K). Fewer: harder batches.",
            **wide,
        )
        self.n_candidates = widgets.SelectionSlider(
            options=sizes,
            description="n_candidates",
            tooltip="Random candidates per instance (M). More: harder batches, more false negatives.",
            **wide,
        )
        self.batch_size = widgets.SelectionSlider(
            options=[size for size in BATCH_SIZES if size <= n // 2],
            description="batch_size",
            tooltip="Instances per batch (B).",
            **wide,
        )
        self.reset = widgets.Button(description="Reset", tooltip="Back to the settings at the start")
        self.numbers = widgets.HTML(layout=widgets.Layout(max_width="540px"))
        self.message = widgets.HTML(layout=widgets.Layout(max_width="540px"))
        self._set_defaults()
        for control in (self.restart, self.n_neighbors, self.n_candidates, self.batch_size):
            control.observe(self._on_change, "value")
        self.reset.on_click(self._on_reset)

    def _set_defaults(self) -> None:
        self.restart.value = DEFAULTS["restart"]
        for name in ("n_candidates", "n_neighbors", "batch_size"):
            control = getattr(self, name)
            control.value = max(size for size in control.options if size <= max(DEFAULTS[name], control.options[0]))

    def _build_picture(self) -> None:
        with style():
            # Fixed margins: a layout that follows the labels would jump between frames.
            self._figure = Figure(figsize=(6.2, 4.6), dpi=130, layout="none")
            self._axes = self._figure.subplots(2, 1, height_ratios=[3, 1.4])
            self._figure.subplots_adjust(left=0.18, right=0.82, top=0.98, bottom=0.1, hspace=0.4)
        self._picture = Picture(self._figure)
        self._image = widgets.Image(format="png", layout=widgets.Layout(width="540px", max_width="100%"))

    def _arrange(self) -> None:
        controls = widgets.VBox([self.restart, self.n_neighbors, self.n_candidates, self.batch_size, self.reset])
        right = widgets.VBox([self._image, self.numbers, self.message])
        super().__init__([widgets.HBox([controls, right], layout=widgets.Layout(flex_flow="row wrap"))])

    def _on_reset(self, _button) -> None:
        self._updating = True
        try:
            self._set_defaults()
        finally:
            self._updating = False
        self._on_change({"owner": None})

    def _on_change(self, change) -> None:
        if self._updating:
            return
        try:
            self._keep_order(change["owner"])
            if change["owner"] is not self.restart:
                self._graph = None
            if self._shown_size != self.batch_size.value:
                self._show_references()
            self._show_walks()
            self.message.value = ""
        except Exception as error:
            self.message.value = f"<b>{type(error).__name__}</b>: {html.escape(str(error))}"
            raise

    def _keep_order(self, moved) -> None:
        """Move the other slider along, so that there are never more neighbours than candidates."""
        if self.n_neighbors.value <= self.n_candidates.value:
            return
        follower = self.n_neighbors if moved is self.n_candidates else self.n_candidates
        leader = self.n_candidates if follower is self.n_neighbors else self.n_neighbors
        self._updating = True
        try:
            follower.value = leader.value
        finally:
            self._updating = False

    def _measure(self, name: str, batches) -> None:
        self.hardness[name] = batch_hardness(batches, self._unit)
        if self._labels is not None:
            self.false_negatives[name] = false_negative_rate(batches, self._labels)

    def _show_references(self) -> None:
        """Draw uniform and kNN batches of the present size, and the layer that stays."""
        n, size = len(self._unit), self.batch_size.value
        knn = KNNBatchSampler.from_embeddings(self._unit, size, refresh_every=N_BATCHES, seed=self._seed)
        self._measure(UNIFORM, list(islice(UniformBatchSampler(n, size, seed=self._seed), N_BATCHES)))
        self._measure(KNN, list(islice(knn, N_BATCHES)))
        self._walk_starts = np.random.default_rng(self._seed).permutation(n)[: min(N_BATCHES, n // size)]
        top, bottom = self._axes
        with style():
            top.clear()
            bottom.clear()
            references = {name: self.hardness[name] for name in (UNIFORM, KNN)}
            plots.hardness(references, top)
            peak = max(density(result).max() for result in references.values())
            top.set(ylim=(0, 1.1 * peak), yticks=[])
            blue = {"color": COLORS[RANDOM_WALK], "animated": True}
            self._area = top.stairs(np.zeros(200), Hardness.edges, fill=True, alpha=0.35, **blue)
            self._outline = top.stairs(np.zeros(200), Hardness.edges, linewidth=1.8, **blue)
            self._mean = top.axvline(0, linestyle=(0, (2, 2)), **blue)
            top.texts[1].set_y(0.57)  # kNN goes last
            self._name = top.text(1.02, 0.76, "", transform=top.transAxes, va="top", linespacing=1.25, **blue)
            self._moving = [self._area, self._outline, self._mean, self._name]
            self._show_reference_rates(bottom)
        self._picture.forget()
        self._shown_size = size

    def _show_reference_rates(self, ax) -> None:
        if self._labels is None:
            ax.set_axis_off()
            ax.text(0, 0.5, "No labels given: false negatives can't be counted.", va="center")
            return
        prior = self.false_negatives[UNIFORM].prior
        names = (UNIFORM, RANDOM_WALK, KNN)
        for i, name in enumerate(names):
            if name != RANDOM_WALK:
                ax.barh(i, self.false_negatives[name].rate, color=COLORS[name], height=0.6)
        self._bar = ax.barh(1, 0, color=COLORS[RANDOM_WALK], height=0.6, animated=True)[0]
        self._moving.append(self._bar)
        draw_prior(ax, prior)
        ax.set_yticks(range(3), names)
        ax.set(xlim=(0, 1), ylim=(2.5, -0.5), xlabel="false negatives: share of in-batch pairs with the same label")
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")

    def _show_walks(self) -> None:
        """Draw random-walk batches at the present settings, and the layer that moves."""
        began = time.perf_counter()
        if self._graph is None:
            self._graph = ProximityGraph.build(
                self._unit, self.n_candidates.value, self.n_neighbors.value, seed=self._seed
            )
        states = random_states(len(self._walk_starts), self._seed)
        batches, stats = walk_batches(
            self._graph, self._walk_starts, self.batch_size.value, self.restart.value, states=states
        )
        seconds = time.perf_counter() - began
        self._measure(RANDOM_WALK, batches)
        result = self.hardness[RANDOM_WALK]
        top = self._axes[0]
        if density(result).max() > top.get_ylim()[1]:
            top.set_ylim(0, 1.1 * density(result).max())
            self._picture.forget()
        self._area.set_data(density(result))
        self._outline.set_data(density(result))
        self._mean.set_xdata([result.mean] * 2)
        self._name.set_text(f"{RANDOM_WALK}\nmean {result.mean:.2f}")
        words = [f"hardness <b>{result.mean:.3f}</b>"]
        if self._labels is not None:
            found = self.false_negatives[RANDOM_WALK]
            self._bar.set_width(found.rate)
            words.append(f"false negatives <b>{found.rate:.1%}</b>{times_chance(found, ', {}')}")
        words.append(f"{stats.steps / stats.batches:.0f} steps a batch, {stats.reseeds} reseeds")
        words.append(f"{seconds * 1000:.0f} ms for {stats.batches} batches")
        self._image.value = self._picture.png(self._moving)
        self.numbers.value = " &nbsp;·&nbsp; ".join(words)

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        return bundle | {"image/png": base64.b64encode(self._image.value).decode()}

    def __repr__(self) -> str:
        return f"HardnessExplorer(n={len(self._unit)}, labels={self._labels is not None})"
