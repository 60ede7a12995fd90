"""What the explorers of the sampler's settings share: the data, the sliders, a picture, a row of pairs."""

import html
from collections.abc import Callable, Iterable, Sequence

import ipywidgets as widgets
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from toolkit import _checks
from toolkit.explorers.base import PICTURE_WIDTH, Explorer
from toolkit.explorers.controls import SamplerControls, aligned
from toolkit.explorers.picture import Picture
from toolkit.plots.style import FALSE_NEGATIVE, style
from toolkit.plots.thumbnails import Thumbnails
from toolkit.samplers.side_by_side import Draws

NO_LABELS = "No labels given: false negatives can't be counted."


class SettingsExplorer(Explorer):
    """An explorer with the sampler's four sliders and a picture with a layer that stays for one batch size.

    A subclass writes `_show_fixed` and `_show_setting`.

    Attributes
    ----------
    restart, n_neighbors, n_candidates, batch_size, reset : widgets
    """

    def __init__(self, embeddings, labels, items, seed: int) -> None:
        self._draws = Draws(embeddings, seed=seed)
        n = _checks.integer("number of embeddings", self._draws.n, 32)
        self._codes = None if labels is None else _checks.labels(labels, n)
        self._labels = None if labels is None else np.asarray(labels)
        self._thumbnails = Thumbnails(items, n)
        self._shown_size = 0
        self.controls = SamplerControls(n, self._changed)
        self.restart, self.n_neighbors, self.n_candidates, self.batch_size = self.controls.sliders
        self.reset = self.controls.reset
        self._image = widgets.Image(format="png", layout=widgets.Layout(width=PICTURE_WIDTH, max_width="100%"))
        self.pairs = widgets.HTML(layout=widgets.Layout(max_width="880px"))

    def _new_axes(self, heights: Sequence[float] = (1,), **margins: float) -> list[Axes]:
        """Return the picture's axes. Margins are fixed: a layout that follows labels would jump between frames."""
        with style():
            figure = Figure(figsize=(6.2, 4.6), dpi=130, layout="none")
            figure.subplots_adjust(**margins)
            axes = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        self._picture = Picture(figure)
        return list(axes)

    def _batch_slider(self, tooltip: str, show: Callable[[], None]) -> widgets.IntSlider:
        """Return a slider for the batch that is shown; `show` is called when it moves."""
        slider = widgets.IntSlider(min=1, max=self._draws.n_batches, description="batch", tooltip=tooltip, **aligned())
        slider.observe(lambda change: self._attempt(show), "value")
        return slider

    def _respond(self, moved=None) -> None:
        if self._shown_size != self.batch_size.value:
            with style():
                self._show_fixed()
            self._picture.forget()
            self._shown_size = self.batch_size.value
        self._show_setting()

    def _show_fixed(self) -> None:
        """Draw what depends on the batch size alone."""
        raise NotImplementedError

    def _show_setting(self) -> None:
        """Draw what depends on all settings, and the numbers."""
        raise NotImplementedError

    def _show_frame(self, moving: Iterable[Artist], words: Iterable[str]) -> None:
        """Send the picture and the line of numbers to the browser."""
        self._image.value = self._picture.png(moving)
        self._show_numbers([words])

    def _show_pairs(self, heading: str, pairs) -> None:
        """Show pairs (from `hardest_pairs`) side by side, with similarities and labels; false negatives are framed."""
        cells = [f'<div style="line-height:1.4">{html.escape(heading)}</div>']
        for pair in pairs.itertuples():
            members = (pair.first, pair.second)
            false = self._labels is not None and pair.same_label
            names = None if self._labels is None else [str(self._labels[member]) for member in members]
            cells.append(
                f'<div style="display:inline-block;border:2px solid {FALSE_NEGATIVE if false else "#dddddd"};'
                "border-radius:4px;margin:3px;padding:1px 2px;text-align:center;font-size:11px;line-height:1.3;"
                f'vertical-align:top">{self._thumbnails.grid(members, names)}<br>'
                f"similarity {pair.similarity:.2f}{'<br>false negative' if false else ''}</div>"
            )
        self.pairs.value = "".join(cells)

    def _png(self) -> bytes:
        return self._image.value

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n={self._draws.n}, labels={self._labels is not None})"
