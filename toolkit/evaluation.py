"""How good features are: probes on frozen encoders."""

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from toolkit import _checks


@torch.no_grad()
def embed(model: nn.Module, dataset: Dataset, batch_size: int = 500, projected: bool = False) -> tuple[Tensor, Tensor]:
    """Return features (N, d) and labels (N,) of a data set of (image, label), on the CPU.

    The model is put in eval mode meanwhile, so that its BatchNorm statistics do not move. Probes use the features
    of ``model.encode``; with `projected`, those of ``model.project`` that the loss compares.
    """
    encode = model.project if projected else model.encode
    device = next(model.parameters()).device
    was_training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        # A generator of its own, or the loader would advance the one that training draws from.
        loader = DataLoader(dataset, batch_size, generator=torch.Generator())
        parts = [(encode(images.to(device)).cpu(), labels) for images, labels in loader]
    finally:
        for module, training in was_training.items():
            module.training = training
    features, labels = zip(*parts, strict=True)
    return torch.cat(features), torch.cat(labels)


def knn_accuracy(
    train_features, train_labels, test_features, test_labels, k: int = 200, temperature: float = 0.1
) -> float:
    """Return the accuracy of the weighted kNN classifier (Wu et al. 2018, section 3.4).

    Each test instance takes the class with the largest sum of ``exp(cosine / temperature)`` over its `k` nearest
    training instances.

    Parameters
    ----------
    train_features, test_features : arrays or tensors, shapes (N, d) and (T, d)
    train_labels, test_labels : int arrays or tensors, shapes (N,) and (T,)
        Classes 0, 1, ...
    k : int
        Neighbours, at most N.
    temperature : float
        Positive.

    Returns
    -------
    float
        Share of test instances classified rightly.

    Examples
    --------
    >>> knn_accuracy([[1, 0], [0, 1]], [0, 1], [[2, 1], [1, 3], [1, 5]], [0, 1, 0], k=2)
    0.6666666666666666
    """
    train = _checks.embeddings(train_features, "train_features")
    test = _checks.embeddings(test_features, "test_features")
    _checks.integer("k", k, 1, len(train), "no more neighbours than training instances")
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    _checks.shape("test_features", test, (len(test), train.shape[1]), "of the training features' dimension")
    train_labels = torch.as_tensor(train_labels, device=train.device)
    test_labels = torch.as_tensor(test_labels, device=test.device)
    _checks.shape("train_labels", train_labels, (len(train),), "one per training instance")
    _checks.shape("test_labels", test_labels, (len(test),), "one per test instance")
    n_classes = int(train_labels.max()) + 1
    right = 0
    for rows, truth in zip(test.split(1000), test_labels.split(1000), strict=True):
        similarity, nearest = (rows @ train.T).topk(k)
        votes = torch.zeros(len(rows), n_classes, device=rows.device)
        # Relative to the nearest one, or a low temperature would overflow.
        weights = ((similarity - similarity[:, :1]) / temperature).exp()
        votes.scatter_add_(1, train_labels[nearest], weights)
        right += int((votes.argmax(1) == truth).sum())
    return right / len(test)


def knn_probe(model: nn.Module, train: Dataset, test: Dataset, k: int = 200, temperature: float = 0.1) -> float:
    """Return the weighted kNN accuracy of a model's frozen features; see `knn_accuracy`.

    Parameters
    ----------
    model : nn.Module
        With a method ``encode(images)``.
    train, test : Dataset
        Items are (image, label).
    """
    return knn_accuracy(*embed(model, train), *embed(model, test), k=k, temperature=temperature)
