"""See two embeddings of the same instances side by side, and what changed between them."""

import ipywidgets as widgets
import numpy as np
import traitlets
from matplotlib.figure import Figure

from toolkit import _checks, plots
from toolkit.explorers.base import box
from toolkit.explorers.columns import Columns
from toolkit.explorers.embedding import PlainMap
from toolkit.explorers.map_positions import MapPositions, check_projection
from toolkit.explorers.selecting import Selecting
from toolkit.metrics import NeighborsKept, neighbors_kept
from toolkit.samplers.side_by_side import SideBySide

KEPT = "neighbours kept"
N_NEAREST, N_MOVED = 10, 12


class CompareExplorer(Selecting):
    """Two embeddings of the same instances as maps with one selection: before and after training, or of two samplers.

    By default, colours tell how many of an instance's ten nearest neighbours the two have in common. Below are the
    instances whose neighbours changed most. Neighbours of a pair are those whose queries are similar to its own, and
    whose targets are as well.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d), or SideBySide
        N >= 32.
    labels : array, shape (N,), optional
        Labels of one type, shown as they are; None, NaN or -1 mean no label.
    items : optional
        Pictures or texts of the instances, as `toolkit.plots.Thumbnails` takes them.
    other : array or tensor, shape (N, e), or SideBySide
        Embeddings of the same instances in the same order.
    targets, other_targets : array or tensor, shapes (N, d) and (N, e), optional
        Embeddings of targets, if the instances are pairs and `embeddings` and `other` are those of their queries.
    target_items : optional
        Pictures or texts of the targets.
    columns : DataFrame or mapping of name to sequence, optional
        What else is known of the instances: the maps can be coloured by it and searched.
    names : pair of str
        What the two are called.
    projection : {"umap", "pca"}
        Positions on the maps. UMAP is computed in the background; PCA is shown until then.
    seed : int
        Random seed.

    Attributes
    ----------
    kept : NeighborsKept
        Share of the ten nearest neighbours that the two have in common.
    selection : int64 array
        Instances selected on the maps.
    instance, color_by, search : widgets
        The controls; their ``value`` can also be set from code.

    Raises
    ------
    TypeError, ValueError
        For embeddings with NaN, Inf or zero rows, fewer than 32 of them or different numbers, labels, items or columns
        that are not one per row, and another projection.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.explorers import CompareExplorer
    >>> before = np.random.default_rng(0).normal(size=(200, 8))
    >>> explorer = CompareExplorer(before, np.arange(200) % 4, other=before + 0.1, projection="pca")
    >>> explorer.selection = explorer.moved()[:3]
    >>> list(explorer.frame().columns)
    ['label', 'neighbours kept']
    """

    _measures = (KEPT,)
    _explained = f"Neighbours kept: share of the {N_NEAREST} nearest neighbours that both embeddings have in common."

    def __init__(
        self,
        embeddings,
        labels=None,
        items=None,
        *,
        other,
        targets=None,
        other_targets=None,
        target_items=None,
        columns=None,
        names: tuple[str, str] = ("before", "after"),
        projection="umap",
        seed: int = 0,
    ) -> None:
        both = [SideBySide.of(embeddings, seed, targets=targets), SideBySide.of(other, seed, targets=other_targets)]
        check_projection(_checks.text("projection", projection), both[0].n)
        listed = _checks.listed("names", names, "a name for each embedding")
        self.names = [_checks.text("names", name) for name in listed]
        if len(self.names) != 2:
            raise ValueError(f"names must be two, one for each embedding, got {len(self.names)}")
        self.columns = Columns(columns, both[0].n)
        self._take(both[0], labels, items, target_items)
        if both[1].n != both[0].n:
            raise ValueError(f"other must be of the same {both[0].n} instances as embeddings, got {both[1].n}")
        if both[1].paired != both[0].paired:
            raise TypeError("targets and other_targets must both be given, or neither, got only one of them")
        self.kept: NeighborsKept = neighbors_kept(*(one.vectors for one in both), n_neighbors=N_NEAREST)
        maps = [PlainMap(self.thumbnails, self._codes, self._names, self._tell) for _ in both]
        self._paused = True  # until all of it is there
        positions = [
            MapPositions(one.vectors, canvas, projection, self._attempt) for one, canvas in zip(both, maps, strict=True)
        ]
        for canvas, name in zip(maps, self.names, strict=True):
            canvas.title = name
        self._share(maps, positions)
        self.color_by.value = KEPT
        self.moved_items = widgets.HTML()
        self._listed: np.ndarray | None = None
        shown, self._follower = (one.control for one in positions)
        controls = [self.instance, self.color_by, self.search, shown]
        self._links = [traitlets.link((shown, "value"), (self._follower, "value"))]
        self._start(controls, maps, [self.moved_items])

    def _rows(self, controls, view) -> widgets.Widget:
        titled = [box([widgets.Label(name), canvas]) for name, canvas in zip(self.names, view, strict=True)]
        words = box([self.numbers, self.message])
        return box([box(controls, "tk-controls"), box(titled, "tk-maps"), words], "tk-parts", "tk-across")

    def _respond(self, moved) -> None:
        self._show_colors()
        index = self.instance.value
        chance = N_NEAREST / (self._samples.n - 1)
        words = [f"neighbours kept <b>{self.kept.value:.1%}</b>, chance {chance:.1%}"]
        words.append(f"instance #{index}: <b>{self.kept.values[index]:.0%}</b>")
        if len(chosen := self.selection):
            words.append(f"{len(chosen):,} selected: <b>{self.kept.values[chosen].mean():.1%}</b>")
        self._show_numbers([words])
        if self._listed is None or not np.array_equal(chosen, self._listed):
            self._list(chosen)

    def _list(self, chosen: np.ndarray) -> None:
        """Show the instances whose neighbours changed most; only when the selection changed, as pictures cost time."""
        self._listed = chosen
        shown = self.moved()[:N_MOVED]
        shares = [f"{share:.0%} kept" for share in self.kept.values[shown]]
        captions = [f"{share}\n{name}" for share, name in zip(shares, self._captions(shown), strict=True)]
        self.moved_items.value = f"<div>Neighbours changed most:</div>{self._grid(shown, captions)}"

    def _on_chosen(self, change) -> None:
        super()._on_chosen(change)
        self._changed(change["owner"])

    def _values(self, name: str):
        return self.kept.values, f"share of the {N_NEAREST} nearest neighbours in both", "{:.0%}".format

    def moved(self) -> list[int]:
        """Return the selected instances, or all without a selection, those whose neighbours changed most first."""
        rows = self.selection if len(self.selection) else np.arange(self._samples.n)
        return rows[np.argsort(self.kept.values[rows], kind="stable")].tolist()

    def _to_figure(self) -> Figure:
        """Return both maps as a figure."""
        figure = Figure(figsize=(9, 4.2), dpi=100)
        for ax, name, positions in zip(figure.subplots(1, 2), self.names, self._positions, strict=True):
            plots.embedding_map(positions.shown, values=self.kept.values, title=f"{name}: {KEPT}", ax=ax)
        return figure

    def close(self) -> None:
        """End the widget; nothing stays in the kernel."""
        while getattr(self, "_links", None):  # none if its arguments were refused
            self._links.pop().unlink()
        super().close()
