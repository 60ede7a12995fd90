"""Read what the samplers put together."""

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from toolkit import plots
from toolkit.explorers import lists
from toolkit.explorers.base import box
from toolkit.explorers.picture_view import StyleSheet
from toolkit.explorers.walking import Walked, WalkingExplorer
from toolkit.metrics import EstimatedFalseNegatives, FalseNegatives, Hardness, same_label
from toolkit.plots.batches import times_chance
from toolkit.plots.sentences import legend
from toolkit.plots.style import RANDOM_WALK, color_of
from toolkit.samplers.registry import labels

N_SHOWN = 8


class SentenceExplorer(WalkingExplorer):
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
    hardness : Hardness
    false_negatives : FalseNegatives or EstimatedFalseNegatives
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
        self._found: Walked
        self.columns = widgets.HTML()
        self.batch = self._batch_slider("Which of the twenty batches is shown.", self._show_batch)
        self._start([self.controls, self.batch], [StyleSheet(), self.columns])

    def _rows(self, controls, view) -> widgets.Widget:
        return box([box(controls, "tk-controls"), box([self.numbers, self.message, *view])], "tk-parts", "tk-across")

    @property
    def hardness(self) -> Hardness:
        """Hardness of the random walk's batches."""
        self._complete()
        return self._found.hardness

    @property
    def false_negatives(self) -> FalseNegatives | EstimatedFalseNegatives:
        """False negatives of the random walk's batches, estimated if there are no labels."""
        self._complete()
        return self._found.false_negatives

    @property
    def _least(self) -> int:
        return self.batch.value

    def _show_walks(self, walked: Walked) -> None:
        """Show one batch of each sampler, and numbers of the random walk's."""
        self._found = walked
        samples = self._samples.references(self.batch_size.value) | {RANDOM_WALK: walked.batches}
        self._all = {label: samples[label] for label in labels() if label in samples}
        self.batch.max = self._n_walks
        found = walked.false_negatives
        words = [
            f"random walk: hardness <b>{walked.hardness.value:.3f}</b>",
            f"{self._estimated}false negatives <b>{found.value:.1%}</b>{times_chance(found, ', {}')}",
            self._words_on_time(walked),
        ]
        self._show_batch()
        self._show_numbers([words])

    def _show_batch(self) -> None:
        if self.batch.value > len(self._all[RANDOM_WALK]):  # the others are on their way
            self._complete()
            return
        self.batches = {name: np.asarray(batches[self.batch.value - 1]) for name, batches in self._all.items()}
        columns = [self._column(name, batch[:N_SHOWN]) for name, batch in self.batches.items()]
        self.columns.value = f'<div class="tk-note">{legend(self._codes is not None)}</div>{lists.columns(columns)}'

    def _column(self, name: str, members: np.ndarray) -> str:
        """Return the first members of a sampler's batch as HTML; false negatives of the first are marked."""
        known = self._codes is not None
        same = same_label(self._codes, members[1:], members[0]) if known else np.zeros(len(members) - 1, bool)
        looks = ["tk-first", *("tk-false" if each else "" for each in same)]
        entries = [
            lists.entry(
                lists.item(self.thumbnails, index), [caption, "false negative" if look == "tk-false" else ""], look
            )
            for index, caption, look in zip(members, self._captions(members), looks, strict=True)
        ]
        return lists.column(lists.heading(name, color_of(name)), name, entries)

    def _to_figure(self) -> Figure:
        """Return the same batches as a figure."""
        shown = {int(index) for batch in self.batches.values() for index in batch[:N_SHOWN]}
        texts = {index: self.thumbnails.text(index) for index in shown}
        figure = Figure(figsize=(9.4, 4.7), dpi=120)
        plots.batch_sentences(self.batches, texts, self._labels, N_SHOWN, figure)
        return figure
