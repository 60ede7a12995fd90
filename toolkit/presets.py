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


@dataclass(frozen=True)
class VisionPreset:
    """Settings of the comparison on image data sets.

    The rule for the sampler is the quickstart's: `n_neighbors` over `n_candidates` is twice the class prior of ten
    balanced classes. Encoder, temperature, learning rate and augmentation were tried with uniform batches on a part of
    the training images set aside.
    """

    encoder: str
    batch_size: int
    steps: int
    learning_rate: float
    temperature: float
    crop: float
    n_candidates: int
    n_neighbors: int
    restart: float
    refresh_every: int = 100
    weight_decay: float = 1e-4
    precision: str = "float32"
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)


_WALK = {"n_candidates": 500, "n_neighbors": 100, "restart": 0.1}

VISION = {
    "cpu-minute": VisionPreset("tiny", 256, 600, 1e-3, 0.2, 0.2, **_WALK),
    "cpu-hour": VisionPreset("small", 256, 8_000, 1e-3, 0.2, 0.2, **_WALK),
    "gpu": VisionPreset("resnet18", 512, 20_000, 1e-3, 0.2, 0.2, **_WALK, precision="bfloat16"),
}
