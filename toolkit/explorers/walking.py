"""What the explorers of random-walk batches share: the first of them at once, all of them from the background."""

import time
from collections.abc import Callable
from functools import partial
from operator import itemgetter

import numpy as np

from toolkit.explorers.background import Newest
from toolkit.explorers.slider_base import SliderExplorer
from toolkit.proximity.walks import WalkStats


class WalkingExplorer(SliderExplorer):
    """An explorer of the random walk's batches at the sliders' setting; a subclass writes `_show_walks`.

    Where the graph of a setting has yet to be built, a notebook's kernel does that in the background. Until then the
    first of the same batches are shown, which need only a small part of it. What other values of the sliders
    need for that is prepared. Who asks for results or for a picture waits for all.
    """

    def __init__(self, *arguments, **settings) -> None:
        self._newest, self._partial = Newest(), False
        super().__init__(*arguments, **settings)

    @property
    def _least(self) -> int:
        """How many batches are to be shown at least."""
        return 1

    @property
    def _n_walks(self) -> int:
        """How many batches of the current size there are."""
        return len(self._samples.starts(self.batch_size.value))

    def _show_setting(self) -> None:
        settings = self.controls.settings
        begun = bool(self.numbers.value)  # the first picture is whole
        self._partial = begun and not self._newest.at_once and not self._samples.has_graph(**self.controls.sizes)
        if self._partial:
            self._show_walks(*_timed(self._samples.first_walks, settings | {"least": self._least}))
            self._newest.submit(lambda: (settings, _timed(self._samples.walks, settings)), self._show_newest)
        else:
            self._show_walks(*_timed(self._samples.walks, settings))
        self._newest.prepare(task for _, task in sorted(self._ahead(), key=itemgetter(0)))

    def _ahead(self) -> list[tuple[int, Callable[[], object]]]:
        """Return what prepares other values of the sliders, each with the steps to that value."""
        walk, settings = self._samples.first_walks, self.controls.settings | {"least": self._least}
        others = self.controls.other_sizes
        return [
            (steps, partial(walk, **settings | sizes))
            for steps, sizes in others
            if not self._samples.has_graph(**sizes)
        ]

    def _show_newest(self, result: Callable) -> None:
        self._attempt(lambda: self._show_if_current(*result()))

    def _show_if_current(self, settings: dict, found: tuple) -> None:
        if self._partial and settings == self.controls.settings:
            self._partial = False
            self._show_walks(*found)

    def _complete(self) -> None:
        """Show all batches, if these are not there yet."""
        if self._partial:
            settings = self.controls.settings
            self._attempt(lambda: self._show_if_current(settings, _timed(self._samples.walks, settings)))

    def _show_walks(self, walks: np.ndarray, stats: WalkStats, seconds: float) -> None:
        """Show batches, or the first of them, and numbers."""
        raise NotImplementedError

    def _words_on_time(self, stats: WalkStats, seconds: float) -> str:
        """Return in words how many batches took how long, and whether more will follow."""
        which = f"the first {stats.batches} of {self._n_walks} batches" if self._partial else f"{stats.batches} batches"
        return f"{seconds * 1000:.0f} ms for {which}{' …' if self._partial else ''}"

    def png(self) -> bytes:
        """Return the picture as a PNG, as pages without JavaScript show it; what is being walked is waited for."""
        self._complete()
        return super().png()

    def svg(self) -> bytes:
        """Return the picture as an SVG, for papers and slides; what is being walked is waited for."""
        self._complete()
        return super().svg()

    def close(self) -> None:
        """End the widget and what it computes; nothing stays in the kernel."""
        if hasattr(self, "_newest"):  # not if its arguments were refused
            self._newest.close()
        super().close()


def _timed(walk: Callable, settings: dict) -> tuple[np.ndarray, WalkStats, float]:
    """Return batches, their statistics and the seconds that they took."""
    began = time.perf_counter()
    return *walk(**settings), time.perf_counter() - began
