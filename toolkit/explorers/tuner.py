"""Find a sampler and its settings within a budget of false negatives, and compare them with others."""

import html
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import ipywidgets as widgets
from matplotlib.figure import Figure

from toolkit import _checks, plots
from toolkit.explorers import lists
from toolkit.explorers.background import Newest
from toolkit.explorers.base import ItemExplorer
from toolkit.explorers.controls import BATCH_SIZES, DEFAULTS, BudgetSlider, SizeSlider
from toolkit.explorers.picture import Picture
from toolkit.explorers.picture_view import PictureView
from toolkit.metrics import Suggestion, suggest_settings
from toolkit.plots.style import style
from toolkit.samplers import SAMPLERS
from toolkit.samplers.side_by_side import SideBySide

N_SHOWN = 6
NAMES = {
    "restart": "restart",
    "n_neighbors": "n_neighbors (K)",
    "n_candidates": "n_candidates (M)",
    "cluster_size": "cluster_size",
}


@dataclass(frozen=True, eq=False)
class Tuned:
    """Settings found for a budget and a batch size.

    Attributes
    ----------
    suggestion : Suggestion
    budget : float
        Largest share of false negatives.
    seconds : float
        Time it took to find them.
    """

    suggestion: Suggestion
    budget: float
    seconds: float


