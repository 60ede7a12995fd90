"""See which negatives a query meets in its batch, next to its own positive."""

import html
import time

import ipywidgets as widgets
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from toolkit import plots
from toolkit.explorers import lists
from toolkit.explorers.base import DataExplorer
from toolkit.explorers.controls import control_layout
from toolkit.explorers.picture_view import StyleSheet
from toolkit.explorers.sampler_menu import SamplerMenu
from toolkit.metrics import batch_hardness, hardest_negatives
from toolkit.metrics.frontier import rates_of
from toolkit.plots.style import RANDOM_WALK, UNIFORM, color_of
from toolkit.proximity.false_negatives import RATIO
from toolkit.proximity.walks import walk_batches

N_SHOWN = 8


class PairExplorer(DataExplorer):
    """A query with its positive and the hardest negatives of its batch, with the random walk and other samplers.

    The random walk's batch begins at the query and follows the sliders; that of another sampler is the one of an epoch
    that holds the query. Negatives that are nearly as similar to the query as its own target are marked: they are
    suspected to be false. That is an estimate; with labels, the known ones are marked.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d), or SideBySide
        Embeddings of the queries, N >= 32.
    labels : array, shape (N,), optional
        Labels of one type, shown as they are; None, NaN or -1 mean no label.
    items : optional
        Pictures or texts of the queries, as `toolkit.plots.Thumbnails` takes them.
    targets : array or tensor, shape (N, d)
        Embeddings of the queries' targets. None if `embeddings` are a `SideBySide` object, which holds them.
    target_items : optional
        Pictures or texts of the targets.
    **settings
        Initial values of the sliders (n_candidates, n_neighbors, restart, batch_size), and seed.

    Attributes
    ----------
    query : widget
        Which query is shown; its ``value`` can also be set from code.
    samplers : SelectMultiple
        Labels of the samplers to show besides the random walk and the uniform one.
    batches : dict of name to int64 array, shape (B,)
    negatives : dict of name to DataFrame
        What is shown, by sampler, as `toolkit.metrics.hardest_negatives` returns it.

    Raises
    ------
    TypeError, ValueError
        For embeddings with NaN, Inf or zero rows, fewer than 32 of them, targets of another shape or none, labels or
        items that are not one per row, and settings out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.explorers import PairExplorer
    >>> queries = np.random.default_rng(0).normal(size=(500, 8))
    >>> explorer = PairExplorer(queries, targets=queries + 0.1, batch_size=32)
    >>> explorer.query.value, explorer.n_neighbors.value = 7, 10
    >>> hardest = {name: found.similarity[0] for name, found in explorer.negatives.items()}
    >>> bool(hardest["Random walk"] > hardest["Uniform"])
    True
    """

    def __init__(
        self, embeddings, labels=None, items=None, *, targets=None, target_items=None, seed: int = 0, **settings
    ) -> None:
        super().__init__(embeddings, labels, items, targets=targets, target_items=target_items, seed=seed, **settings)
        if not self._samples.paired:
            raise TypeError("targets must be the embeddings of the queries' targets, got None")
        self.batches: dict[str, np.ndarray] = {}
        self.negatives: dict[str, pd.DataFrame] = {}
        self.query = widgets.BoundedIntText(
            min=0,
            max=self._samples.n - 1,
            description="query",
            tooltip="Number of the query that is shown",
            **control_layout(),
        )
        self.query.observe(lambda change: self._changed(change["owner"]), "value")
        self._menu = SamplerMenu(self._samples.epoch, self._changed, chosen=())
        self.samplers = self._menu.choice
        self.panel = widgets.HTML()
        self._start([self.query, self.controls, self._menu], [StyleSheet(), self.panel])

    def _respond(self, moved) -> None:
        began = time.perf_counter()
        query, settings = self.query.value, self.controls.settings
        graph = self._samples.graph(n_candidates=settings["n_candidates"], n_neighbors=settings["n_neighbors"])
        size, seed = settings["batch_size"], self._samples.seed
        walks, _ = walk_batches(graph, np.array([query]), size, restart=settings["restart"], seed=seed)
        seconds = time.perf_counter() - began
        epochs = self._menu.batches(size)
        found = {name: _holding(batches, query) for name, batches in epochs.items()}
        if found[UNIFORM] is None:  # of the few that an epoch leaves out: then any others are as random
            found[UNIFORM] = np.append(query, epochs[UNIFORM][0][1:])
        self.batches = {RANDOM_WALK: walks[0]} | {name: batch for name, batch in found.items() if batch is not None}
        queries, targets = self._sides
        self.negatives = {
            name: hardest_negatives(batch, query, queries, targets, N_SHOWN, labels=self._codes)
            for name, batch in self.batches.items()
        }
        columns = [self._column(name) for name in self.negatives]
        columns += [_absent(name) for name, batch in found.items() if batch is None]
        self.panel.value = self._positive(query) + lists.columns(columns)
        self._show_numbers([[*self._words(RANDOM_WALK), f"{1000 * seconds:.0f} ms"], self._legend])

    @property
    def _legend(self) -> list[str]:
        """What the marks mean."""
        mark = "The mark on a bar is the similarity of the positive."
        if self._codes is not None:
            return [mark, "False negative: the label is the query's."]
        return [mark, f"Suspected: at least {RATIO:.0%} of it, an estimate."]

    def _words(self, name: str) -> list[str]:
        """Return the numbers of a sampler's batch."""
        batch = [self.batches[name]]
        rate = rates_of(batch, self._codes, self._samples).value
        return [
            f"hardness <b>{batch_hardness(batch, *self._sides).value:.3f}</b>",
            f"{self._estimated}false negatives <b>{rate:.1%}</b>",
        ]

    def _positive(self, query: int) -> str:
        """Return the query and its own target as HTML."""
        similarity = next(iter(self.negatives.values())).positive.iloc[0]
        label = self._captions([query])[0]
        label = f' <span class="tk-note">{html.escape(label)}</span>' if label else ""
        return (
            f'<div class="tk-query"><div><b>Query {query}</b>{label}{lists.item(self.thumbnails, query)}</div>'
            f"<div><b>Its positive</b>{_bar(similarity, similarity)}{self._target(query)}</div></div>"
        )

    def _target(self, index: int) -> str:
        return lists.item(self.target_thumbnails or self.thumbnails, index)

    def _column(self, name: str) -> str:
        """Return the hardest negatives of a sampler as HTML."""
        found, size = self.negatives[name], len(self.batches[name])
        known = self._codes is not None
        marks = found["same_label" if known else "suspected"]
        marked = "false negative" if known else "suspected false negative"
        rows = []
        for index, similarity, positive, false in zip(
            found["index"].tolist(), found["similarity"], found["positive"], marks, strict=True
        ):
            content = _bar(similarity, positive) + self._target(index)
            words = [*self._captions([index]), marked if false else ""]
            rows.append(lists.entry(content, words, "tk-false" if false else ""))
        words = "".join(f"<span>{each}</span>" for each in self._words(name))
        title = f"{name}: the hardest {len(found)} of {size - 1} negatives"
        head = lists.heading(title, color_of(name), f'<div class="tk-numbers tk-note">{words}</div>')
        return lists.column(head, title, rows)

    def _to_figure(self) -> Figure:
        """Return the similarities of the negatives as a figure."""
        shown = self.target_thumbnails or self.thumbnails
        texts = {index: shown.text(index) for found in self.negatives.values() for index in found["index"]}
        figure = Figure(figsize=(4.2 * len(self.negatives), 4.2), dpi=100)
        plots.hardest_negatives(self.negatives, texts, figure)
        figure.suptitle(f"Query {self.query.value}: its hardest in-batch negatives", fontsize=11, x=0.01, ha="left")
        return figure

    def close(self) -> None:
        """End the widget and what it plans; nothing stays in the kernel."""
        if hasattr(self, "_menu"):  # not if its arguments were refused
            self._menu.stop()
        super().close()


def _holding(batches: list, query: int) -> np.ndarray | None:
    """Return the first batch that holds the query, or None."""
    return next((np.asarray(batch) for batch in batches if query in batch), None)


def _absent(name: str) -> str:
    """Return what to say of a sampler whose epoch leaves the query out."""
    words = '<div class="tk-note">Choose another query or batch size.</div>'
    return f"<div>{lists.heading(f'{name}: its epoch leaves this query out')}{words}</div>"


def _bar(similarity: float, positive: float) -> str:
    """Return a similarity as a number with a bar, and a mark where the positive is."""
    width, place = (f"{100 * min(max(value, 0), 1):.1f}%" for value in (similarity, positive))
    share = f"{similarity:.3f}"
    return (
        f'<div class="tk-likeness"><span>{share}</span><i><b style="width:{width}"></b>'
        f'<u style="left:{place}"></u></i></div>'
    )
