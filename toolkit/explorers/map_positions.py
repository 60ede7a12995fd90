"""The positions of a map's points: PCA at once, UMAP when it is ready."""

from collections.abc import Callable
from concurrent.futures import Future

import ipywidgets as widgets
import numpy as np

from toolkit import _checks
from toolkit.explorers.background import running_loop
from toolkit.explorers.controls import control_layout
from toolkit.plots.projection import UMAPTask, pca

_LEAST_FOR_UMAP = 50


def check_projection(projection, n: int) -> None:
    """Raise unless this is the name of a projection or holds the positions of n instances."""
    if isinstance(projection, str):
        _checks.choice("projection", projection, ("umap", "pca"))
    else:
        _checks.shape("projection", _checks.numbers("projection", projection), (n, 2), "x and y")


class MapPositions:
    """The positions on a canvas, and the control that chooses them.

    Parameters
    ----------
    unit : float32 tensor, shape (N, d)
    canvas : PointMap
    projection : {"umap", "pca"} or array, shape (N, 2)
        A projection, or positions that are shown as they are; checked by `check_projection`.
    attempt : callable
        Runs a function of some arguments and shows its error.

    Attributes
    ----------
    control : Dropdown
    shown : float32 array, shape (N, 2)
    """

    def __init__(self, unit, canvas, projection, attempt: Callable) -> None:
        self._unit, self._canvas, self._attempt = unit, canvas, attempt
        self._task: UMAPTask | None = None
        self._loop = running_loop()
        if isinstance(projection, str):
            self._known = {"PCA": pca(unit)}
        else:
            self._known = {"own": np.asarray(projection, np.float32)}
        enough = isinstance(projection, str) and len(unit) >= _LEAST_FOR_UMAP
        options = [*self._known, *(["UMAP"] if enough else [])]
        self.control = widgets.Dropdown(
            options=options,
            value="UMAP" if enough and projection == "umap" else options[0],
            description="map",
            tooltip="PCA is available at once. UMAP keeps neighbours together, but takes a while the first time.",
            **control_layout(),
        )
        self.control.observe(lambda _change: attempt(self._show), "value")
        self._show()

    def _show(self) -> None:
        name = self.control.value
        if name not in self._known and self._task is None:
            self._task = UMAPTask(self._unit, progress=self._on_progress)
            if self._task.done() and self._task.exception() is None:  # it was in the cache
                self._known[name] = self._task.result()
            else:
                self._task.add_done_callback(self._on_end)
        self.shown = self._known.get(name, next(iter(self._known.values())))
        with self._canvas.hold_sync():
            self._canvas.points = self.shown.astype(np.float32).tobytes()
            self._canvas.status = "" if name in self._known else "PCA; UMAP is on its way"

    def _on_progress(self, stage: str, share: float) -> None:
        if self.control.value == "UMAP":
            self._later(self._say, f"PCA; UMAP: {stage}" + (f" {share:.0%}" if share else ""))

    def _say(self, words: str) -> None:
        if self._task is not None and "UMAP" not in self._known:
            self._canvas.status = words

    def _on_end(self, task: Future) -> None:
        if not task.cancelled():
            self._later(self._attempt, self._finish, task)

    def _finish(self, task: Future) -> None:
        if self._task is None:  # closed meanwhile
            return
        error = task.exception()
        if error is not None:
            self._canvas.status = "PCA; UMAP failed"
            raise error
        self._known["UMAP"] = task.result()
        self._show()

    def _later(self, action: Callable, *arguments) -> None:
        """Call `action` in the kernel's own thread, where there is a kernel."""
        if self._loop is None or self._loop.is_closed():
            action(*arguments)
        else:
            self._loop.call_soon_threadsafe(action, *arguments)

    def wait(self) -> None:
        """Wait for UMAP, if it is being computed, and show it."""
        if self._task is not None and self.control.value not in self._known:
            self._known["UMAP"] = self._task.result()
            self._show()

    def close(self) -> None:
        """Stop computing."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
