"""Restart probabilities that change over the batches."""

from dataclasses import dataclass

from toolkit import _checks


@dataclass(frozen=True)
class LinearRestart:
    """A restart probability that falls linearly from `start` to `floor` over `n_steps` batches, then stays.

    The published vision runs decay it from 0.2 to 0.05.

    Examples
    --------
    >>> schedule = LinearRestart(start=0.2, floor=0.05, n_steps=100)
    >>> [round(schedule(step), 3) for step in (0, 50, 100, 1000)]
    [0.2, 0.125, 0.05, 0.05]
    """

    start: float = 0.2
    floor: float = 0.05
    n_steps: int = 10_000

    def __post_init__(self) -> None:
        _checks.restart_probability("start", self.start)
        _checks.restart_probability("floor", self.floor)
        _checks.integer("n_steps", self.n_steps, 1)

    def __call__(self, step: int) -> float:
        """Return the restart probability of batch number `step`."""
        return self.start + (self.floor - self.start) * min(step / self.n_steps, 1.0)
