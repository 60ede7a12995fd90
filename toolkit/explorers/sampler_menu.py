"""A menu of samplers to show next to the random walk; slow ones are planned in the background."""

import html
from collections.abc import Callable, Sequence

import ipywidgets as widgets

from toolkit.explorers.background import Newest
from toolkit.explorers.controls import control_layout
from toolkit.plots.style import RANDOM_WALK, UNIFORM
from toolkit.samplers.registry import defaults, labels

ALWAYS = {UNIFORM, RANDOM_WALK}


class SamplerMenu(widgets.VBox):
    """The registered samplers to choose from, and the batches of those that are chosen.

    The samplers that comparisons have by default are planned at once. The others may take long: a thread plans them,
    and `on_ready` is called when they are there. A sampler that cannot be planned, as its package is missing, is named
    below the menu.

    Parameters
    ----------
    plan : callable
        Returns batches, called with a sampler's name in the registry and a batch size.
    on_ready : callable
        Called without arguments.
    chosen : sequence of str, optional
        Labels of the samplers chosen first; those that comparisons have by default.

    Attributes
    ----------
    choice : SelectMultiple
        Labels of the samplers to show besides the random walk and the uniform one.
    note : widgets.HTML
    """

    def __init__(
        self, plan: Callable[[str, int], list], on_ready: Callable[[], None], chosen: Sequence[str] | None = None
    ) -> None:
        self._plan, self._on_ready = plan, on_ready
        self._newest = Newest()
        self._asking = False
        self._size = 0
        self._known: dict[str, list | Exception] = {}  # by label, of the current batch size
        options = [label for label in labels() if label not in ALWAYS]
        if chosen is None:
            chosen = [kind.label for kind in defaults().values() if kind.label in options]
        self.choice = widgets.SelectMultiple(
            options=options,
            value=chosen,
            rows=min(len(options), 6),
            description="also show",
            tooltip="Samplers next to the random walk and uniform batches; hold Ctrl to choose several",
            **control_layout(),
        )
        self.choice.observe(lambda _: on_ready(), "value")
        self.note = widgets.HTML()
        super().__init__([self.choice, self.note])

    def batches(self, size: int) -> dict[str, list]:
        """Return the batches of the chosen samplers that are there, by label; ask for those that are not."""
        if size != self._size:
            self._size, self._known = size, {}
        chosen = [label for label in labels() if label == UNIFORM or label in self.choice.value]
        kinds = labels()
        for label in chosen:
            if kinds[label].default and label not in self._known:
                self._known[label] = self._plan(kinds[label].name, size)
        missing = {label: kinds[label].name for label in chosen if label not in self._known}
        if missing:
            self._asking = True  # without a kernel they are there at once
            try:
                self._newest.submit(lambda: self._planned(missing, size), self._keep)
            finally:
                self._asking = False
        self._explain(chosen)
        return {label: known for label in chosen if isinstance(known := self._known.get(label), list)}

    def _planned(self, missing: dict[str, str], size: int) -> tuple[int, dict]:
        """Return the batches of samplers, or why there are none."""
        found = {}
        for label, name in missing.items():
            try:
                found[label] = self._plan(name, size)
            except Exception as error:
                found[label] = error
        return size, found

    def _keep(self, result: Callable) -> None:
        size, found = result()
        if size == self._size:
            self._known |= found
            if not self._asking:
                self._on_ready()

    def _explain(self, chosen: list[str]) -> None:
        """Say which samplers are missing, and why."""
        lines = []
        for label in chosen:
            known = self._known.get(label)
            if known is None:
                lines.append(f"<b>{html.escape(label)}</b>: planning its batches …")
            elif isinstance(known, Exception):
                lines.append(f"<b>{html.escape(label)}</b> is not shown: {html.escape(str(known))}")
        self.note.value = "".join(f'<div class="tk-say">{line}</div>' for line in lines)

    def stop(self) -> None:
        """Wait for what is being planned, and plan no more."""
        self._newest.close()