class TunerExplorer(ItemExplorer):
    """The sampler and settings that `toolkit.metrics.suggest_settings` finds within a budget of false negatives.

    In a notebook they are measured in the background, for the newest position of the sliders. `pin` keeps what is
    shown for comparison.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d), or SideBySide
        N >= 32. They should come from a model that has trained a little.
    labels : array, shape (N,), optional
        Labels for counting false negatives; None, NaN or -1 mean no label. Without labels they are
        estimated.
    items : optional
        Pictures or texts of the instances, as `toolkit.plots.Thumbnails` takes them.
    targets : array or tensor, shape (N, d), optional
        Embeddings of targets, if the instances are pairs and `embeddings` are those of their queries.
    target_items : optional
        Pictures or texts of the targets.
    batch_size : int, optional
        Initial batch size.
    max_false_negatives : float, optional
        Initial budget, in (0, 1]. By default that of `toolkit.samplers.Budget`.
    paused : bool
        Measure nothing until `resume` is called.
    seed : int
        Random seed.

    Attributes
    ----------
    budget, batch_size, pin : widgets
        The sliders, whose ``value`` can also be set from code, and the button.
    tuned, pinned : Tuned or None
        What is shown: the suggestion for the current position of the sliders, None while it is being measured; and
        the one that was pinned.

    Raises
    ------
    TypeError, ValueError
        For embeddings with NaN, Inf or zero rows, fewer than 32 of them, labels or items that are not one per row, and
        settings out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from toolkit.explorers import TunerExplorer
    >>> labels = np.arange(1000) % 50
    >>> points = np.random.default_rng(0).normal(size=(50, 8))[labels] + np.eye(1000, 8)
    >>> explorer = TunerExplorer(points, labels, batch_size=32, max_false_negatives=0.05)
    >>> explorer.pin.click()
    >>> explorer.budget.value = 0.2
    >>> explorer.pinned.suggestion.hardness < explorer.tuned.suggestion.hardness
    True
    """

    def __init__(
        self,
        embeddings,
        labels=None,
        items=None,
        *,
        targets=None,
        target_items=None,
        batch_size: int | None = None,
        max_false_negatives: float | None = None,
        paused: bool = False,
        seed: int = 0,
    ) -> None:
        self._take(SideBySide.of(embeddings, seed, targets=targets), labels, items, target_items)
        n = self._samples.n
        stops = [size for size in BATCH_SIZES if size <= n // 2]
        if batch_size is None:
            batch_size = max(size for size in stops if size <= DEFAULTS["batch_size"])
        batch_size = _checks.integer("batch_size", batch_size, 2, n)
        if max_false_negatives is None:
            max_false_negatives = self._usual_budget(batch_size)
        budget = _checks.number("max_false_negatives", max_false_negatives, "(0, 1]")
        paused = _checks.flag("paused", paused)
        self.tuned: Tuned | None = None
        self.pinned: Tuned | None = None
        self._newest, self._measuring = Newest(), threading.Lock()
        self._known: dict[tuple[float, int], Tuned] = {}
        tooltip = "The largest share of in-batch pairs that may be false negatives"
        self.budget = BudgetSlider(budget, tooltip, continuous_update=False)
        self.batch_size = SizeSlider("batch_size", batch_size, stops, 2, n, "Instances per batch (B).")
        self.pin = widgets.Button(
            description="Pin",
            tooltip="Keep what is suggested now, to compare with other budgets and batch sizes",
            layout=widgets.Layout(width="auto"),
            disabled=True,
        )
        for slider in (self.budget, self.batch_size):
            slider.observe(lambda change: self._changed(change["owner"]), "value")
        self.pin.on_click(lambda _: self._attempt(self._pin))
        self.status, self.cards, self._image = widgets.HTML(), widgets.HTML(), PictureView()
        self._start([self.budget, self.batch_size, self.pin, self.status], [self._image], [self.cards], paused)

    @property
    def _wanted(self) -> tuple[float, int]:
        return round(self.budget.value, 10), self.batch_size.value  # a browser's steps are not exact

    def _respond(self, moved) -> None:
        wanted = self._wanted
        if wanted in self._known:
            self._show(self._known[wanted])
            return
        self.tuned, self.pin.disabled = None, True
        words = f"Measuring settings for batches of {wanted[1]} with at most {wanted[0]:.1%} false negatives …"
        self.status.value = f'<div class="tk-busy" role="status">{words}</div>'
        for part in (self.cards, self._image):
            part.add_class("tk-stale")
        self._newest.submit(lambda: self._measure(wanted), self._finish)

    def _measure(self, wanted: tuple[float, int]) -> Tuned:
        """Return the settings for a budget and a batch size; two threads share the work."""
        with self._measuring:
            if wanted not in self._known:
                self._known[wanted] = self._search(*wanted)
            return self._known[wanted]

    def _search(self, budget: float, batch_size: int) -> Tuned:
        began, (queries, targets), seed = time.perf_counter(), self._sides, self._samples.seed
        found = suggest_settings(
            queries, batch_size, targets=targets, labels=self._codes, max_false_negatives=budget, seed=seed
        )
        return Tuned(found, budget, time.perf_counter() - began)

    def _finish(self, result: Callable) -> None:
        self._attempt(lambda: self._show_newest(result))

    def _show_newest(self, result: Callable) -> None:
        """Show settings that were found, unless the sliders have moved on."""
        try:
            found = result()
        except Exception:
            self.status.value = ""
            raise
        if (found.budget, found.suggestion.batch_size) == self._wanted:
            self._show(found)

    def _show(self, found: Tuned) -> None:
        self.tuned, self.pin.disabled, self.status.value = found, False, ""
        cards = [self._card("Suggested ★", found)]
        if self.pinned is not None:
            cards.append(self._card("Pinned ◇", self.pinned))
        self.cards.value = lists.columns(cards)
        with style():
            self._image.value = Picture(self._to_figure()).png(())
        self._image.description = found.suggestion.reason
        for part in (self.cards, self._image):
            part.remove_class("tk-stale")
        shuffle, best = found.suggestion.points.iloc[0], found.suggestion
        words = [
            f"hardness <b>{best.hardness:.3f}</b>, shuffle {shuffle.hardness:.3f}",
            f"{self._estimated}false negatives <b>{best.false_negative_rate:.1%}</b>, "
            f"shuffle {shuffle.false_negative_rate:.1%}",
            f"{len(best.points) - 1} settings measured in {found.seconds:.1f} s",
        ]
        self._show_numbers([words])

    def _pin(self) -> None:
        """Keep the current suggestion for comparison."""
        self.pinned = self.tuned
        if self.tuned is not None:
            self._show(self.tuned)

    def _card(self, title: str, found: Tuned) -> str:
        """Return settings, what they cost, their batch and their code as HTML."""
        best, size = found.suggestion, found.suggestion.batch_size
        kind = SAMPLERS[best.sampler]
        rows = {name: f"{best.settings[key]:,}" for key, name in NAMES.items() if key in best.settings}
        rows |= {
            "hardness": f"{best.hardness:.3f}",
            f"{self._estimated}false negatives": f"{best.false_negative_rate:.1%} of at most {best.limit:.1%}",
            "loss gap": f"{best.loss_gap:.2f} nats",
            "variety": f"{best.variety:.0f} of {size}",
            "overhead": f"{1000 * best.seconds_per_batch:.1f} ms a batch" if best.settings else "none",
        }
        table = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in rows.items())
        head = f"{title}: {kind.label.lower() if best.settings else 'shuffle'}, batches of {size}"
        shown = best.batch[:N_SHOWN].tolist()
        return (
            f"<div>{lists.heading(head, kind.color)}"
            f'<table class="tk-table">{table}</table><pre class="tk-code">{html.escape(best.code)}</pre>'
            f"<div>{len(shown)} members of a batch of median hardness:</div>{self._members(shown)}</div>"
        )

    def _shown(self) -> Tuned:
        """Return what is shown; what is being measured is waited for."""
        if self.tuned is not None:
            return self.tuned
        found = self._measure(self._wanted)
        self._show(found)
        return found

    def _to_figure(self) -> Figure:
        """Return the settings tried, with the suggestion and the one that is pinned, as a figure."""
        figure = Figure(figsize=(6.2, 3.8), dpi=130, layout="constrained")
        pinned = None if self.pinned is None else self.pinned.suggestion
        plots.suggestion(self._shown().suggestion, figure.subplots(), pinned=pinned)
        return figure

    def png(self) -> bytes:
        """Return the picture as a PNG, as pages without JavaScript show it; what is being measured is waited for."""
        self._shown()
        return bytes(self._image.value)

    def close(self) -> None:
        """End the widget and what it measures; nothing stays in the kernel."""
        if hasattr(self, "_newest"):  # not if its arguments were refused
            self._newest.close()
        super().close()
