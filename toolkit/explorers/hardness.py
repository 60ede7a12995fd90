"""See how the sampler's settings change what is in a batch."""

import time

import numpy as np

from toolkit import plots
from toolkit.explorers.slider_base import NO_LABELS, SettingsExplorer
from toolkit.metrics import FalseNegatives, Hardness, batch_hardness, false_negative_rate, hardest_pairs
from toolkit.plots.batches import density, draw_prior, times_chance
from toolkit.plots.style import COLORS, KNN, RANDOM_WALK, UNIFORM

N_PAIRS = 5


class HardnessExplorer(SettingsExplorer):
    """Sliders for the sampler's settings beside what they do to hardness and false negatives.

    Twenty batches are drawn at each setting, always from the same seeds, next to uniform and kNN batches of the
    same size.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d)
        N >= 32.
    labels : array, shape (N,), optional
        Of any kind, for the false negatives; without them that panel says so.
    items : optional
        What the instances look like, as `toolkit.plots.Thumbnails` takes them. With them, the most similar pairs
        of the walks' batches are shown.
    seed : int
        Of all batches drawn.

    Attributes
    ----------
    restart, n_neighbors, n_candidates, batch_size : widgets
        The controls; set their ``value`` from code as well.
    hardness, false_negatives : dict of name to result
        What is shown now.

    Raises
    ------
    TypeError, ValueError
        For embeddings with NaN, Inf or zero rows, less than 32 of them, and labels or items that are not one per row.

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

    def __init__(self, embeddings, labels=None, items=None, seed: int = 0) -> None:
        super().__init__(embeddings, labels, items, seed)
        self.hardness: dict[str, Hardness] = {}
        self.false_negatives: dict[str, FalseNegatives] = {}
        self._axes = self._new_axes((3, 1.4), left=0.195, right=0.81, top=0.98, bottom=0.1, hspace=0.4)
        self._arrange([self.controls], [self._image], [] if items is None else [self.pairs])
        self._respond()

    def _measure(self, name: str, batches) -> None:
        self.hardness[name] = batch_hardness(batches, self._draws.vectors)
        if self._codes is not None:
            self.false_negatives[name] = false_negative_rate(batches, self._codes)

    def _show_fixed(self) -> None:
        """Draw uniform and kNN batches of the present size."""
        size = self.batch_size.value
        self._measure(UNIFORM, self._draws.uniform(size))
        self._measure(KNN, self._draws.knn(size))
        top, bottom = self._axes
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

    def _show_reference_rates(self, ax) -> None:
        if self._codes is None:
            ax.set_axis_off()
            ax.text(0, 0.5, NO_LABELS, va="center")
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

    def _show_setting(self) -> None:
        began = time.perf_counter()
        batches, stats = self._draws.walks(**self.controls.settings)
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
        if self._codes is not None:
            found = self.false_negatives[RANDOM_WALK]
            self._bar.set_width(found.rate)
            words.append(f"false negatives <b>{found.rate:.1%}</b>{times_chance(found, ', {}')}")
        words.append(f"{stats.steps / stats.batches:.0f} steps a batch, {stats.reseeds} reseeds")
        words.append(f"{seconds * 1000:.0f} ms for {stats.batches} batches")
        self._show_frame(self._moving, words)
        if self._thumbnails.kind != "number":
            pairs = hardest_pairs(batches, self._draws.vectors, N_PAIRS, self._codes)
            self._show_pairs("The most similar pairs of the random-walk batches:", pairs)
