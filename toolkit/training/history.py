"""What happened in a training run."""

import json
import math
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from toolkit import _checks
from toolkit._files import write_whole


@dataclass(frozen=True)
class Column:
    """A column of histories, declared once for the loop, the plots, the monitor and comparisons."""

    name: str
    title: str = ""  # title of the panel and name before the last value; empty for a column that is not drawn
    label: str = ""  # axis label, with the unit
    form: str = ".3f"  # format of a value
    sparse: bool = False  # whether it is measured occasionally instead of in each step
    missing: str = ""  # text of the panel while there are no values
    estimate: str = ""  # column to draw instead if there are no values
    compared: str = ""  # statistic that comparisons report: "mean" over the second half of the steps, or "sum"


COLUMNS = (
    Column("epoch"),
    Column("loss", "loss", "loss"),
    Column("hardness", "hardness", "hardness (mean cosine similarity)", compared="mean"),
    Column(
        "false_negative_rate",
        "false negatives",
        "false negatives (share of pairs)",
        ".1%",
        False,
        "no labels given",
        "estimated_false_negatives",
        "mean",
    ),
    Column("coverage", "coverage", "share of data seen in an epoch's steps", ".0%"),
    Column("sampler_seconds", compared="sum"),
    Column("seconds", compared="sum"),
    Column("staleness", "staleness of the graph", "outdated neighbours (share)", ".0%", True, "no graph measured yet"),
    Column("estimated_false_negatives", form=".1%", sparse=True),
    Column("n_neighbors", sparse=True),
    Column("restart", sparse=True),
    Column("probes", "probe accuracy", "probe accuracy", ".1%", sparse=True, missing="no probe yet"),
)


def shown_columns() -> list[Column]:
    """Return the columns that are drawn."""
    return [column for column in COLUMNS if column.title]


def compared_columns() -> list[Column]:
    """Return the columns that comparisons report."""
    return [column for column in COLUMNS if column.compared]


def _empty(sparse: bool) -> dict[str, list]:
    return {column.name: [] for column in COLUMNS if column.sparse == sparse}


