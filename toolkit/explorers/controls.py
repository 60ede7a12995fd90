"""The sampler's settings as sliders."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import ipywidgets as widgets
import numpy as np
import traitlets

from toolkit import _checks

SIZES = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
BATCH_SIZES = (16, 32, 64, 128, 256, 512, 1024)
DEFAULTS = {"restart": 0.2, "n_neighbors": 100, "n_candidates": 1000, "batch_size": 256}
NAME_WIDTH = "92px"
_STEP = 0.05  # of restart


def control_layout() -> dict:
    """Return layout and style of a control in the column; each needs its own, which is closed with it."""
    return {"layout": widgets.Layout(width="auto"), "style": {"description_width": NAME_WIDTH}}


class SizeSlider(widgets.SelectionSlider):
    """A slider over some whole numbers, to which any other that it is given is added.

    Parameters
    ----------
    name : str
    value : int
    stops : iterable of int
    least, most : int
        Range of the values it may be given.
    tooltip : str
    """

    def __init__(self, name: str, value: int, stops: Iterable[int], least: int, most: int, tooltip: str) -> None:
        self._range = least, most
        options = sorted({*stops, value})
        super().__init__(options=options, value=value, description=name, tooltip=tooltip, **control_layout())

    @traitlets.validate("value")
    def _validate_value(self, proposal) -> int:
        value = _checks.integer(self.description, proposal.value, *self._range)
        if value not in self.options:
            self._initializing_traits_ = True  # or the new options would move the slider to the first of them
            try:
                self.options = sorted({*self.options, value})
            finally:
                self._initializing_traits_ = False
        return value

    @property
    def others(self) -> list[tuple[int, int]]:
        """Steps to each other value, and the value."""
        place = self.options.index(self.value)
        return [(abs(other - place), value) for other, value in enumerate(self.options) if other != place]


class RestartSlider(widgets.FloatSlider):
    """A slider for the restart probability; values in [0, 1) between and beyond its steps are kept."""

    def __init__(self, value: float) -> None:
        tooltip = "Probability of jumping back to the seed. Higher: the batch stays closer to it."
        super().__init__(value, min=0, max=0.95, step=_STEP, description="restart", tooltip=tooltip, **control_layout())

    @traitlets.validate("value")
    def _validate_value(self, proposal) -> float:
        value = _checks.restart_probability("restart", proposal.value)
        self.max = max(self.max, value)
        return value

    @property
    def others(self) -> list[tuple[int, float]]:
        """Steps to each other value, and the value."""
        stops = np.arange(self.min, self.max + 1e-9, _STEP).round(10).tolist()
        return [
            (math.ceil(abs(stop - self.value) / _STEP - 1e-9), stop) for stop in stops if stop != _exact(self.value)
        ]


class BudgetSlider(widgets.FloatSlider):
    """A slider for the largest share of false negatives; values in (0, 1] between its steps are kept."""

    def __init__(self, value: float, tooltip: str, continuous_update: bool = True) -> None:
        super().__init__(
            value,
            min=0.005,
            max=1,
            step=0.005,
            description="budget",
            readout_format=".1%",
            tooltip=tooltip,
            continuous_update=continuous_update,
            **control_layout(),
        )

    @traitlets.validate("value")
    def _validate_value(self, proposal) -> float:
        value = _checks.number("max_false_negatives", proposal.value, "(0, 1]")
        self.min = min(self.min, value)
        return value


class SamplerControls(widgets.VBox):
    """Sliders for restart, K, M and B with a reset button; there are never more neighbours than candidates.

    Parameters
    ----------
    n : int
        Instances in the data set, at least 32.
    on_change : callable
        Called after each change, with the slider that moved, or None after a reset. Where one slider takes another
        along, once.
    defaults : mapping of name to value
        Initial values of settings that are not given; less for few instances.
    n_candidates, n_neighbors, restart, batch_size : optional
        Initial values, which the reset button restores.

    Attributes
    ----------
    restart, n_neighbors, n_candidates, batch_size, reset : widgets

    Raises
    ------
    TypeError, ValueError
        For values out of range, and more neighbours than candidates.
    """

    def __init__(
        self,
        n: int,
        on_change: Callable,
        defaults: Mapping = DEFAULTS,
        *,
        n_candidates: int | None = None,
        n_neighbors: int | None = None,
        restart: float | None = None,
        batch_size: int | None = None,
    ) -> None:
        given = {"restart": restart, "n_candidates": n_candidates, "n_neighbors": n_neighbors, "batch_size": batch_size}
        given = {name: value for name, value in given.items() if value is not None}
        _check(n, **given)
        sizes = [size for size in SIZES if size < n - 1] + [n - 1]
        batch_sizes = [size for size in BATCH_SIZES if size <= n // 2]
        stops = {"n_neighbors": sizes, "n_candidates": sizes, "batch_size": batch_sizes}
        first = self._initial = _fitting(defaults, stops, given)
        self._on_change = on_change
        self._updating = False
        self.restart = RestartSlider(first["restart"])
        tooltip = "Candidates kept as neighbours (K). Fewer: harder batches."
        self.n_neighbors = SizeSlider("n_neighbors", first["n_neighbors"], sizes, 1, n - 1, tooltip)
        tooltip = "Random candidates per instance (M). More: harder batches, more false negatives."
        self.n_candidates = SizeSlider("n_candidates", first["n_candidates"], sizes, 1, n - 1, tooltip)
        tooltip = "Instances per batch (B)."
        self.batch_size = SizeSlider("batch_size", first["batch_size"], batch_sizes, 2, n, tooltip)
        self.reset = widgets.Button(
            description="Reset", tooltip="Back to the initial settings", layout=widgets.Layout(width="auto")
        )
        for control in self.sliders:
            control.observe(self._on_slider, "value")
        self.reset.on_click(self._on_reset)
        super().__init__([*self.sliders, self.reset])

    @property
    def sliders(self) -> tuple[RestartSlider, SizeSlider, SizeSlider, SizeSlider]:
        """The four sliders."""
        return self.restart, self.n_neighbors, self.n_candidates, self.batch_size

    @property
    def settings(self) -> dict:
        """The settings by name, as the samplers take them."""
        return {control.description: _exact(control.value) for control in self.sliders}

    @property
    def sizes(self) -> dict[str, int]:
        """M and K by name, as graphs take them."""
        return {"n_candidates": self.n_candidates.value, "n_neighbors": self.n_neighbors.value}

    @property
    def others(self) -> list[tuple[int, dict]]:
        """Steps of one slider, and the settings that they lead to, for every value of each slider."""
        found = []
        for slider in self.sliders:
            for steps, value in slider.others:
                settings = self.settings | {slider.description: value}
                if settings["n_neighbors"] > settings["n_candidates"]:  # one takes the other along
                    settings |= {"n_neighbors": value, "n_candidates": value}
                found.append((steps, settings))
        return found

    def _on_reset(self, _button) -> None:
        self._updating = True
        try:
            for control in self.sliders:
                control.value = self._initial[control.description]
        finally:
            self._updating = False
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
        self._updating = True
        try:
            if moved is self.n_candidates:
                self.n_neighbors.value = self.n_candidates.value
            else:
                self.n_candidates.value = self.n_neighbors.value
        finally:
            self._updating = False


def _exact(value):
    """Return a value without the rounding errors of a browser's steps."""
    return round(value, 10)


def _check(n: int, n_candidates=None, n_neighbors=None, restart=None, batch_size=None) -> None:
    """Refuse initial values out of range, before there are widgets."""
    if n_candidates is not None:
        _checks.integer("n_candidates", n_candidates, 1, n - 1)
    if n_neighbors is not None:
        most, remedy = (n - 1, "") if n_candidates is None else (n_candidates, "no more neighbours than candidates")
        _checks.integer("n_neighbors", n_neighbors, 1, most, remedy)
    if restart is not None:
        _checks.restart_probability("restart", restart)
    if batch_size is not None:
        _checks.integer("batch_size", batch_size, 2, n)


def _fitting(defaults: Mapping, stops: Mapping[str, Sequence[int]], given: Mapping) -> dict:
    """Return the initial settings: those that are given, and defaults that fit them and the stops."""
    sizes = {name: max(size for size in some if size <= defaults[name]) for name, some in stops.items()}
    initial = {**defaults, **sizes, **given}
    if "n_neighbors" in given:
        initial["n_candidates"] = max(initial["n_candidates"], initial["n_neighbors"])
    initial["n_neighbors"] = min(initial["n_candidates"], initial["n_neighbors"])
    return initial
