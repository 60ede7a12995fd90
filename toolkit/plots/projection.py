"""Maps of embeddings in two dimensions: PCA at once, UMAP in the background and kept on disk."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from toolkit import _checks
from toolkit.engine import threads

N_NEIGHBORS = 15
MIN_DIST = 0.1
_PROGRAM = Path(__file__).with_name("_umap.py")


def pca(embeddings) -> np.ndarray:
    """Return the first two principal components of the embeddings at length 1.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d)

    Returns
    -------
    float32 array, shape (N, 2)
        Centred; the same on all machines but for rounding: in each component the largest loading is positive.

    Raises
    ------
    ValueError
        For a wrong shape, and NaN, Inf and zero rows.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.random.default_rng(0).normal(size=(500, 8))
    >>> pca(points).shape
    (500, 2)
    """
    unit = _checks.embeddings(embeddings).cpu().numpy()
    centred = unit - unit.mean(0)
    _, axes = np.linalg.eigh(centred.T.astype(np.float64) @ centred)
    axes = axes[:, :-3:-1]
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])])
    places = centred @ axes.astype(np.float32)
    return np.pad(places, ((0, 0), (0, 2 - places.shape[1])))


def umap(
    embeddings, n_neighbors: int = N_NEIGHBORS, min_dist: float = MIN_DIST, seed: int = 0, progress=None
) -> np.ndarray:
    """Return a UMAP map of the embeddings, from the cache if it was computed before.

    The neighbours come from an exact search (faiss) in cosine distance. The coordinates are the same in each run on
    a machine, but differ between machines.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d)
    n_neighbors : int
        Instances looked at around each, itself included, at least 2 and less than N.
    min_dist : float
        Least distance between points of the map, in [0, 1).
    seed : int
    progress : callable, optional
        Called with the stage, a string, and how much of it is done, in [0, 1].

    Returns
    -------
    float32 array, shape (N, 2)

    Raises
    ------
    ValueError
        For settings out of range, a wrong shape, and NaN, Inf and zero rows.
    RuntimeError
        If UMAP fails; with what it said.
    """
    return UMAPTask(embeddings, n_neighbors, min_dist, seed, on_progress=progress).result()


class UMAPTask:
    """A UMAP map that is being computed, in a process of its own; `umap` explains the arguments.

    Parameters
    ----------
    embeddings, n_neighbors, min_dist, seed
    on_progress : callable, optional
        Called with the stage and its share done, in a thread.
    on_end : callable, optional
        Called with this task when there is a map or an error, in a thread; not after `cancel`, and not if the map is
        there from the start.

    Attributes
    ----------
    map : float32 array, shape (N, 2), or None
    error : Exception or None

    Raises
    ------
    TypeError, ValueError
        For NaN, Inf and zero rows, less than four of them, and arguments out of their ranges.
    """

    def __init__(
        self,
        embeddings,
        n_neighbors: int = N_NEIGHBORS,
        min_dist: float = MIN_DIST,
        seed: int = 0,
        on_progress: Callable[[str, float], None] | None = None,
        on_end: Callable[["UMAPTask"], None] | None = None,
    ) -> None:
        unit = np.ascontiguousarray(_checks.embeddings(embeddings).cpu().numpy())
        _checks.integer("number of embeddings", len(unit), 4)
        _checks.integer("n_neighbors", n_neighbors, 2, len(unit) - 1, "fewer than instances")
        _checks.integer("seed", seed, 0, 2**32 - 1)
        if isinstance(min_dist, bool) or not 0 <= min_dist < 1:
            raise ValueError(f"min_dist must be in [0, 1), got {min_dist!r}")
        settings = {"n_neighbors": int(n_neighbors), "min_dist": float(min_dist), "seed": int(seed)}
        self._on_progress, self._on_end = on_progress, on_end
        self._cancelled = False
        self._process: subprocess.Popen | None = None
        self._file = cache_folder() / f"{_key(unit, settings)}.npy"
        self.map, self.error = _read(self._file, len(unit)), None
        self._thread: threading.Thread | None = None
        if self.map is None:
            self._thread = threading.Thread(target=self._work, args=(unit, settings), name="umap", daemon=True)
            self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it is still being computed."""
        return self._thread is not None and self._thread.is_alive()

    def result(self) -> np.ndarray:
        """Wait for the map and return it, or raise what went wrong."""
        if self._thread is not None:
            self._thread.join()
        if self.error is not None:
            raise self.error
        if self.map is None:
            raise RuntimeError("the map was cancelled")
        return self.map

    def cancel(self) -> None:
        """Stop computing; returns when nothing of it runs any more."""
        self._cancelled = True
        if self._process is not None:
            self._process.kill()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _work(self, unit: np.ndarray, settings: dict) -> None:
        try:
            found = self._run(unit, settings)
            if found is not None:
                _write(self._file, found)
                self.map = found
        except Exception as error:
            self.error = error
        if self._on_end is not None and not self._cancelled:
            self._on_end(self)

    def _run(self, unit: np.ndarray, settings: dict) -> np.ndarray | None:
        """Compute the map in another process; None if cancelled."""
        with tempfile.TemporaryDirectory(prefix="umap") as folder:
            source, target, log = (Path(folder, name) for name in ("embeddings.npy", "map.npy", "log"))
            np.save(source, unit)
            # -P: modules of this folder must not stand in for others of the same name.
            command = [sys.executable, "-P", str(_PROGRAM), str(source), str(target), json.dumps(settings)]
            with open(log, "w+") as errors:
                self._process = subprocess.Popen(
                    command, stdout=subprocess.PIPE, stderr=errors, text=True, env=_environment()
                )
                if self._cancelled:
                    self._process.kill()
                with self._process.stdout as lines:
                    for line in lines:
                        if self._on_progress is not None and not self._cancelled:
                            self._on_progress(*json.loads(line))
                code = self._process.wait()
            if self._cancelled:
                return None
            if code:
                raise RuntimeError(f"UMAP failed with exit code {code}: {log.read_text().strip()[-500:]}")
            return np.load(target)


def cache_folder() -> Path:
    """Return where maps are kept: ``maps`` in the folder that ``TOOLKIT_CACHE`` names, or in ``~/.cache/toolkit``."""
    return Path(os.environ.get("TOOLKIT_CACHE") or Path.home() / ".cache" / "toolkit").expanduser() / "maps"


def _key(unit: np.ndarray, settings: dict) -> str:
    """Return a name that stands for these vectors and settings and the installed UMAP."""
    from importlib.metadata import version

    about = [unit.shape, settings, version("umap-learn")]
    return hashlib.sha256(json.dumps(about).encode() + unit.tobytes()).hexdigest()[:32]


def _environment() -> dict:
    """Let the other process have half of the cores: someone is looking at a notebook."""
    n_threads = str(max(1, threads.n_cores() // 2))
    path = os.pathsep.join(path for path in sys.path if path)
    return os.environ | {"PYTHONPATH": path, "NUMBA_NUM_THREADS": n_threads, "OMP_NUM_THREADS": n_threads}


def _read(path: Path, n: int) -> np.ndarray | None:
    """Return the map in a file; None if there is none, or a damaged one."""
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    good = found.shape == (n, 2) and found.dtype == np.float32 and np.isfinite(found).all()
    return found if good else None


def _write(path: Path, found: np.ndarray) -> None:
    """Keep a map; where nothing can be written it is computed anew next time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npy", delete=False) as file:
            np.save(file, found)
        os.replace(file.name, path)
    except OSError:
        pass
