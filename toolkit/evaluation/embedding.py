"""Features of a data set from a frozen model."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import default_collate
from tqdm.auto import tqdm

from toolkit import _checks


def embed(
    model: nn.Module, dataset, batch_size: int = 256, projected: bool = False, progress: bool = False
) -> tuple[Tensor, Tensor | None]:
    """Return the features and labels of a data set, in its order.

    The model is temporarily in eval mode and is not changed. Sentences of similar length are embedded together, the
    longest first, so there is little padding, and a lack of memory shows at once.

    Parameters
    ----------
    model : nn.Module
        Model with a method ``encode`` and, for `projected`, ``project``.
    dataset : Images, Sentences, Graphs, or another data set
        Anything with ``labels`` and a method ``batch(indices)`` that returns what the model encodes, or a map-style
        data set whose items are (input, label).
    batch_size : int
        Instances that are encoded together.
    projected : bool
        Whether to return what the loss compares, the outputs of ``model.project``, and not the features that probes
        use.
    progress : bool
        Whether to show a progress bar with the time left.

    Returns
    -------
    features : float32 tensor, shape (N, d), on the CPU
    labels : tensor, shape (N,), or None
        None if the data set has no labels.

    Raises
    ------
    TypeError, ValueError
        For a data set without items or with other items, and a model without the method.

    Examples
    --------
    >>> from toolkit.datasets import vision
    >>> from toolkit.models import SimCLR
    >>> features, labels = embed(SimCLR("tiny"), vision.bundled().test)
    >>> features.shape, labels.shape
    (torch.Size([2000, 256]), torch.Size([2000]))
    """
    name = "project" if _checks.flag("projected", projected) else "encode"
    encode = getattr(model, name, None)
    if not callable(encode):
        raise TypeError(f"model must have a method {name}, got {type(model).__name__} without one")
    source = dataset if hasattr(dataset, "batch") and hasattr(dataset, "labels") else _LabelledInputs(dataset)
    features = encode_all(model, encode, source, batch_size, progress)
    labels = source.labels
    return features, None if labels is None else torch.as_tensor(labels)


@torch.no_grad()
def encode_all(
    model: nn.Module, encode: Callable[..., Tensor], source, batch_size: int = 256, progress: bool = False
) -> Tensor:
    """Return the outputs (N, d) of a model's method for all instances, in their order, as float32 on the CPU.

    Parameters
    ----------
    model : nn.Module
        The model, temporarily in eval mode.
    encode : callable
        Method of the model that turns a batch into a tensor (B, d).
    source : tensor or data set
        Inputs (N, ...), or anything with a length and a method ``batch(indices)``.
    batch_size, progress
        As for `embed`.
    """
    batch_size, progress = _checks.integer("batch_size", batch_size, 1), _checks.flag("progress", progress)
    n = _checks.integer("number of instances", len(source), 1)
    order = np.argsort(-getattr(source, "lengths", np.zeros(n)), kind="stable")
    device = next(model.parameters(), torch.empty(0)).device
    features = torch.empty(0)
    with evaluating(model), tqdm(total=n, desc="embed", unit="instance", disable=not progress) as bar:
        for start in range(0, n, batch_size):
            rows = order[start : start + batch_size]
            batch = source[torch.from_numpy(rows)] if isinstance(source, Tensor) else source.batch(rows)
            part = encode(batch.to(device)).float().cpu()
            features = features if start else part.new_empty(n, *part.shape[1:])
            features[rows] = part
            bar.update(len(rows))
    return features


class _LabelledInputs:
    """A map-style data set of (input, label) with the methods that the toolkit's own sets have."""

    def __init__(self, dataset) -> None:
        self.dataset, self._labels = dataset, []

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def labels(self) -> Tensor:
        """Labels of the instances read so far."""
        return torch.cat(self._labels)

    def batch(self, indices) -> Tensor:
        """Return the inputs of `indices`."""
        items = [self.dataset[int(index)] for index in indices]
        if not isinstance(items[0], (tuple, list)) or len(items[0]) != 2:
            raise TypeError(
                f"dataset must have items (input, label) or a method batch(indices), got items of type "
                f"{type(items[0]).__name__}{f' and length {len(items[0])}' if hasattr(items[0], '__len__') else ''}"
            )
        inputs, labels = default_collate(items)
        self._labels.append(labels)
        return inputs


@contextmanager
def evaluating(model: nn.Module) -> Generator[None]:
    """Put a model in eval mode, so that nothing in it moves, and each part back into its own mode at the end."""
    was_training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in was_training.items():
            module.training = training
