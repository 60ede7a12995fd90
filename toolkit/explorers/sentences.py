"""Read what the samplers put together."""

import time

import ipywidgets as widgets
from matplotlib.figure import Figure

from toolkit import _checks, plots
from toolkit.explorers.picture import Picture
from toolkit.explorers.slider_base import SettingsExplorer
from toolkit.metrics import FalseNegatives, Hardness, batch_hardness, false_negative_rate
from toolkit.plots.batches import times_chance
from toolkit.plots.style import KNN, RANDOM_WALK, UNIFORM, style

N_SHOWN = 8


class SentenceExplorer(SettingsExplorer):
    """One batch of each sampler as sentences side by side; the sliders fill the random walk's anew.

    Hardness and false negatives beneath are those of twenty batches, always of the same starts.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d)
        N >= 32.
    texts : sequence of str
        The sentence of each.
    labels : array, shape (N,), optional
        Of any kind, for the false negatives; shown as they are.
    seed : int
        Of all batches drawn.

    Attributes
    ----------
    restart, n_neighbors, n_candidates, batch_size, batch : widgets
        The controls; set their ``value`` from code as well. `batch` chooses the batch that is shown.
    batches : dict of name to int array
        The batch of each sampler that is shown now.
    hardness, false_negatives : Hardness, FalseNegatives or None
        Of the random walk's batches.

    Raises
    ------
    TypeError, ValueError
        For embeddings with NaN, Inf or zero rows, less than 32 of them, and texts or labels that are not one per row.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.explorers import SentenceExplorer
    >>> points = np.random.default_rng(0).normal(size=(1000, 8))
    >>> explorer = SentenceExplorer(points, [f"sentence {i}" for i in range(1000)])
    >>> explorer.restart.value = 0.5
    >>> sorted(explorer.batches)
    ['Random walk', 'Uniform', 'kNN']
    """

    def __init__(self, embeddings, texts, labels=None, seed: int = 0) -> None:
        self._texts = _checks.sentences(texts, len(_checks.vectors(embeddings)))
        super().__init__(embeddings, labels, texts, seed)
        self.hardness: Hardness
        self.false_negatives: FalseNegatives | None = None
        self._image.layout = widgets.Layout(width="880px", max_width="100%")
        with style():
            self._figure = Figure(figsize=(9.4, 4.7), dpi=120)
        self._picture = Picture(self._figure)
        self.batch = self._batch_slider("Which of the twenty batches is shown.", self._show_batch)
        self._arrange([self.controls, self.batch], [], [self._image])
        self._respond()

    def _show_fixed(self) -> None:
        """Draw the uniform and kNN batches of the present size."""
        size = self.batch_size.value
        self._references = {UNIFORM: self._draws.uniform(size), KNN: self._draws.knn(size)}

    def _show_setting(self) -> None:
        """Draw the random walk's batches at the present setting, and show one of each."""
        began = time.perf_counter()
        walks, stats = self._draws.walks(**self.controls.settings)
        seconds = time.perf_counter() - began
        uniform, knn = self._references[UNIFORM], self._references[KNN]
        self._all = {UNIFORM: uniform, RANDOM_WALK: walks, KNN: knn}
        self.batch.max = min(map(len, self._all.values()))
        self.hardness = batch_hardness(walks, self._draws.vectors)
        words = [f"random walk: hardness <b>{self.hardness.mean:.3f}</b>"]
        if self._codes is not None:
            found = self.false_negatives = false_negative_rate(walks, self._codes)
            words.append(f"false negatives <b>{found.rate:.1%}</b>{times_chance(found, ', {}')}")
        words.append(f"{seconds * 1000:.0f} ms for {stats.batches} batches")
        self._show_batch()
        self._show_numbers([words])

    def _show_batch(self) -> None:
        self.batches = {name: batches[self.batch.value - 1] for name, batches in self._all.items()}
        self._figure.clear()
        plots.batch_sentences(self.batches, self._texts, self._labels, N_SHOWN, self._figure)
        self._picture.forget()
        self._image.value = self._picture.png(())
