"""Preparation of models for training in several processes."""

import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager

from torch import nn

from toolkit._processes import world_size
from toolkit.models.losses import gathered, ungathered


@contextmanager
def whole_losses(model: nn.Module) -> Generator[None]:
    """Let the model's attribute `loss` see whole batches while several processes train; warn if it has no `loss`."""
    if world_size() > 1 and not callable(getattr(model, "loss", None)):
        warnings.warn(
            f"{type(model).__name__} has no attribute `loss` to call with two views: unless it gathers embeddings "
            "itself (toolkit.models.losses.gathered), its negatives are only those of each process's slice",
            stacklevel=4,
        )
    with _changed_loss(model, gathered):
        yield


def own_losses(model: nn.Module):
    """Let the model's attribute `loss` see only its arguments, for calls that the other processes do not make."""
    return _changed_loss(model, ungathered)


@contextmanager
def _changed_loss(model: nn.Module, change: Callable[[Callable], Callable]) -> Generator[None]:
    """Change the model's attribute `loss` while several processes train; do nothing if it has none."""
    loss = getattr(model, "loss", None)
    if world_size() == 1 or not callable(loss):
        yield
        return
    model.loss = change(loss)
    try:
        yield
    finally:
        model.loss = loss
