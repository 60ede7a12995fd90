"""See what hardness costs in false negatives, and choose a setting."""

import time

import ipywidgets as widgets
import numpy as np

from toolkit import plots
from toolkit.explorers.slider_base import NO_LABELS, SliderExplorer
from toolkit.metrics import (
    FalseNegatives,
    Frontier,
    Hardness,
    batch_hardness,
    false_negative_rate,
    hardest_pairs,
    hardness_frontier,
)
from toolkit.plots.batches import times_chance
from toolkit.plots.style import INK, RANDOM_WALK, color_of

N_PAIRS = 5
SHARES = (1 / 2, 1 / 5, 1 / 10, 1 / 50)  # K / M of the frontier's lines
RESTARTS = (0.05, 0.2, 0.5, 0.8)


class FalseNegativeExplorer(SliderExplorer):
    """The frontier of hardness against false negatives, with the present setting as a point that moves on it.

    Uniform and kNN batches are its ends. The point stands for twenty batches, always of the same starts, and carries
    95 % intervals. Below it are the most similar false negatives of one of these batches, and the code of a sampler
    with the setting.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d), or SideBySide
        N >= 32.
    labels : array, shape (N,), optional
        Labels of one kind, shown as they are; None, NaN or -1 where there is none.
    items : optional
        Pictures or texts of the instances, as `toolkit.plots.Thumbnails` takes them.
    **settings
        Initial values of the sliders (n_candidates, n_neighbors, restart, batch_size), and seed.

    Attributes
    ----------
    restart, n_neighbors, n_candidates, batch_size, batch : widgets
        The sliders; set their ``value`` from code as well. `batch` chooses whose false negatives are shown.
    batches : int64 array, shape (n, B)
    hardness : Hardness
    false_negatives : FalseNegatives or None
        Results of the random-walk batches at the present setting.
    frontier : Frontier or None
        What the picture shows.
    code : str
        A sampler with the present setting.

    Raises
    ------
    TypeError, ValueError
        For embeddings with NaN, Inf or zero rows, fewer than 32 of them, labels or items that are not one per row, and
        settings out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.explorers import FalseNegativeExplorer
    >>> points = np.random.default_rng(0).normal(size=(1000, 8))
    >>> explorer = FalseNegativeExplorer(points, labels=np.arange(1000) % 10)
    >>> explorer.restart.value = 0.5
    >>> explorer.code
    'RandomWalkBatchSampler(1000, batch_size=256, n_candidates=999, n_neighbors=100, restart=0.5)'
    """

    def __init__(self, embeddings, labels=None, items=None, **settings) -> None:
        super().__init__(embeddings, labels, items, **settings)
        self.hardness: Hardness
        self.false_negatives: FalseNegatives | None = None
        self.frontier: Frontier | None = None
        self._frontiers: dict[int, Frontier] = {}
        (self._axes,) = self._new_axes(left=0.12, right=0.9, top=0.9, bottom=0.125)
        self.batch = self._batch_slider("Whose false negatives are shown below.", self._show_batch)
        self.text = widgets.Text(
            description="as code",
            tooltip="A sampler with this setting, to copy",
            layout=widgets.Layout(width="820px", max_width="99%"),
        )
        self._start([self.controls, self.batch], [self._image], [self.text, self._new_pairs()])

    @property
    def code(self) -> str:
        """A sampler with the present setting."""
        shown = self.controls.settings
        names = ("batch_size", "n_candidates", "n_neighbors", "restart")
        settings = ", ".join(f"{name}={round(shown[name], 10)}" for name in names)  # a browser's steps are not exact
        return f"RandomWalkBatchSampler({self._samples.n}, {settings})"

    def _show_fixed(self) -> None:
        self._axes.clear()
        if self._codes is None:
            self._axes.set_axis_off()
            self._axes.text(0.5, 0.5, NO_LABELS, ha="center", transform=self._axes.transAxes)
            self._moving = []
        else:
            self._draw_frontier(self.batch_size.value)

    def _draw_frontier(self, size: int) -> None:
        if size not in self._frontiers:
            widest = min(1000, self._samples.n - 1)
            graphs = [(widest, max(int(widest * share), 2)) for share in SHARES]
            self._frontiers[size] = hardness_frontier(
                self._samples, self._codes, size, graphs=graphs, restarts=RESTARTS
            )
        self.frontier = self._frontiers[size]
        plots.frontier(self.frontier, self._axes)
        self._axes.autoscale(False)  # what moves starts at 0
        blue = {"color": color_of(RANDOM_WALK), "animated": True, "zorder": 5}
        (self._across,) = self._axes.plot([0, 0], [0, 0], **blue)
        (self._along,) = self._axes.plot([0, 0], [0, 0], **blue)
        (self._point,) = self._axes.plot([0], [0], "o", markersize=11, markeredgecolor=INK, markeredgewidth=1.6, **blue)
        self._name = self._axes.text(
            0.02, 0.9, "", transform=self._axes.transAxes, va="top", weight="bold", fontsize=10, linespacing=1.4, **blue
        )
        self._moving = [self._across, self._along, self._name, self._point]

    def _show_setting(self) -> None:
        began = time.perf_counter()
        self.batches, stats = self._samples.walks(**self.controls.settings)
        seconds = time.perf_counter() - began
        self.hardness = batch_hardness(self.batches, self._samples.vectors)
        words = [f"hardness <b>{self.hardness.value:.3f}</b>{_plus_minus(self.hardness, '.3f')}"]
        if self._codes is not None:
            found = self.false_negatives = false_negative_rate(self.batches, self._codes)
            self._move_point(found)
            words.append(
                f"false negatives <b>{found.value:.1%}</b>{_plus_minus(found, '.1%')}{times_chance(found, ', {}')}"
            )
        words.append(f"{seconds * 1000:.0f} ms for {stats.batches} batches")
        self._show_frame(self._moving, words)
        self.text.value = self.code
        self.batch.max = len(self.batches)
        self._show_batch()

    def _move_point(self, found: FalseNegatives) -> None:
        x, y = self.hardness.value, found.value
        self._point.set_data([x], [y])
        self._along.set_data(self.hardness.interval(), [y, y])
        self._across.set_data([x, x], found.interval())
        setting = f"restart {self.restart.value:g}, K / M = {self.n_neighbors.value} / {self.n_candidates.value}"
        self._name.set_text(f"● {setting}")

    def _show_batch(self) -> None:
        """Show false negatives of the chosen batch."""
        if self.false_negatives is None:
            self.pairs.value = NO_LABELS
            return
        number = self.batch.value
        batch, rate = self.batches[number - 1], self.false_negatives.values[number - 1]
        n_pairs = len(batch) * (len(batch) - 1) // 2
        pairs = hardest_pairs([batch], self._samples.vectors, N_PAIRS, self._codes, only_false=True)
        heading = f"Batch {number}: {round(rate * n_pairs):,} of {n_pairs:,} pairs are false negatives ({rate:.1%})"
        self._show_pairs(heading + (". The most similar of them:" if len(pairs) else "."), pairs)


def _plus_minus(result: Hardness | FalseNegatives, form: str) -> str:
    """Return half the 95 % interval in words; nothing for a single batch, which has none."""
    half = result.interval()[1] - result.value
    return f" ± {half:{form}}" if np.isfinite(half) else ""
