"""Items with their index, from any data set that lacks it."""

from collections.abc import Callable, Mapping
from functools import partial

from torch.utils.data import Dataset, IterableDataset, default_collate

from toolkit import _checks


class Indexed(Dataset):
    """Any map-style data set with the index added to each item, as needed for a sampler's `update`.

    An item that is a tuple or a list becomes ``(index, *item)``, anything else ``(index, item)``. With `column`, items
    are dictionaries, like those of Hugging Face, and remain so: the index becomes one more entry, which a collator of
    dictionaries keeps.

    The index is the position in the wrapped data set. So wrap last: a `Subset` or `ConcatDataset` of `Indexed` sets
    returns indices of the parts, which collide or leave gaps; `Indexed` of a `Subset` or `ConcatDataset` is right.

    Parameters
    ----------
    dataset : map-style data set
        Anything with a length and items: a torchvision or Hugging Face data set, a `Subset`, `ConcatDataset` or
        `TensorDataset`, a list. Its ``labels``, ``targets`` and ``classes`` remain available. Its ``collate``, if it
        has one, makes the batch from items without indices, and the indices are put first again. With `column`, it gets
        the items with their indices.
    column : str, optional
        Name of the entry for the index in items that are dictionaries. An entry of that name must hold the index
        already.

    Raises
    ------
    TypeError, ValueError
        For a data set without a length or without items by index, such as an `IterableDataset` or a `DatasetDict`. With
        `column`, on access, for items that are not dictionaries and for an entry of that name with another value.

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
    >>> Indexed([{"text": "a"}, {"text": "b"}], column="index")[1]
    {'text': 'b', 'index': 1}
    """

    def __init__(self, dataset, column: str | None = None) -> None:
        self.dataset = map_style("dataset", dataset)
        self.column = None if column is None else _checks.text("column", column)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int):
        index = range(len(self))[index]
        return self._with_index(index, self.dataset[index])

    def __getitems__(self, indices: list[int]) -> list:
        many = getattr(self.dataset, "__getitems__", None)
        items = many(indices) if many else [self.dataset[index] for index in indices]
        return [self._with_index(index, item) for index, item in zip(indices, items, strict=True)]

    def __getattr__(self, name: str):
        if name in ("labels", "targets", "classes"):
            return getattr(self.dataset, name)
        if name == "collate":
            return partial(_collate, self.dataset.collate) if self.column is None else self.dataset.collate
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _with_index(self, index: int, item):
        return _with_index(index, item) if self.column is None else _with_column(self.column, index, item)


def _with_column(column: str, index: int, item) -> dict:
    """Return a dictionary with its index as one more entry, or raise if an entry has that name already."""
    if not isinstance(item, Mapping):
        raise TypeError(f"with column={column!r}, items must be dictionaries, got {type(item).__name__} at {index}")
    if column in item and not is_index(item[column], index):
        raise ValueError(
            f"column must be a new name, got {column!r}: item {index} has {item[column]!r} there, not its index; "
            "remove that entry, or choose another name"
        )
    return {**item, column: index}


def _with_index(index: int, item) -> tuple:
    return (index, *item) if isinstance(item, (tuple, list)) else (index, item)


def _collate(collate: Callable, items: list[tuple]) -> tuple:
    indices, batch = zip(*((index, rest[0] if len(rest) == 1 else rest) for index, *rest in items), strict=True)
    return _with_index(default_collate(list(indices)), collate(list(batch)))


def map_style(name: str, dataset):
    """Return the argument `name`, or raise unless it is a data set with a length and items by index."""
    given = type(dataset).__name__
    if isinstance(dataset, Mapping):
        parts = ", ".join(map(repr, list(dataset)[:3]))
        raise TypeError(
            f"{name} must have items by index, got a {given} with the keys {parts}: choose one of its parts"
        )
    mapped = hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
    if not mapped or isinstance(dataset, IterableDataset):
        raise TypeError(f"{name} must have a length and items by index, got {given}: {_checks.STREAM}")
    return dataset


def is_index(value, index: int) -> bool:
    """Return whether a value of any kind is this index."""
    try:
        return bool(value == index)
    except (TypeError, ValueError, RuntimeError):  # arrays and tensors of several values
        return False
