"""What the explorers of random-walk batches share: the first of them at once, all of them from the background."""

import time
from collections.abc import Callable
from functools import lru_cache, partial
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import pandas as pd

from toolkit.explorers.background import Newest
from toolkit.explorers.slider_base import SliderExplorer
from toolkit.metrics import EstimatedFalseNegatives, FalseNegatives, Hardness, batch_hardness
from toolkit.proximity.walks import WalkStats

_KEPT = 128  # settings: three times as many as one move of a slider leads to


class Walked(NamedTuple):
    """Batches of a setting, or the first of them, and what is shown of them.

    Attributes
    ----------
    batches : int64 array, shape (n, B)
    stats : WalkStats
    seconds : float
        That the walks took.
    hardness : Hardness
    false_negatives : FalseNegatives or EstimatedFalseNegatives
    pairs : DataFrame or None
        Their most similar pairs, if these are shown.
    """

    batches: np.ndarray
    stats: WalkStats
    seconds: float
    hardness: Hardness
    false_negatives: FalseNegatives | EstimatedFalseNegatives
    pairs: pd.DataFrame | None


class WalkingExplorer(SliderExplorer):
    """An explorer of the random walk's batches at the sliders' setting; a subclass writes `_show_walks`.

    Where the graph of a setting has yet to be built, a notebook's kernel does that in the background. Until then the
    first of the same batches are shown, which need only a small part of it. The batches of the sliders' other values
    are prepared. Who asks for results or for a picture waits for all.
    """

    def __init__(self, *arguments, **settings) -> None:
        self._newest, self._partial = Newest(), False
        self._walk = lru_cache(_KEPT)(self._walk)
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
        self._show_walks(self._walk(least=self._least if self._partial else None, **settings))
        if self._partial:
            self._newest.submit(lambda: (settings, self._walk(least=None, **settings)), self._show_newest)
        self._prepare_others()

    def _walk(self, least: int | None, **settings) -> Walked:
        """Return the batches of a setting, at `least` so many without waiting for its graph; None: all."""
        began = time.perf_counter()
        if least is None:
            batches, stats = self._samples.walks(**settings)
        else:
            batches, stats = self._samples.first_walks(**settings, least=least)
        seconds = time.perf_counter() - began
        return Walked(batches, stats, seconds, *self._judge(batches), self._pairs_of(batches))

    def _judge(self, batches) -> tuple[Hardness, FalseNegatives | EstimatedFalseNegatives]:
        return batch_hardness(batches, *self._sides), self._rates(batches)

    def _pairs_of(self, batches) -> pd.DataFrame | None:
        """Return the most similar pairs of batches, if they are shown."""
        return None

    def _prepare_others(self) -> None:
        """Prepare other values of the sliders, unless this explorer is out of sight."""
        ahead = [] if self._paused else sorted(self._ahead(), key=itemgetter(0))
        self._newest.prepare(task for _, task in ahead)

    def pause(self) -> None:
        """Do nothing on changes until `resume`, and prepare nothing."""
        super().pause()
        self._prepare_others()

    def resume(self) -> None:
        """Follow changes again, and catch up if there were any."""
        super().resume()
        self._prepare_others()

    def _ahead(self) -> list[tuple[int, Callable[[], object]]]:
        """Return what prepares other values of the sliders, each with the steps to that value."""
        return [(steps, partial(self._prepare_walk, **settings)) for steps, settings in self.controls.others]

    def _prepare_walk(self, **settings) -> None:
        sizes = {name: settings[name] for name in self.controls.sizes}
        self._walk(least=None if self._samples.has_graph(**sizes) else self._least, **settings)

    def _show_newest(self, result: Callable) -> None:
        self._attempt(lambda: self._show_if_current(*result()))

    def _show_if_current(self, settings: dict, found: Walked) -> None:
        if self._partial and settings == self.controls.settings:
            self._partial = False
            self._show_walks(found)

    def _complete(self) -> None:
        """Show all batches, if these are not there yet."""
        if self._partial:
            settings = self.controls.settings
            self._attempt(lambda: self._show_if_current(settings, self._walk(least=None, **settings)))

    def _show_walks(self, walked: Walked) -> None:
        """Show batches, or the first of them, and numbers."""
        raise NotImplementedError

    def _words_on_time(self, walked: Walked) -> str:
        """Return in words how many batches took how long, and whether more will follow."""
        n = walked.stats.batches
        which = f"the first {n} of {self._n_walks} batches" if self._partial else f"{n} batches"
        return f"{walked.seconds * 1000:.0f} ms for {which}{' …' if self._partial else ''}"

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
