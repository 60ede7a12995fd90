"""What happened in a training run."""

import json
import math
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

COLUMNS = ("epoch", "loss", "hardness", "false_negative_rate", "coverage", "sampler_seconds", "seconds")


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
    probes : list of (step, value)
        Results of the probe.
    staleness : list of (step, value)
        `toolkit.metrics.graph_staleness` of the sampler's graph, where somebody measured it, as `TrainingMonitor` does.
    steps : int
        Steps asked for; 0 if unknown.
    interrupted : bool
        Whether the user stopped the training before its last step.
    """

    columns: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in COLUMNS})
    probes: list[tuple[int, float]] = field(default_factory=list)
    staleness: list[tuple[int, float]] = field(default_factory=list)
    steps: int = 0
    interrupted: bool = False

    def save(self, path: str | Path) -> None:
        """Write the history to a JSON file, where NaN becomes null.

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
        plain = {name: [None if math.isnan(v) else v for v in values] for name, values in self.columns.items()}
        Path(path).write_text(json.dumps(vars(self) | {"columns": plain}, allow_nan=False))

    @classmethod
    def load(cls, path: str | Path) -> "History":
        """Read a history from a file of `save` or from a checkpoint of `toolkit.training.train`.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is neither.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"path must be a history or a checkpoint, got {str(path)!r}, which is no file")
        try:
            state = _read(Path(path))
            columns = {name: [math.nan if v is None else v for v in state["columns"][name]] for name in COLUMNS}
            if len({len(values) for values in columns.values()}) != 1:
                raise ValueError("columns of different lengths")
            pairs = ([(int(step), float(value)) for step, value in state[name]] for name in ("probes", "staleness"))
            return cls(columns, *pairs, state.get("steps", 0), state.get("interrupted", False))
        except Exception as error:  # unpickling damaged bytes raises all kinds of errors
            raise ValueError(
                f"path must be a file of History.save or a checkpoint of train, got {str(path)!r}, which is damaged or "
                "something else"
            ) from error

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


def _read(path: Path) -> dict:
    """Read a JSON file, or a checkpoint with its columns as lists."""
    if not zipfile.is_zipfile(path):
        return json.loads(path.read_text())
    import torch

    state = torch.load(path, map_location="cpu", weights_only=True)
    return state | {"columns": {name: values.tolist() for name, values in state["columns"].items()}}
