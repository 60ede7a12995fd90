"""What all explorers share: data and sliders, layout, visible errors, full clean-up on close."""

import base64
import html
import threading
from collections.abc import Callable, Iterable, Sequence

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from toolkit import _checks
from toolkit.explorers import lists
from toolkit.explorers.controls import DEFAULTS, SamplerControls
from toolkit.explorers.picture import packed_png, svg
from toolkit.plots.style import style
from toolkit.plots.thumbnails import Thumbnails
from toolkit.proximity.false_negatives import class_prior
from toolkit.samplers import Budget
from toolkit.samplers.side_by_side import SideBySide

FEWEST = 32  # instances


class Explorer(widgets.VBox):
    """Controls on the left, a picture on the right, a line of live numbers and one for errors below it.

    A subclass makes its controls, then calls `_start`; it writes `_respond` and `_to_figure`.

    Attributes
    ----------
    numbers, message : widgets.HTML
        The live numbers; the error of the last change, if it failed.
    """

    def _start(
        self,
        controls: Sequence[widgets.Widget],
        view: Sequence[widgets.Widget],
        below: Sequence[widgets.Widget] = (),
        paused: bool = False,
    ) -> None:
        """Lay out the controls and the picture, with more below both, and show the current settings unless paused."""
        self.numbers = widgets.HTML()
        self.message = widgets.HTML()
        self._paused = self._late = paused
        self._lock = threading.RLock()
        super().__init__([self._rows(controls, view), *below])
        self.add_class("tk-explorer")
        if not paused:
            self._respond(None)

    def _rows(self, controls: Sequence[widgets.Widget], view: Sequence[widgets.Widget]) -> widgets.Widget:
        """Return the controls next to the picture, with the numbers and errors below it."""
        return box([box(controls, "tk-controls"), box([*view, self.numbers, self.message])], "tk-parts")

    def _respond(self, moved: widgets.Widget | None) -> None:
        """Show the current settings, after the control `moved`, or several (None), changed."""
        raise NotImplementedError

    def _to_figure(self) -> Figure:
        """Return the picture as a figure; the toolkit's style is set."""
        raise NotImplementedError

    def png(self) -> bytes:
        """Return the picture as a PNG, as pages without JavaScript show it."""
        with style():
            return packed_png(self._to_figure())

    def svg(self) -> bytes:
        """Return the picture as an SVG, for papers and slides."""
        with style():
            return svg(self._to_figure())

    def _changed(self, moved: widgets.Widget | None = None) -> None:
        """Show the current settings; if that fails, the last good picture stays, and the error is shown."""
        if self._paused:
            self._late = True
            return
        self._attempt(self._respond, moved)

    def _attempt(self, action: Callable, *arguments) -> None:
        """Call `action`; show an error in the widget, and raise it for those who have no widget."""
        with self._lock:  # a notebook's kernel may run a cell and a slider's message at once, in two threads
            try:
                action(*arguments)
                self.message.value = ""
            except Exception as error:
                self._show_error(error)
                raise

    def _show_error(self, error: Exception) -> None:
        self.message.value = f"<b>{type(error).__name__}</b>: {html.escape(str(error))}"

    def _show_numbers(self, lines: Iterable[Iterable[str]]) -> None:
        """Show lines of words (HTML), close to each other; long lines are broken between words, not within one."""
        lines = [" ".join(f"<span>{word}</span>" for word in words) for words in lines]
        self.numbers.value = "".join(f'<div class="tk-numbers">{line}</div>' for line in lines)

    def pause(self) -> None:
        """Do nothing on changes until `resume`: for an explorer that is out of sight."""
        self._paused = True

    def resume(self) -> None:
        """Follow changes again, and catch up if there were any."""
        self._paused = False
        if self._late:
            self._late = False
            self._changed()

    def close(self) -> None:
        """End the widget and all that it made, shown or not; nothing stays in the kernel."""
        for part in list(vars(self).values()):
            if isinstance(part, widgets.Widget):
                part.close() if isinstance(part, Explorer) else close_tree(part)
        close_tree(self)

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        return bundle | {"image/png": base64.b64encode(self.png()).decode()}