@dataclass
class History:
    """What happened in each training step.

    Attributes
    ----------
    columns : dict of lists, one entry per step
        ``epoch``; ``loss``; ``hardness``: mean cosine similarity of in-batch negatives in the embeddings of the step;
        ``false_negative_rate``: share of in-batch pairs with the same label (NaN without labels);
        ``coverage``: share of the data set seen in the last N // B steps; ``sampler_seconds``: time spent drawing
        the batch and updating the sampler; ``seconds``: time of the whole step.
    measured : dict of lists of (step, value)
        Occasional measurements: ``probes``; ``staleness`` of the sampler's graph, if something such as
        `TrainingMonitor` measures it; ``estimated_false_negatives`` without labels, from targets for pairs, otherwise
        for the batches by which the sampler chose its settings; ``n_neighbors`` and ``restart`` as chosen by the
        sampler (`toolkit.samplers.Budget`).
    steps : int
        Requested number of steps; 0 if unknown.
    interrupted : bool
        Whether the user stopped the training before its last step.
    """

    columns: dict[str, list[float]] = field(default_factory=lambda: _empty(False))
    measured: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    steps: int = 0
    interrupted: bool = False

    def __post_init__(self) -> None:
        self.steps = _checks.integer("steps", self.steps, 0)
        self.interrupted = _checks.flag("interrupted", self.interrupted)
        self.measured = _empty(True) | self.measured

    @property
    def probes(self) -> list[tuple[int, float]]:
        """Results of the probe, as (step, value)."""
        return self.measured["probes"]

    @property
    def staleness(self) -> list[tuple[int, float]]:
        """`toolkit.metrics.graph_staleness` of the sampler's graph, as (step, value)."""
        return self.measured["staleness"]

    def add_step(self, row: dict[str, float]) -> None:
        """Add one value to each column."""
        for name, values in self.columns.items():
            values.append(row[name])

    def series(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the steps at which a column has values, and the values.

        Raises
        ------
        ValueError
            If there is no such column.
        """
        self._check(name)
        if name in self.columns:
            values = np.array(self.columns[name], float)
            return np.arange(1, len(values) + 1), values
        steps, values = np.array(self.measured[name], float).reshape(-1, 2).T
        return steps, values

    def last(self, name: str) -> float:
        """Return the last value of a column, NaN if there is none.

        Raises
        ------
        ValueError
            If there is no such column.

        Examples
        --------
        >>> history = History(measured={"probes": [(10, 0.5), (20, 0.75)]})
        >>> history.last("probes"), history.last("loss")
        (0.75, nan)
        """
        self._check(name)
        if name in self.columns:
            return self.columns[name][-1] if self.columns[name] else float("nan")
        return self.measured[name][-1][1] if self.measured[name] else float("nan")

    def _check(self, name: str) -> None:
        _checks.choice("name", name, (*self.columns, *self.measured))

    def save(self, path: str | Path) -> None:
        """Write the history to a JSON file, completely or not at all; NaN becomes null, and infinity a string.

        The file holds a checksum, so that `load` refuses one that is damaged.

        Examples
        --------
        >>> import tempfile
        >>> history = History(steps=2)
        >>> for name, values in history.columns.items():
        ...     values.extend([0.5, 0.25])
        >>> path = Path(tempfile.mkdtemp()) / "history.json"
        >>> history.save(path)
        >>> History.load(path)
        History(steps=2, loss=0.250)
        """
        columns = {name: [_plain(v) for v in values] for name, values in self.columns.items()}
        measured = {name: [(n, _plain(v)) for n, v in pairs] for name, pairs in self.measured.items()}
        plain = vars(self) | {"columns": columns, "measured": measured, "steps": int(self.steps)}
        content = json.dumps(plain | {"crc32": _checksum(plain)}, allow_nan=False)
        write_whole(Path(path), lambda file: file.write(content.encode()))

    @classmethod
    def load(cls, path: str | Path) -> "History":
        """Read a history from a file written by `save` or from a checkpoint of `toolkit.training.train`.

        Raises
        ------
        FileNotFoundError, ValueError
            If the file is missing, or is neither of these.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"path must be a history or a checkpoint, got {str(path)!r}, which is not a file")
        try:
            if zipfile.is_zipfile(path):
                from toolkit.training import checkpoint

                return cls.from_state(checkpoint.load(Path(path)))
            state = json.loads(Path(path).read_text())
            expected = state.pop("crc32", None)  # files of earlier versions have none
            if expected is not None and expected != _checksum(state):
                raise ValueError("its checksum does not match its contents")
            return cls.from_state(state)
        except Exception as error:  # unpickling damaged bytes raises all kinds of errors
            raise ValueError(
                f"path must be a file of History.save or a checkpoint of train, got {str(path)!r}, which is damaged or "
                "something else"
            ) from error

    @classmethod
    def from_state(cls, state: dict) -> "History":
        """Return the history in what `save` or a checkpoint holds, or raise if it is something else."""
        lists = {name: np.asarray(state["columns"][name]).tolist() for name in _empty(False)}
        if len({len(values) for values in lists.values()}) != 1:
            raise ValueError("columns of different lengths")
        columns = {name: [_number(v) for v in values] for name, values in lists.items()}
        pairs = {
            name: [(int(n), float(_number(v))) for n, v in state["measured"].get(name, [])] for name in _empty(True)
        }
        return cls(columns, pairs, state.get("steps", 0), state.get("interrupted", False))

    def __len__(self) -> int:
        return len(self.columns["loss"])

    def to_frame(self):
        """Return a pandas frame with one row per step."""
        import pandas as pd

        frame = pd.DataFrame(self.columns).rename_axis("step")
        frame.index += 1
        return frame

    @property
    def sampler_share(self) -> float:
        """Share of the training time spent in the sampler."""
        return sum(self.columns["sampler_seconds"]) / sum(self.columns["seconds"])

    def __repr__(self) -> str:
        loss = f", loss={self.columns['loss'][-1]:.3f}" if len(self) else ""
        return f"History(steps={len(self)}{loss}{', interrupted=True' if self.interrupted else ''})"


def _plain(value: float) -> float | str | None:
    """Return a number in a form that JSON allows: NaN as null, infinity as a string."""
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else str(value)


def _number(value: float | str | None) -> float:
    """Return the number that `_plain` wrote as `value`."""
    if value is None:
        return math.nan
    return float(value) if isinstance(value, str) else value


def _checksum(state: dict) -> int:
    """Return the CRC-32 of a history's JSON text, which is reproducible: JSON keeps numbers exactly."""
    return zlib.crc32(json.dumps(state, allow_nan=False).encode())
