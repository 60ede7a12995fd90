"""See how the sampler's settings change what is in a batch."""

import time

import numpy as np

from toolkit import plots
from toolkit.explorers.slider_base import SliderExplorer
from toolkit.metrics import EstimatedFalseNegatives, FalseNegatives, Hardness, batch_hardness
from toolkit.plots.batches import density, draw_prior, times_chance
from toolkit.plots.style import RANDOM_WALK, color_of
from toolkit.samplers.registry import labels

N_PAIRS = 5
FEW = 5  # samplers, for which the figure has room


class HardnessExplorer(SliderExplorer):
    """Sliders for the sampler's settings next to what they do to hardness and false negatives.

    Twenty random-walk batches of each setting, always from the same seeds, next to batches of the other samplers.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d), or SideBySide
        N >= 32.
    labels : array, shape (N,), optional
        Labels of one type, shown as they are; None, NaN or -1 mean no label.
    items : optional
        Pictures or texts of the instances, as `toolkit.plots.Thumbnails` takes them.
    targets : array or tensor, shape (N, d), optional
        Embeddings of targets, if the instances are pairs and `embeddings` are those of their queries.
    target_items : optional
        Pictures or texts of the targets.
    **settings
        Initial values of the sliders (n_candidates, n_neighbors, restart, batch_size), and seed.

    Attributes
    ----------
    restart, n_neighbors, n_candidates, batch_size : widgets
        The sliders; their ``value`` can also be set from code.
    samplers : SelectMultiple
        Labels of the samplers to show besides the random walk and the uniform one. Those that comparisons do not have
        by default are planned in the background.
    hardness, false_negatives : dict of name to result
        What is shown now; without labels, false negatives are estimated by clusters, or of pairs by their targets.

    Raises
    ------
    TypeError, ValueError
        For embeddings with NaN, Inf or zero rows, fewer than 32 of them, labels or items that are not one per row, and
        settings out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.explorers import HardnessExplorer
    >>> points = np.random.default_rng(0).normal(size=(1000, 8))
    >>> explorer = HardnessExplorer(points, labels=np.arange(1000) % 10, n_neighbors=150)
    >>> explorer.restart.value = 0.5
    >>> sorted(explorer.hardness)
    ['Random walk', 'Uniform', 'kNN']
    """

    def __init__(
        self, embeddings, labels=None, items=None, *, targets=None, target_items=None, seed: int = 0, **settings
    ) -> None:
        super().__init__(embeddings, labels, items, targets=targets, target_items=target_items, seed=seed, **settings)
        self.hardness: dict[str, Hardness] = {}
        self.false_negatives: dict[str, FalseNegatives | EstimatedFalseNegatives] = {}
        self._axes = self._new_axes((3, 1.4), left=0.195, right=0.81, top=0.98, bottom=0.1, hspace=0.4)
        shows_pairs = items is not None or target_items is not None
        self._start([self.controls, self._new_menu()], [self._image], [self._new_pairs()] if shows_pairs else [])

    def _measure(self, name: str, batches) -> None:
        self.hardness[name] = batch_hardness(batches, *self._sides)
        self.false_negatives[name] = self._rates(batches)

    def _show_fixed(self) -> None:
        """Draw the batches of the other samplers, of the current size."""
        samples = self._menu.batches(self.batch_size.value)
        self.hardness, self.false_negatives = {}, {}
        for name, batches in samples.items():
            self._measure(name, batches)
        top, bottom = self._axes
        top.clear()
        bottom.clear()
        references = {name: self.hardness[name] for name in samples}
        plots.hardness(references, top)
        peak = max(density(result).max() for result in references.values())
        top.set(ylim=(0, 1.1 * peak), yticks=[])
        look = {"color": color_of(RANDOM_WALK), "animated": True}
        self._area = top.stairs(np.zeros(200), Hardness.edges, fill=True, alpha=0.35, **look)
        self._outline = top.stairs(np.zeros(200), Hardness.edges, linewidth=1.8, **look)
        self._mean = top.axvline(0, linestyle=(0, (2, 2)), **look)
        names = [label for label in labels() if label in samples or label == RANDOM_WALK]
        step, font = (0.19, 11) if len(names) <= FEW else (1 / len(names), 8)
        heights = {name: 0.95 - step * i for i, name in enumerate(names)}
        for text, name in zip(top.texts, references, strict=True):
            text.set(y=heights[name], fontsize=font)
        at = (1.02, heights[RANDOM_WALK])
        self._name = top.text(*at, "", transform=top.transAxes, va="top", linespacing=1.25, fontsize=font, **look)
        self._moving = [self._area, self._outline, self._mean, self._name]
        self._show_reference_rates(bottom, names)

    def _show_reference_rates(self, ax, names: list[str]) -> None:
        for i, name in enumerate(names):
            if name != RANDOM_WALK:
                ax.barh(i, self.false_negatives[name].value, color=color_of(name, i), height=0.6)
        place = names.index(RANDOM_WALK)
        self._bar = ax.barh(place, 0, color=color_of(RANDOM_WALK), height=0.6, animated=True)[0]
        self._moving.append(self._bar)
        draw_prior(ax, self.false_negatives[names[0]].prior)
        ax.set_yticks(range(len(names)), names, fontsize=11 if len(names) <= FEW else 7)
        ax.set(xlim=(0, self._span()), ylim=(len(names) - 0.5, -0.5), xlabel=self._rate_name)
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")

    @property
    def _rate_name(self) -> str:
        if self._samples.paired and self._codes is None:
            return "estimated false negatives: share of in-batch pairs"
        which = "with the same label" if self._codes is not None else "in one cluster"
        return f"{self._estimated}false negatives: share of in-batch pairs {which}"

    def _span(self) -> float:
        """Return the end of the axis of false negatives: those of pairs are few."""
        most = max(found.value for found in self.false_negatives.values())
        return next((end for end in (0.05, 0.1, 0.25, 0.5) if self._samples.paired and 1.2 * most < end), 1)

    def _show_setting(self) -> None:
        began = time.perf_counter()
        batches, stats = self._samples.walks(**self.controls.settings)
        seconds = time.perf_counter() - began
        self._measure(RANDOM_WALK, batches)
        result = self.hardness[RANDOM_WALK]
        top = self._axes[0]
        if density(result).max() > top.get_ylim()[1] or self._span() > self._axes[1].get_xlim()[1]:
            top.set_ylim(0, max(1.1 * density(result).max(), top.get_ylim()[1]))
            self._axes[1].set_xlim(0, self._span())
            self._picture.forget()
        self._area.set_data(density(result))
        self._outline.set_data(density(result))
        self._mean.set_xdata([result.value] * 2)
        self._name.set_text(f"{RANDOM_WALK}\nmean {result.value:.2f}")
        words = [f"hardness <b>{result.value:.3f}</b>"]
        found = self.false_negatives[RANDOM_WALK]
        self._bar.set_width(found.value)
        words.append(f"{self._estimated}false negatives <b>{found.value:.1%}</b>{times_chance(found, ', {}')}")
        words.append(f"{stats.steps / stats.batches:.0f} steps a batch, {stats.reseeds} reseeds")
        words.append(f"{seconds * 1000:.0f} ms for {stats.batches} batches")
        self._show_frame(self._moving, words)
        if hasattr(self, "pairs"):
            pairs = self._hardest_pairs(batches, N_PAIRS)
            self._show_pairs("The most similar pairs of the random-walk batches:", pairs)
