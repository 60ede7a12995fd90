"""Sizes of the notebooks' runs, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """Settings of one training run.

    `n_neighbors` over `n_candidates` is twice the class prior (ten balanced classes), so that an instance's
    neighbours reach beyond its own class. All settings were tried on a part of the training images set aside, the
    model's with uniform batches only; none was chosen on test images.
    """

    width: int
    batch_size: int
    steps: int
    learning_rate: float
    temperature: float
    n_candidates: int
    n_neighbors: int
    restart: float
    seeds: tuple[int, ...]


QUICKSTART = Preset(
    width=16,
    batch_size=128,
    steps=186,
    learning_rate=1e-3,
    temperature=0.2,
    n_candidates=500,
    n_neighbors=100,
    restart=0.1,
    seeds=(0, 1, 2),
)
