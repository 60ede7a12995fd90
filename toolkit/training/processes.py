"""Preparation of models for training in several processes."""

import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

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


def warn_of_batch_norm(model: nn.Module) -> None:
    """Warn if the model has batch normalisation over the slice of one process."""
    norms = ((name, layer) for name, layer in model.named_modules() if isinstance(layer, _BatchNorm))
    name = next((name for name, layer in norms if not isinstance(layer, nn.SyncBatchNorm)), None)
    if name is not None:
        warnings.warn(
            f"{type(model).__name__} has batch normalisation (first in {name!r}), and each of the {world_size()} "
            "processes normalises its slice of a batch alone, so they do not train as a single one would: on CUDA, "
            "pass model=torch.nn.SyncBatchNorm.convert_sync_batchnorm(model); elsewhere, use another normalisation, "
            "such as torch.nn.GroupNorm",
            stacklevel=3,
        )


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
    # Only a module may take the place of a module, so that of one is its `forward`.
    owner, name = (loss, "forward") if isinstance(loss, nn.Module) else (model, "loss")
    before, added = getattr(owner, name), name == "forward" and name not in vars(owner)
    setattr(owner, name, change(before))
    try:
        yield
    finally:
        if added:
            delattr(owner, name)
        else:
            setattr(owner, name, before)
