"""Items that begin with their index, from any data set that lacks it."""

from collections.abc import Callable
from functools import partial

from torch.utils.data import Dataset, default_collate


class Indexed(Dataset):
    """Any map-style data set, with each item's index put first, as a sampler's `update` needs it.

    An item that is a tuple or a list becomes ``(index, *item)``, anything else ``(index, item)``. The index is the
    position in the wrapped set. So wrap last: `Subset` or `ConcatDataset` of `Indexed` sets give indices of the parts,
    which collide or leave gaps, while `Indexed` of a `Subset` or `ConcatDataset` is right.

    Parameters
    ----------
    dataset : map-style data set
        Anything with a length and items: a data set of torchvision or Hugging Face, `Subset`, `ConcatDataset`,
        `TensorDataset`, a list. Its ``labels``, ``targets`` and ``classes`` stay available. Its ``collate``, if it has
        one, makes the batch of items without indices; the indices are put first again.

    Raises
    ------
    TypeError
        For a data set without a length or without items by index, such as an `IterableDataset`.

    Examples
    --------
    >>> from torch.utils.data import DataLoader, Subset
    >>> from toolkit import UniformBatchSampler
    >>> part = Indexed(Subset(["a", "b", "c", "d"], [3, 1, 0]))
    >>> part[0], part[1]
    ((0, 'd'), (1, 'b'))
    >>> index, letters = next(iter(DataLoader(part, batch_sampler=UniformBatchSampler(len(part), batch_size=3))))
    >>> sorted(index.tolist())
    [0, 1, 2]
    """

    def __init__(self, dataset) -> None:
        if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
            raise TypeError(
                f"dataset must have a length and items by index, got {type(dataset).__name__}: a stream has no "
                "indices, load it into a map-style data set or a list first"
            )
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple:
        index = range(len(self))[index]
        return _with_index(index, self.dataset[index])

    def __getitems__(self, indices: list[int]) -> list[tuple]:
        many = getattr(self.dataset, "__getitems__", None)
        items = many(indices) if many else [self.dataset[index] for index in indices]
        return [_with_index(index, item) for index, item in zip(indices, items, strict=True)]

    def __getattr__(self, name: str):
        if name in ("labels", "targets", "classes"):
            return getattr(self.dataset, name)
        if name == "collate":
            return partial(_collate, self.dataset.collate)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def _with_index(index: int, item) -> tuple:
    return (index, *item) if isinstance(item, (tuple, list)) else (index, item)


def _collate(collate: Callable, items: list[tuple]) -> tuple:
    indices, batch = zip(*((index, rest[0] if len(rest) == 1 else rest) for index, *rest in items), strict=True)
    return _with_index(default_collate(list(indices)), collate(list(batch)))
