"""What the explorers of hardness and of false negatives share: other samplers, and a picture for each batch size."""

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from matplotlib.artist import Artist
from matplotlib.figure import Figure

from toolkit.explorers.background import Newest
from toolkit.explorers.picture import Picture
from toolkit.explorers.picture_view import PictureView
from toolkit.explorers.sampler_menu import SamplerMenu
from toolkit.explorers.slider_base import PictureExplorer
from toolkit.explorers.walking import WalkingExplorer
from toolkit.plots.style import style

_KEPT = 8  # pictures, of some 4 MB each


class Sheet:
    """A picture for a choice of samplers; a subclass draws what stays, and adds what moves.

    Parameters
    ----------
    heights : sequence of float
        Relative heights of the axes, one below the other.
    **margins
        Of the figure. They are fixed: a layout that follows labels would jump between frames.

    Attributes
    ----------
    axes : list of Axes
    moving : list of Artist
    picture : Picture
    batch_size : int
        Batch size for which the parts that stay were drawn.
    """

    batch_size: int

    def __init__(self, heights: Sequence[float] = (1,), **margins: float) -> None:
        figure = Figure(figsize=(6.2, 4.6), dpi=130, layout="none")
        figure.subplots_adjust(**margins)
        self.axes = list(figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])
        self.moving: list[Artist] = []
        self.picture = Picture(figure)


Kind = TypeVar("Kind", bound=Sheet)


Found = TypeVar("Found")


class SheetExplorer(WalkingExplorer, PictureExplorer, Generic[Kind, Found]):
    """An explorer with a sheet for one batch size and choice of samplers.

    A kernel measures in the background what a sheet shows of another batch size; until then the last sheet stays, and
    only the random walk's batches have the new size. The last sheets are kept, so that a slider that goes back draws
    only what moves. A subclass writes `_measure`, `_sheet_of` and `_show_walks`.
    """

    _sheet: Kind

    def __init__(self, *arguments, **settings) -> None:
        self._measuring = Newest()
        self._measured: dict[int, Found] = {}  # by batch size
        super().__init__(*arguments, **settings)

    def _new_menu(self) -> SamplerMenu:
        """Return the menu of the samplers to show next to the random walk."""
        self._image = PictureView()
        self._sheets: dict[Hashable, Kind] = {}
        self._menu = SamplerMenu(self._samples.batches, self._changed)
        self.samplers = self._menu.choice
        return self._menu

    def _respond(self, moved=None) -> None:
        size = self.batch_size.value
        if size not in self._measured and self.numbers.value and not self._newest.at_once:
            self._measuring.submit(lambda: (size, self._measure(size)), self._show_measured)
        else:
            if size not in self._measured:
                self._measured[size] = self._measure(size)
            self._sheet = self._sheet_of(self._menu.batches(size))
            self._picture = self._sheet.picture
        self._show_setting()

    def _measure(self, size: int) -> Found:
        """Return what a sheet shows of batches of some size, whatever the walk's settings."""
        raise NotImplementedError

    def _show_measured(self, result: Callable) -> None:
        """Show what the background has measured, unless the sliders have moved on."""
        self._attempt(lambda: self._show_if_wanted(*result()))

    def _show_if_wanted(self, size: int, found: Found) -> None:
        self._measured[size] = found
        if size == self.batch_size.value != self._sheet.batch_size:
            self._respond()

    @property
    def _follows(self) -> bool:
        """Whether the sheet is still one of another batch size."""
        return self._sheet.batch_size != self.batch_size.value

    def _complete(self) -> None:
        size = self.batch_size.value
        if size not in self._measured:
            self._attempt(lambda: self._show_if_wanted(size, self._measure(size)))
        super()._complete()

    def _sheet_of(self, references: dict[str, list]) -> Kind:
        """Return the sheet of the current batch size, which is measured, and of samplers with these batches."""
        raise NotImplementedError

    def _kept_sheet(self, key: Hashable, new: Callable[[], Kind]) -> Kind:
        """Return a sheet that is kept, or a `new` one in the toolkit's style."""
        if key not in self._sheets:
            with style():
                self._sheets[key] = new()
        sheet = self._sheets[key] = self._sheets.pop(key)
        for old in list(self._sheets)[:-_KEPT]:
            del self._sheets[old]
        return sheet

    def close(self) -> None:
        """End the widget and what it plans and measures; nothing stays in the kernel."""
        self._measuring.close()
        if hasattr(self, "_menu"):  # not if its arguments were refused
            self._menu.stop()
        super().close()
