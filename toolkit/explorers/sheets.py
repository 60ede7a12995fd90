"""What the explorers of hardness and of false negatives share: other samplers, and a picture for each batch size."""

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from matplotlib.artist import Artist
from matplotlib.figure import Figure

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
    """

    def __init__(self, heights: Sequence[float] = (1,), **margins: float) -> None:
        figure = Figure(figsize=(6.2, 4.6), dpi=130, layout="none")
        figure.subplots_adjust(**margins)
        self.axes = list(figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])
        self.moving: list[Artist] = []
        self.picture = Picture(figure)


Kind = TypeVar("Kind", bound=Sheet)


class SheetExplorer(WalkingExplorer, PictureExplorer, Generic[Kind]):
    """An explorer with a sheet for one batch size and choice of samplers.

    The last sheets are kept, so that a slider that goes back draws only what moves. A subclass writes `_sheet_of` and
    `_show_walks`.
    """

    _sheet: Kind

    def _new_menu(self) -> SamplerMenu:
        """Return the menu of the samplers to show next to the random walk."""
        self._image = PictureView()
        self._sheets: dict[Hashable, Kind] = {}
        self._menu = SamplerMenu(self._samples.batches, self._changed)
        self.samplers = self._menu.choice
        return self._menu

    def _respond(self, moved=None) -> None:
        self._sheet = self._sheet_of(self._menu.batches(self.batch_size.value))
        self._picture = self._sheet.picture
        self._show_setting()

    def _sheet_of(self, references: dict[str, list]) -> Kind:
        """Return a sheet with what depends on the batch size and on the samplers alone, given the latter's batches."""
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
        """End the widget and what it plans; nothing stays in the kernel."""
        if hasattr(self, "_menu"):  # not if its arguments were refused
            self._menu.stop()
        super().close()
