"""Preparation of models for training in several processes."""

import warnings
from collections.abc import Generator
from contextlib import contextmanager

from torch import nn

from toolkit._processes import world_size
from toolkit.models.losses import gathered


@contextmanager
def whole_losses(model: nn.Module) -> Generator[None]:
    """Let the model's attribute `loss` see whole batches while several processes train; warn if it has no `loss`."""
    loss = getattr(model, "loss", None)
    if world_size() == 1 or not callable(loss):
        if world_size() > 1:
            warnings.warn(
                f"{type(model).__name__} has no attribute `loss` to call with two views: unless it gathers embeddings "
                "itself (toolkit.models.losses.gathered), its negatives are only those of each process's slice",
                stacklevel=4,
            )
        yield
        return
    model.loss = gathered(loss)
    try:
        yield
    finally:
        model.loss = loss
