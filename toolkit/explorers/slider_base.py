"""What the explorers with a picture share: its fixed and moving layers, a batch to choose, a row of pairs."""

import html
from collections.abc import Callable, Iterable, Sequence

import ipywidgets as widgets
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from toolkit.explorers.base import DataExplorer
from toolkit.explorers.controls import control_layout
from toolkit.explorers.picture import Picture
from toolkit.explorers.picture_view import PictureView
from toolkit.metrics import EstimatedFalseNegatives, FalseNegatives
from toolkit.metrics.frontier import rates_of
from toolkit.plots.style import FALSE_NEGATIVE, style

ESTIMATED = "No labels given: false negatives are estimated by clusters of the embeddings."


class SliderExplorer(DataExplorer):
    """An explorer with the sampler's four sliders and a picture with a layer that stays for one batch size.

    A subclass writes `_show_fixed` and `_show_setting`.
    """

    _picture: Picture
    _image: PictureView
    pairs: widgets.HTML
    _shown_size = 0

    def _new_picture(self, figure: Figure) -> PictureView:
        """Make a figure the picture, and return the widget that shows it."""
        self._picture = Picture(figure)
        self._image = PictureView()
        return self._image

    def _new_axes(self, heights: Sequence[float] = (1,), **margins: float) -> list[Axes]:
        """Return the picture's axes. Margins are fixed: a layout that follows labels would jump between frames."""
        with style():
            figure = Figure(figsize=(6.2, 4.6), dpi=130, layout="none")
            figure.subplots_adjust(**margins)
            axes = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        self._new_picture(figure)
        return list(axes)

    def _new_pairs(self) -> widgets.HTML:
        self.pairs = widgets.HTML()
        return self.pairs

    def _batch_slider(self, tooltip: str, show: Callable[[], None]) -> widgets.IntSlider:
        """Return a slider for the batch that is shown; `show` is called when it moves."""
        most = self._samples.n_batches
        slider = widgets.IntSlider(min=1, max=most, description="batch", tooltip=tooltip, **control_layout())
        slider.observe(lambda change: self._attempt(show), "value")
        return slider

    def _rates(self, batches) -> FalseNegatives | EstimatedFalseNegatives:
        """Return the false negatives of batches, estimated if there are no labels."""
        return rates_of(batches, self._codes, self._samples)

    @property
    def _estimated(self) -> str:
        """What to write before false negatives."""
        return "" if self._codes is not None else "estimated "

    def _respond(self, moved=None) -> None:
        if self._shown_size != self.batch_size.value:
            with style():
                self._show_fixed()
            self._picture.forget()
            self._shown_size = self.batch_size.value
        self._show_setting()

    def _show_fixed(self) -> None:
        """Draw what depends on the batch size alone."""

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
            false = self._codes is not None and pair.same_label
            cells.append(
                f'<div style="display:inline-block;border:2px solid {FALSE_NEGATIVE if false else "#dddddd"};'
                "border-radius:4px;margin:3px;padding:1px 2px;text-align:center;font-size:11px;line-height:1.3;"
                f'vertical-align:top">{self.thumbnails.grid(members, self._captions(members))}<br>'
                f"similarity {pair.similarity:.2f}{'<br>false negative' if false else ''}</div>"
            )
        self.pairs.value = "".join(cells)

    def png(self) -> bytes:
        """Return the picture, as pages without JavaScript show it."""
        return bytes(self._image.value)