class ItemExplorer(Explorer):
    """An explorer of embeddings, with what is known of the instances: labels, pictures or texts."""

    _kinds: tuple[str, ...] = ("image", "text", "drawing", "number")  # of items

    def _take(self, samples: SideBySide, labels, items, target_items=None) -> None:
        """Keep embeddings, labels and items, or raise unless they belong together."""
        self._samples = samples
        n = _checks.integer("number of embeddings", samples.n, FEWEST)
        self._codes, self._names, self._labels = None, [], None
        if labels is not None:
            self._codes, names = _checks.classes("labels", labels, n)
            self._names = [str(name) for name in names]
            self._labels = np.array([*names, None], object)[self._codes]
        self.thumbnails = Thumbnails(items, n)
        if self.thumbnails.kind not in self._kinds:
            wanted, got = " or ".join(self._kinds), "none" if items is None else self.thumbnails.kind
            raise TypeError(f"items of {type(self).__name__} must be of the kind {wanted}, got {got}")
        self._take_targets(target_items)

    @property
    def _sides(self) -> tuple:
        """Embeddings of the instances, or of queries and targets, as the metrics take them."""
        return self._samples.queries, self._samples.targets

    def _usual_budget(self, batch_size: int) -> float:
        """Return the share of false negatives that is allowed by default."""
        prior = self._samples.counter.prior if self._codes is None else class_prior(self._codes)
        return round(Budget().limits(prior, batch_size, self._samples.paired)[0], 3)

    @property
    def _estimated(self) -> str:
        """What to write before false negatives."""
        return "" if self._codes is not None else "estimated "

    def _take_targets(self, items) -> None:
        """Keep the items of targets, or raise unless the instances are pairs."""
        if items is not None and not self._samples.paired:
            raise TypeError("target_items must be None unless targets are given, got items of targets without them")
        try:
            self.target_thumbnails = None if items is None else Thumbnails(items, self._samples.n)
        except (TypeError, ValueError) as error:  # which begins with "items"
            raise type(error)(f"target_{error}") from error

    def _grid(self, members: Sequence[int], captions: Sequence[str] | None = None) -> str:
        """Return instances with captions, by default their labels, as HTML; each query is above its target."""
        shown, captions = self.target_thumbnails, self._captions(members) if captions is None else captions
        if shown is None:
            return self.thumbnails.grid(members, captions)
        both = [
            f"{self.thumbnails.html(index, caption)}<br>{shown.html(index)}"
            for index, caption in zip(members, captions, strict=True)
        ]
        return "".join(f'<span style="display:inline-block;vertical-align:top">{each}</span>' for each in both)

    def _members(self, members: Sequence[int]) -> str:
        """Return instances as HTML, a line for each if they are texts."""
        if self.thumbnails.kind != "text":
            return self._grid(members)
        sides = [self.thumbnails, self.target_thumbnails]
        lines = ["".join(lists.item(side, index) for side in sides if side is not None) for index in members]
        return f"<ol>{''.join(f'<li>{line}</li>' for line in lines)}</ol>"

    def _captions(self, indices: Iterable[int]) -> list[str]:
        """Return the labels of some instances as text; nothing for each if there are no labels."""
        if self._codes is None:
            return ["" for _ in indices]
        return [self._names[code] if code >= 0 else "no label" for code in self._codes[list(indices)]]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n={self._samples.n}, labels={self._codes is not None})"


class DataExplorer(ItemExplorer):
    """An explorer of embeddings, with the sampler's sliders.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d), or SideBySide
        N >= 32. A `SideBySide` object is shared, with its graph.
    labels : array, shape (N,), optional
        Labels of one type; None, NaN or -1 mean no label.
    items : optional
        Pictures or texts of the instances, as `toolkit.plots.Thumbnails` takes them.
    targets : array or tensor, shape (N, d), optional
        Embeddings of targets, if the instances are pairs and `embeddings` are those of their queries.
    target_items : optional
        Pictures or texts of the targets.
    seed : int
        Random seed.
    **settings
        Initial values of the sliders: n_candidates, n_neighbors, restart, batch_size.

    Attributes
    ----------
    controls : SamplerControls
    restart, n_neighbors, n_candidates, batch_size, reset : widgets
    thumbnails : Thumbnails
    target_thumbnails : Thumbnails or None
        Those of the targets, if there are `target_items`.
    """

    _defaults = DEFAULTS

    def __init__(
        self, embeddings, labels=None, items=None, *, targets=None, target_items=None, seed: int = 0, **settings
    ) -> None:
        self._take(SideBySide.of(embeddings, seed, targets=targets), labels, items, target_items)
        self.controls = SamplerControls(self._samples.n, self._changed, self._defaults, **settings)
        self.restart, self.n_neighbors, self.n_candidates, self.batch_size = self.controls.sliders
        self.reset = self.controls.reset


def box(children: Sequence[widgets.Widget], *classes: str) -> widgets.VBox:
    """Return a box of these classes, which the style sheet lays out."""
    made = widgets.VBox(children)
    for name in classes:
        made.add_class(name)
    return made


def close_tree(widget: widgets.Widget) -> None:
    """Close a widget with its children, layout and style, each of which has a channel to the browser."""
    for child in getattr(widget, "children", ()):
        child.close() if isinstance(child, Explorer) else close_tree(child)
    for part in (getattr(widget, "layout", None), getattr(widget, "style", None)):
        if isinstance(part, widgets.Widget):
            part.close()
    widgets.Widget.close(widget)
