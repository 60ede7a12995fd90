"""What happened in a training run."""

from dataclasses import dataclass, field

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
    interrupted : bool
        Whether the user stopped the training before its last step.
    """

    columns: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in COLUMNS})
    probes: list[tuple[int, float]] = field(default_factory=list)
    interrupted: bool = False

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
