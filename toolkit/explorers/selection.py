"""See which batches of which samplers hold some chosen instances, and as what they meet there."""

import html
import time

import ipywidgets as widgets
import numpy as np
import traitlets
from matplotlib.figure import Figure

from toolkit.explorers.base import DataExplorer
from toolkit.explorers.controls import control_layout
from toolkit.explorers.picture_view import StyleSheet
from toolkit.explorers.point_map import pack, unpack
from toolkit.metrics import Meetings, meetings
from toolkit.plots.style import RANDOM_WALK, color_of, note
from toolkit.samplers.registry import defaults

N_SHOWN = 48
NONE = "Select two instances or more: with the lasso on a map, by its search, or as <code>explorer.selection</code>."
COLUMNS = ("", "batches with any of them", "most in one batch", "a pair meets", "× chance", "false negatives")


class SelectionExplorer(DataExplorer):
    """Batches through a selection: how often its instances share a batch of an epoch, with each sampler, and as what.

    Below the table is the batch of one sampler that holds most of them; they are framed.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d), or SideBySide
        N >= 32.
    labels : array, shape (N,), optional
        Labels of one type, shown as they are; None, NaN or -1 mean no label. Without labels, pairs in one
        cluster of the embeddings pass for false negatives.
    items : optional
        Pictures or texts of the instances, as `toolkit.plots.Thumbnails` takes them.
    selection : index sequence, optional
        The instances to begin with.
    **settings
        Initial values of the sliders (n_candidates, n_neighbors, restart, batch_size), and seed; if the instances are
        pairs, also targets and target_items.

    Attributes
    ----------
    selection : int64 array
        The instances; set it to any indices.
    meetings : dict of name to Meetings
        What is shown, by sampler; empty while there are fewer than two instances.
    sampler : widget
        Whose batch is shown.

    Raises
    ------
    TypeError, ValueError
        For embeddings with NaN, Inf or zero rows, fewer than 32 of them, labels or items that are not one per row, and
        settings out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.explorers import SelectionExplorer
    >>> points = np.random.default_rng(0).normal(size=(1000, 8))
    >>> explorer = SelectionExplorer(points, batch_size=64, selection=range(100))
    >>> sorted(explorer.meetings)
    ['Random walk', 'Uniform', 'kNN']
    """

    chosen = traitlets.Bytes()

    def __init__(self, embeddings, labels=None, items=None, *, selection=(), **settings) -> None:
        super().__init__(embeddings, labels, items, **settings)
        first = pack(selection, self._samples.n)
        self.meetings: dict[str, Meetings] = {}
        self._planned: dict = {}
        self.sampler = widgets.Dropdown(
            options=[kind.label for kind in defaults().values()],
            value=RANDOM_WALK,
            description="batch of",
            tooltip="Whose batch is shown below",
            **control_layout(),
        )
        self.table, self.batch = widgets.HTML(), widgets.HTML()
        self._start([self.controls, self.sampler], [StyleSheet(), self.table], [self.batch])
        self.sampler.observe(lambda _: self._attempt(self._show_batch), "value")
        self.observe(lambda change: self._changed(), "chosen")
        self.chosen = first

    @property
    def selection(self) -> np.ndarray:
        """Which instances are selected, in ascending order; int64. Set it to any indices."""
        return unpack(self.chosen)

    @selection.setter
    def selection(self, indices) -> None:
        self.chosen = pack(indices, self._samples.n)

    def _respond(self, moved) -> None:
        chosen = self.selection
        self.meetings = {}
        if len(chosen) < 2:
            self.table.value, self.batch.value = f"<div>{NONE}</div>", ""
            self._show_numbers([[f"{len(chosen)} selected"]])
            return
        began = time.perf_counter()
        if self._planned != self.controls.settings:  # another selection needs no other batches
            self._epochs, self._planned = self._samples.epochs(**self.controls.settings), self.controls.settings
        codes = self._samples.clusters.each[-1].codes if self._codes is None else self._codes
        n = self._samples.n
        self.meetings = {name: meetings(batches, chosen, n, codes) for name, batches in self._epochs.items()}
        self.table.value = _table(self.meetings, "" if self._codes is not None else "estimated ")
        pairs = len(chosen) * (len(chosen) - 1) // 2
        batches = len(next(iter(self._epochs.values())))
        words = [f"{len(chosen):,} selected, {pairs:,} pairs", f"{batches:,} batches an epoch"]
        self._show_numbers([[*words, f"{1000 * (time.perf_counter() - began):.0f} ms"]])
        self._show_batch()

    def fullest(self) -> np.ndarray:
        """Return the batch of the chosen sampler that holds most of the selection, these first; int64, shape (B,)."""
        name = self.sampler.value
        batch = np.asarray(self._epochs[name][int(self.meetings[name].values.argmax())])
        return batch[np.argsort(~np.isin(batch, self.selection), kind="stable")]

    def _show_batch(self) -> None:
        """Show the fullest batch: the selected in frames, then the others."""
        if not self.meetings:
            return
        batch = self.fullest()
        n_chosen = int(np.isin(batch, self.selection).sum())
        heading = f"{html.escape(self.sampler.value)}: the batch with most of them, {n_chosen} of {len(batch)}, framed"
        shown = batch[:N_SHOWN]
        chosen, others = shown[:n_chosen], shown[n_chosen:]
        self.batch.value = f"<div>{heading}</div>{self._framed(chosen, 'tk-framed')}{self._framed(others, '')}"

    def _framed(self, rows: np.ndarray, look: str) -> str:
        return f'<span class="{look}">{self._grid(rows.tolist())}</span>'

    def _to_figure(self) -> Figure:
        """Return how often a pair meets with each sampler as a figure."""
        figure = Figure(figsize=(7, 2.2), dpi=100)
        ax = figure.subplots()
        for i, (name, found) in enumerate(self.meetings.items()):
            ax.barh(i, found.times, color=color_of(name, i))
            note(ax, f"{found.over_chance:.1f} × chance", (found.times, i), (5, 0))
        ax.set_yticks(range(len(self.meetings)), list(self.meetings))
        ax.invert_yaxis()
        ax.set_xlabel("how often a pair of the selection meets in an epoch")
        if not self.meetings:
            ax.set_axis_off()
            ax.text(0, 0.5, "Nothing is selected.", transform=ax.transAxes)
        return figure


def _table(found: dict[str, Meetings], estimated: str) -> str:
    """Return a row for each sampler as HTML."""
    head = "".join(f"<th>{column}</th>" for column in (*COLUMNS[:-1], estimated + COLUMNS[-1]))
    rows = []
    for i, (name, one) in enumerate(found.items()):
        share = "" if np.isnan(one.same_label) else f"{one.same_label:.0%}"
        cells = [f"{one.holding:,} of {len(one.values):,}", f"{int(one.values.max())}", f"{one.times:.3f} ×"]
        cells += [f"{one.over_chance:.1f}", share]
        title = f'<th style="border-left:8px solid {color_of(name, i)}">{html.escape(name)}</th>'
        rows.append(f"<tr>{title}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    return f'<table class="tk-table"><tr>{head}</tr>{"".join(rows)}</table>'
