"""The sampler's settings as sliders."""

from collections.abc import Callable

import ipywidgets as widgets

SIZES = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
BATCH_SIZES = (16, 32, 64, 128, 256, 512, 1024)
DEFAULTS = {"restart": 0.2, "n_neighbors": 100, "n_candidates": 1000, "batch_size": 256}


def aligned() -> dict:
    """Return the layout and style of sliders that stand beneath each other."""
    return {"layout": widgets.Layout(width="242px"), "style": {"description_width": "94px"}}


def restart_slider(**options) -> widgets.FloatSlider:
    """Return a slider for the restart probability."""
    return widgets.FloatSlider(
        min=0,
        max=0.95,
        step=0.05,
        description="restart",
        tooltip="Probability of jumping back to the seed. Higher: the batch stays closer to it.",
        **options,
    )


class SamplerControls(widgets.VBox):
    """Sliders for restart, K, M and B with a reset button; there are never more neighbours than candidates.

    Parameters
    ----------
    n : int
        Instances in the data set, at least 32.
    on_change : callable
        Called after each change, with the slider that moved, or None after a reset. Where one slider takes another
        along, once.

    Attributes
    ----------
    restart, n_neighbors, n_candidates, batch_size, reset : widgets
    """

    def __init__(self, n: int, on_change: Callable) -> None:
        self._on_change = on_change
        self._updating = False
        self._start = dict(DEFAULTS)
        wide = aligned()
        self.restart = restart_slider(**wide)
        sizes = [size for size in SIZES if size < n - 1] + [n - 1]
        self.n_neighbors = widgets.SelectionSlider(
            options=sizes,
            description="n_neighbors",
            tooltip="Candidates kept as neighbours (K). Fewer: harder batches.",
            **wide,
        )
        self.n_candidates = widgets.SelectionSlider(
            options=sizes,
            description="n_candidates",
            tooltip="Random candidates per instance (M). More: harder batches, more false negatives.",
            **wide,
        )
        self.batch_size = widgets.SelectionSlider(
            options=[size for size in BATCH_SIZES if size <= n // 2],
            description="batch_size",
            tooltip="Instances per batch (B).",
            **wide,
        )
        self.reset = widgets.Button(description="Reset", tooltip="Back to the settings at the start")
        self._set_defaults()
        for control in self.sliders:
            control.observe(self._on_slider, "value")
        self.reset.on_click(self._on_reset)
        super().__init__([*self.sliders, self.reset])

    @property
    def sliders(self) -> tuple[widgets.Widget, ...]:
        """The four sliders."""
        return self.restart, self.n_neighbors, self.n_candidates, self.batch_size

    @property
    def settings(self) -> dict:
        """The settings by name, as the samplers take them."""
        return {control.description: control.value for control in self.sliders}

    def _set_defaults(self) -> None:
        self.restart.value = self._start["restart"]
        for control in (self.n_candidates, self.n_neighbors, self.batch_size):
            wanted = max(self._start[control.description], control.options[0])
            control.value = max(size for size in control.options if size <= wanted)

    def set_start(self, **settings) -> None:
        """Set the settings to start with, and to come back to, without calling `on_change`."""
        self._start |= settings
        self._updating = True
        try:
            self._set_defaults()
        finally:
            self._updating = False

    def _on_reset(self, _button) -> None:
        self.set_start()
        self._on_change(None)

    def _on_slider(self, change) -> None:
        if self._updating:
            return
        self._keep_order(change["owner"])
        self._on_change(change["owner"])

    def _keep_order(self, moved: widgets.Widget) -> None:
        """Move the other slider along, so that there are never more neighbours than candidates."""
        if self.n_neighbors.value <= self.n_candidates.value:
            return
        follower = self.n_neighbors if moved is self.n_candidates else self.n_candidates
        leader = self.n_candidates if follower is self.n_neighbors else self.n_neighbors
        self._updating = True
        try:
            follower.value = leader.value
        finally:
            self._updating = False
