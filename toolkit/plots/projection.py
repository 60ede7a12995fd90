"""Projections of embeddings to two dimensions: PCA immediately, UMAP in the background and cached on disk."""

import json
import os
import sys
import tempfile
import threading
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen

import numpy as np

from toolkit import _cache, _checks
from toolkit.engine import threads

_PROGRAM = Path(__file__).with_name("_umap.py")
_NARROW = 1000


def pca(embeddings) -> np.ndarray:
    """Return the first two principal components of the normalised embeddings.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d)

    Returns
    -------
    float32 array, shape (N, 2)
        Centred coordinates. The largest loading of each component is positive, so the coordinates are the same on all
        machines up to rounding.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.random.default_rng(0).normal(size=(500, 8))
    >>> pca(points).shape
    (500, 2)
    """
    from sklearn.decomposition import PCA

    unit = _checks.embeddings("embeddings", embeddings).cpu().double().numpy()
    positions = np.zeros((len(unit), 2), np.float32)
    if np.ptp(unit, axis=0).any():
        # The covariance is cubic in d; Lanczos is linear, but needs more than two rows.
        solver = "covariance_eigh" if unit.shape[1] <= _NARROW else "arpack" if len(unit) > 2 else "full"
        n_components = min(2, unit.shape[1])
        model = PCA(n_components, svd_solver=solver, tol=1e-4, random_state=0)
        positions[:, :n_components] = model.fit_transform(unit)
    return positions


def umap(embeddings, *, n_neighbors: int = 15, min_dist: float = 0.1, seed: int = 0, progress=None) -> np.ndarray:
    """Return a UMAP projection of the embeddings, from the cache if it was computed before.

    The neighbours come from an exact search (faiss) in cosine distance. The coordinates are the same in each run on
    a machine, but differ between machines.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d)
        N >= 4.
    n_neighbors : int
        Neighbours considered per instance, including itself; at least 2 and less than N.
    min_dist : float
        Minimum distance between points of the projection, in [0, 1).
    seed : int
        Random seed.
    progress : callable, optional
        Called with the stage, a string, and how much of it is done, in [0, 1].

    Returns
    -------
    float32 array, shape (N, 2)

    Raises
    ------
    RuntimeError
        If UMAP fails, with its last message.
    """
    task = UMAPTask(embeddings, n_neighbors=n_neighbors, min_dist=min_dist, seed=seed, progress=progress)
    try:
        return task.result()
    finally:
        task.cancel()  # where the wait was interrupted


class UMAPTask(Future):
    """The future of a UMAP projection, computed in a process of its own unless it is in the cache.

    The arguments are those of `umap`; `progress` and callbacks are called in a thread. `cancel` works at any time.
    """

    def __init__(
        self, embeddings, *, n_neighbors: int = 15, min_dist: float = 0.1, seed: int = 0, progress=None
    ) -> None:
        super().__init__()
        unit = np.ascontiguousarray(_checks.embeddings("embeddings", embeddings).cpu().numpy())
        _checks.integer("number of embeddings", len(unit), 4)
        n_neighbors = _checks.integer("n_neighbors", n_neighbors, 2, len(unit) - 1, "fewer than instances")
        seed = _checks.integer("seed", seed, 0, 2**32 - 1)
        min_dist = _checks.number("min_dist", min_dist, "[0, 1)")
        settings = {"n_neighbors": n_neighbors, "min_dist": min_dist, "seed": seed}
        self._progress = progress
        self._process: Popen | None = None
        self._thread: threading.Thread | None = None
        file = _cache.place("maps", [unit.shape, settings, version("umap-learn")], [unit.data])
        known = _known(file, len(unit))
        if known is not None:
            self.set_result(known)
        else:
            self._thread = threading.Thread(target=self._work, args=(unit, settings, file), name="umap", daemon=True)
            self._thread.start()

    def cancel(self) -> bool:
        """Stop computing; return when nothing of it runs any more, and whether there was something to stop."""
        cancelled = super().cancel()
        if self._process is not None:
            self._process.kill()
        if self._thread not in (None, threading.current_thread()):
            self._thread.join()
        return cancelled

    def _work(self, unit: np.ndarray, settings: dict, file: Path) -> None:
        with suppress(InvalidStateError):  # cancelled meanwhile
            try:
                found = self._compute(unit, settings)
            except Exception as error:
                self.set_exception(error)
            else:
                _cache.write(file, projection=found)
                self.set_result(found)

    def _compute(self, unit: np.ndarray, settings: dict) -> np.ndarray:
        with tempfile.TemporaryDirectory(prefix="umap") as folder:
            source, target = Path(folder, "embeddings.npy"), Path(folder, "projection.npy")
            np.save(source, unit)
            # -P: modules of this folder must not stand in for others of the same name.
            command = [sys.executable, "-P", str(_PROGRAM), str(source), str(target), json.dumps(settings)]
            self._process = Popen(command, env=_environment(), stdout=PIPE, stderr=STDOUT, text=True, errors="replace")
            with self._process:
                if self.cancelled():  # before there was a process to kill
                    self._process.kill()
                said = [line for line in self._process.stdout or () if not self._report(line)]
            if self._process.returncode:
                words = "".join(said).strip()[-500:]
                raise RuntimeError(f"UMAP failed with exit code {self._process.returncode}: {words}")
            return np.load(target)

    def _report(self, line: str) -> bool:
        """Pass a line of progress on; return whether it was one."""
        try:
            stage, share = json.loads(line)
        except (ValueError, TypeError):
            return False
        if self._progress is not None and not self.cancelled():
            self._progress(stage, share)
        return True


def _environment() -> dict:
    """Let the other process have half of the cores: someone is looking at a notebook."""
    n_threads = str(max(1, threads.n_cores() // 2))
    path = os.pathsep.join(path for path in sys.path if path)
    return os.environ | {"PYTHONPATH": path, "NUMBA_NUM_THREADS": n_threads, "OMP_NUM_THREADS": n_threads}


def _known(path: Path, n: int) -> np.ndarray | None:
    """Return the projection that is kept in a file, if it is there and whole."""
    arrays = _cache.read(path, projection=(n, 2))
    if arrays is None or arrays["projection"].dtype != np.float32 or not np.isfinite(arrays["projection"]).all():
        return None
    return arrays["projection"]
