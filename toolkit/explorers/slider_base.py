"""What the explorers with sliders share: a batch to choose, a row of pairs, a picture."""

import html
from collections.abc import Callable, Hashable, Iterable, Sequence

import ipywidgets as widgets
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from toolkit.explorers.base import DataExplorer
from toolkit.explorers.controls import control_layout
from toolkit.explorers.picture import Picture
from toolkit.explorers.picture_view import PictureView
from toolkit.metrics import EstimatedFalseNegatives, FalseNegatives, hardest_pairs
from toolkit.metrics.frontier import rates_of
from toolkit.plots.style import FALSE_NEGATIVE
from toolkit.proximity.false_negatives import RATIO, ByPositives

ESTIMATED = {
    "clusters": "No labels given: false negatives are estimated by clusters of the embeddings.",
    "positives": f"No labels given: a negative counts as false if it is at least {RATIO:.0%} as similar to a query as "
    "the query's own target.",
}


class SliderExplorer(DataExplorer):
    """An explorer with the sampler's four sliders; a subclass writes `_show_setting`."""

    pairs: widgets.HTML

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

    def _hardest_pairs(self, batches, n_pairs: int, only_false: bool = False):
        """Return the most similar pairs (`hardest_pairs`); without labels, `suspected` tells which may be false."""
        pairs = hardest_pairs(
            batches, self._samples.queries, n_pairs, self._codes, only_false, targets=self._samples.targets
        )
        counter = self._samples.counter if self._codes is None else None
        if isinstance(counter, ByPositives):
            both = zip(pairs["first"].tolist(), pairs["second"].tolist(), strict=True)
            pairs["suspected"] = [bool(counter.near(i, [j])[0] or counter.near(j, [i])[0]) for i, j in both]
        return pairs

    def _respond(self, moved=None) -> None:
        self._show_setting()

    def _show_setting(self) -> None:
        """Show the present setting: batches and numbers."""
        raise NotImplementedError

    def _show_pairs(self, heading: str, pairs) -> None:
        """Show pairs (from `hardest_pairs`) side by side, with similarities and labels; false negatives are framed."""
        cells = [f'<div style="line-height:1.4">{html.escape(heading)}</div>']
        for pair in pairs.itertuples():
            members = (pair.first, pair.second)
            name = ""
            if getattr(pair, "same_label", False):
                name = "<br>false negative"
            elif getattr(pair, "suspected", False):
                name = "<br>suspected false negative"
            cells.append(
                f'<div style="display:inline-block;border:2px solid {FALSE_NEGATIVE if name else "#dddddd"};'
                "border-radius:4px;margin:3px;padding:1px 2px;text-align:center;font-size:11px;line-height:1.3;"
                f'vertical-align:top">{self._grid(members)}<br>similarity {pair.similarity:.2f}{name}</div>'
            )
        self.pairs.value = "".join(cells)


class PictureExplorer(SliderExplorer):
    """An explorer with sliders whose `_image` shows the frames of a `_picture`."""

    _picture: Picture
    _image: PictureView

    def _show_frame(
        self, moving: Iterable[Artist], words: Iterable[str], still: Sequence[Artist] = (), state: Hashable = None
    ) -> None:
        """Send the picture (`Picture.png`) and the line of numbers to the browser."""
        self._image.value = self._picture.png(moving, still, state)
        self._show_numbers([words])

    def _to_figure(self) -> Figure:
        return self._picture.canvas.figure

    def png(self) -> bytes:
        """Return the picture as a PNG, as pages without JavaScript show it."""
        return bytes(self._image.value)
