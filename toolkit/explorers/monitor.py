"""Watch a training while it runs, stop it, and look at it afterwards."""

import html
import math
import threading
import time
import warnings
from collections.abc import Callable, Mapping

import ipywidgets as widgets
from matplotlib.figure import Figure

from toolkit import _checks, plots
from toolkit.explorers.base import Explorer
from toolkit.explorers.controls import control_layout
from toolkit.explorers.picture import Picture
from toolkit.explorers.picture_view import PictureView
from toolkit.plots.histories import curve
from toolkit.plots.style import color_of, style
from toolkit.training.history import History, shown_columns
from toolkit.training.recorder import add_staleness

SHARE_OF_TIME = 0.1  # drawing may take at most so much of the training's
LEAST_PAUSE = 0.5
HOW = ["No run yet. To watch one here:", "<code>train(..., on_step=monitor.follow('Random walk', sampler))</code>"]
MARGINS = {"left": 0.075, "right": 0.965, "top": 0.87, "bottom": 0.11, "wspace": 0.36, "hspace": 0.42}


class TrainingMonitor(Explorer):
    """Loss, hardness, false negatives, coverage, staleness of the graph and probe results of one or several runs.

    Live during a training if it is given `follow`, or afterwards from histories, also saved ones (`History.load`).

    The stop button ends the run after its current step; the model keeps what it learned. Its message reaches a kernel
    that is busy with training in JupyterLab from 4.4 with ipykernel from 7, which listen meanwhile. Elsewhere interrupt
    the kernel: `toolkit.training.train` takes that for the same wish.

    Parameters
    ----------
    history : History or mapping of name to History, optional
        What to show from the beginning.
    window : int
        Steps to average over.

    Attributes
    ----------
    histories : dict of name to History
        What is shown.
    window, stop : widgets
        The controls.

    Raises
    ------
    TypeError, ValueError
        For a history of another type, and a window outside [1, 200].

    Examples
    --------
    >>> from toolkit import RandomWalkBatchSampler
    >>> from toolkit.datasets import vision
    >>> from toolkit.explorers import TrainingMonitor
    >>> from toolkit.models import SimCLR
    >>> from toolkit.training import train
    >>> data, monitor = vision.bundled(), TrainingMonitor()
    >>> sampler = RandomWalkBatchSampler(len(data.views), batch_size=64)
    >>> history = train(
    ...     SimCLR(), data.views, sampler, steps=2, progress=False, on_step=monitor.follow("Random walk", sampler)
    ... )
    >>> monitor
    TrainingMonitor(Random walk: 2 steps)
    """

    def __init__(self, history: History | Mapping[str, History] | None = None, window: int = 10) -> None:
        self.histories = named_histories(history)
        window = _checks.integer("window", window, 1, 200)
        tooltip = "Steps to average over."
        self.window = widgets.IntSlider(
            window, 1, 200, description="window", tooltip=tooltip, continuous_update=False, **control_layout()
        )
        self.stop = widgets.Button(
            description="Stop training",
            tooltip="End the run after its current step",
            icon="stop",
            disabled=True,
            layout=control_layout()["layout"],
        )
        self._stopping = threading.Event()
        self._due = 0.0
        with style():
            figure = Figure(figsize=(7, 4.4), dpi=120, layout="none")
        self._picture = Picture(figure)
        self._image = PictureView()
        self.window.observe(lambda change: self._changed(change["owner"]), "value")
        self.stop.on_click(self._on_stop)
        for control in (self.stop, self.window):
            _hear_while_busy(control)
        self._start([self.window, self.stop], [self._image])

    def follow(self, name: str, sampler=None, staleness_every: int = 20) -> Callable[[History], bool]:
        """Return what to give to `train` as ``on_step``, to show the run live under a name and let the button stop it.

        Parameters
        ----------
        name : str
            "Uniform", "kNN" and "Random walk" have fixed colours. A run of the same name is replaced.
        sampler : BatchSampler, optional
            If it has a graph, its staleness is measured into ``history.staleness``.
        staleness_every : int
            Steps between the measurements.
        """
        staleness_every = _checks.integer("staleness_every", staleness_every, 1)

        def on_step(history: History) -> bool:
            if self.histories.get(name) is not history:
                self.histories[name] = history
                self._stopping.clear()
                self.stop.description, self.stop.disabled = "Stop training", False
            if sampler is not None and len(history) % staleness_every == 0:
                add_staleness(history, sampler)
            stopped = self._stopping.is_set()
            if stopped or len(history) == history.steps:
                self.stop.description, self.stop.disabled = "Stopped" if stopped else "Stop training", True
                self._due = 0.0
            if time.perf_counter() >= self._due:
                self._show_live()
            return stopped

        return on_step

    def _show_live(self) -> None:
        """Draw; an error is shown and warned of, but training is worth more than a picture of it."""
        try:
            self._changed()
        except Exception as error:
            warnings.warn(f"TrainingMonitor could not draw: {error}", stacklevel=3)

    def _on_stop(self, _button) -> None:
        self._stopping.set()
        self.stop.description, self.stop.disabled = "Stopping ...", True

    def _respond(self, moved=None) -> None:
        began = time.perf_counter()
        if moved is not self.window or not self._move_curves():
            self._draw_panels()
        self._image.value = self._picture.png([line for ax in self._axes for line in ax.lines])
        lines = [_numbers(*run, i) for i, run in enumerate(self.histories.items())]
        self._show_numbers(lines or [HOW])
        now = time.perf_counter()
        self._due = now + max(LEAST_PAUSE, (now - began) / SHARE_OF_TIME)

    def _draw_panels(self) -> None:
        """Draw all but the curves, which go on top."""
        figure = self._picture.canvas.figure
        self._axes = plots.training_panels(self.histories, self.window.value, figure).ravel()
        # Fixed: a layout that follows the labels would jump between frames.
        figure.subplots_adjust(**MARGINS)
        for ax in self._axes:
            for line in ax.lines:
                line.set_animated(True)
        self._picture.forget()

    def _move_curves(self) -> bool:
        """Give the curves the current window, and return whether the panels are still right for them."""
        for ax, column in zip(self._axes, shown_columns(), strict=False):  # the last row may have empty places
            if len(ax.lines) != len(self.histories):
                return False
            (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
            for line, history in zip(ax.lines, self.histories.values(), strict=True):
                steps, values = curve(history, column, self.window.value)
                if bool(len(steps)) != bool(len(line.get_xdata())):
                    return False
                if len(steps) and not (left <= steps[-1] <= right and low <= values.min() and values.max() <= high):
                    return False
                line.set_data(steps, values)
        return True

    def _to_figure(self) -> Figure:
        self._changed()
        return self._picture.canvas.figure

    def png(self) -> bytes:
        """Return the picture as a PNG, with what came in since the last frame."""
        self._changed()
        return bytes(self._image.value)

    def __repr__(self) -> str:
        runs = ", ".join(f"{name}: {len(history)} steps" for name, history in self.histories.items())
        return f"TrainingMonitor({runs})"


def named_histories(history: History | Mapping[str, History] | None) -> dict[str, History]:
    """Return histories by name, or raise if some of it is not a history."""
    histories = {} if history is None else {"training": history} if isinstance(history, History) else history
    if not isinstance(histories, Mapping) or not all(isinstance(one, History) for one in histories.values()):
        raise TypeError(f"history must be a History or a mapping of name to History, got {history!r}")
    return dict(histories)


def _hear_while_busy(control: widgets.Widget) -> None:
    """Let a control's messages reach a kernel whose main thread is busy.

    JupyterLab sends them to a thread of their own (a subshell); ipykernel hands them to the thread that wrote to
    the control last, unless told to leave them where they are.
    """
    if hasattr(control.comm, "_reply_subshell_for"):
        control.comm._reply_subshell_for = lambda data, default: default


def _numbers(name: str, history: History, position: int) -> list[str]:
    """Return the last values of a run as words of HTML."""
    of = f" of {history.steps}" if history.steps else ""
    mark = f"border-left:8px solid {color_of(name, position)};padding-left:5px"  # the colour of text is the theme's
    words = [f'<b style="{mark}">{html.escape(name)}</b>: step {len(history)}{of}']
    for column in shown_columns():
        value = history.last(column.name)
        if math.isfinite(value):
            words.append(f"{column.title} <b>{value:{column.form}}</b>")
    return words + ["stopped early"] * history.interrupted
