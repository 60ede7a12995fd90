"""Read what the samplers put together."""

import time

import ipywidgets as widgets
from matplotlib.figure import Figure

from toolkit import plots
from toolkit.explorers.base import box
from toolkit.explorers.slider_base import SliderExplorer
from toolkit.metrics import FalseNegatives, Hardness, batch_hardness, false_negative_rate
from toolkit.plots.batches import times_chance
from toolkit.plots.style import RANDOM_WALK, style
from toolkit.samplers.registry import labels

N_SHOWN = 8


class SentenceExplorer(SliderExplorer):
    """One batch of each sampler as sentences side by side; the random walk's follows the sliders.

    Hardness and false negatives below are those of twenty batches, always of the same starts.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d), or SideBySide
        N >= 32.
    labels : array, shape (N,), optional
        Labels of one type, shown as they are; None, NaN or -1 mean no label.
    items : sequence of str, or data set
        The sentence of each instance.
    **settings
        Initial values of the sliders (n_candidates, n_neighbors, restart, batch_size), and seed.

    Attributes
    ----------
    restart, n_neighbors, n_candidates, batch_size, batch : widgets
        The sliders; their ``value`` can also be set from code. `batch` chooses the batch that is shown.
    batches : dict of name to int array
        The batch of each sampler that is shown now.
    hardness, false_negatives : Hardness, FalseNegatives or None
        Results of the random walk's batches.

    Raises
    ------
    TypeError, ValueError
        For embeddings with NaN, Inf or zero rows, fewer than 32 of them, labels or items that are not one per row, and
        settings out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.explorers import SentenceExplorer
    >>> points = np.random.default_rng(0).normal(size=(1000, 8))
    >>> explorer = SentenceExplorer(points, items=[f"sentence {i}" for i in range(1000)])
    >>> explorer.restart.value = 0.5
    >>> sorted(explorer.batches)
    ['Random walk', 'Uniform', 'kNN']
    """

    _kinds = ("text",)

    def __init__(self, embeddings, labels=None, items=None, **settings) -> None:
        super().__init__(embeddings, labels, items, **settings)
        self.hardness: Hardness
        self.false_negatives: FalseNegatives | None = None
        with style():
            self._figure = Figure(figsize=(9.4, 4.7), dpi=120)
        image = self._new_picture(self._figure)
        self.batch = self._batch_slider("Which of the twenty batches is shown.", self._show_batch)
        self._start([self.controls, self.batch], [], [image])

    def _rows(self, controls, view) -> widgets.Widget:
        return box([box(controls, "tk-controls"), box([self.numbers, self.message])], "tk-parts", "tk-across")

    def _show_setting(self) -> None:
        """Fill the random walk's batches at the current setting, and show one of each sampler."""
        began = time.perf_counter()
        walks, stats = self._samples.walks(**self.controls.settings)
        seconds = time.perf_counter() - began
        samples = self._samples.references(self.batch_size.value) | {RANDOM_WALK: walks}
        self._all = {label: samples[label] for label in labels() if label in samples}
        self.batch.max = min(map(len, self._all.values()))
        self.hardness = batch_hardness(walks, *self._sides)
        words = [f"random walk: hardness <b>{self.hardness.value:.3f}</b>"]
        if self._codes is not None:
            found = self.false_negatives = false_negative_rate(walks, self._codes)
            words.append(f"false negatives <b>{found.value:.1%}</b>{times_chance(found, ', {}')}")
        words.append(f"{seconds * 1000:.0f} ms for {stats.batches} batches")
        self._show_batch()
        self._show_numbers([words])

    def _show_batch(self) -> None:
        self.batches = {name: batches[self.batch.value - 1] for name, batches in self._all.items()}
        shown = {int(index) for batch in self.batches.values() for index in batch[:N_SHOWN]}
        texts = {index: self.thumbnails.text(index) for index in shown}
        self._figure.clear()
        plots.batch_sentences(self.batches, texts, self._labels, N_SHOWN, self._figure)
        self._picture.forget()
        self._image.value = self._picture.png(())
