"""Items of any data set with their index put first."""

import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, IterableDataset, Subset, TensorDataset

from toolkit import RandomWalkBatchSampler
from toolkit.datasets import Indexed

POINTS = torch.from_numpy(np.random.default_rng(0).normal(size=(96, 4))).float()
LABELS = torch.arange(96) % 3
PAIRS = TensorDataset(POINTS, LABELS)
ORDER = np.random.default_rng(1).permutation(96).tolist()
HALVES = ConcatDataset([TensorDataset(POINTS[:40], LABELS[:40]), TensorDataset(POINTS[40:], LABELS[40:])])


class InBatches(list):
    """A list that is read many items at once."""

    def __getitems__(self, indices):
        self.asked = indices
        return [self[index] for index in indices]


@pytest.mark.parametrize(
    ("dataset", "rows"),
    [(PAIRS, range(96)), (Subset(PAIRS, ORDER), ORDER), (HALVES, range(96))],
    ids=["whole", "permuted subset", "concatenated"],
)
@pytest.mark.parametrize("workers", [0, 2])
def test_the_index_is_the_position_in_the_wrapped_set(dataset, rows, workers):
    loader = DataLoader(Indexed(dataset), 16, shuffle=True, num_workers=workers)
    seen = []
    for index, points, labels in loader:
        originals = torch.tensor(rows)[index]
        assert torch.equal(points, POINTS[originals])
        assert torch.equal(labels, LABELS[originals])
        seen += index.tolist()
    assert sorted(seen) == list(range(96))


@pytest.mark.parametrize("dataset", [Subset(PAIRS, ORDER), HALVES], ids=["permuted subset", "concatenated"])
def test_the_bank_of_a_sampler_fills(dataset):
    indexed = Indexed(dataset)
    sampler = RandomWalkBatchSampler(96, 16, n_candidates=40, n_neighbors=10)
    for index, points, _ in DataLoader(indexed, batch_sampler=sampler):
        sampler.update(index, points)
    assert sampler.bank.complete
    expected = torch.stack([dataset[i][0] for i in range(96)])
    torch.testing.assert_close(
        torch.as_tensor(sampler.bank.vectors).float(), torch.nn.functional.normalize(expected), atol=1e-2, rtol=0
    )


@pytest.mark.parametrize(
    ("item", "expected"),
    [((1, "a"), (2, 1, "a")), ([1], (2, 1)), ("ab", (2, "ab")), ({"x": 1}, (2, {"x": 1})), (7.5, (2, 7.5))],
    ids=["tuple", "list", "text", "dictionary", "number"],
)
def test_tuples_and_lists_are_spread_and_nothing_else(item, expected):
    indexed = Indexed([None, None, item])
    assert indexed[2] == indexed[-1] == expected
    assert indexed.__getitems__([2]) == [expected]
    with pytest.raises(IndexError):
        indexed[3]


def test_many_items_are_read_at_once_where_the_set_can():
    dataset = InBatches("abcd")
    index, letters = next(iter(DataLoader(Indexed(dataset), 3)))
    assert dataset.asked == [0, 1, 2]
    assert (index.tolist(), list(letters)) == ([0, 1, 2], ["a", "b", "c"])


def test_rows_of_hugging_face_are_dictionaries():
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [0, 1, 0]})
    index, batch = next(iter(DataLoader(Indexed(rows), 2)))
    assert index.tolist() == [0, 1]
    assert (list(batch["text"]), batch["label"].tolist()) == (["a", "b"], [0, 1])


def test_images_of_torchvision_keep_their_labels():
    FakeData = pytest.importorskip("torchvision.datasets").FakeData
    fake = FakeData(size=5, image_size=(3, 8, 8), transform=np.array)
    fake.targets, fake.classes = [fake[i][1] for i in range(5)], ["cat", "dog"]
    indexed = pickle.loads(pickle.dumps(Indexed(fake)))
    _, images, labels = next(iter(DataLoader(indexed, 5)))
    assert images.shape == (5, 8, 8, 3)
    assert labels.tolist() == indexed.targets == fake.targets
    assert indexed.classes == ["cat", "dog"]
    assert not hasattr(indexed, "labels")
    assert not hasattr(indexed, "collate")


@pytest.mark.parametrize("as_tuple", [True, False])
def test_the_batches_are_those_of_the_sets_own_collate(as_tuple):
    dataset = InBatches([("a", 1), ("bb", 2)] if as_tuple else ["a", "bb"])
    dataset.collate = lambda items: tuple(zip(*items, strict=True)) if as_tuple else "".join(items)
    indexed = Indexed(dataset)
    index, *batch = next(iter(DataLoader(indexed, 2, collate_fn=indexed.collate)))
    assert index.tolist() == [0, 1]
    assert batch == ([("a", "bb"), (1, 2)] if as_tuple else ["abb"])


def test_with_a_column_the_sets_own_collate_gets_the_indices():
    dataset = InBatches([{"x": 1}, {"x": 2}, {"x": 5}])
    dataset.collate = lambda items: {name: [item[name] for item in items] for name in items[0]}
    indexed = pickle.loads(pickle.dumps(Indexed(InBatches(dataset), column="row")))
    assert indexed[2] == {"x": 5, "row": 2}
    assert indexed[-1] == indexed.__getitems__([2])[0]
    indexed = Indexed(dataset, column="row")
    batch = next(iter(DataLoader(indexed, batch_sampler=[[2, 0]], collate_fn=indexed.collate)))
    assert batch == {"x": [5, 1], "row": [2, 0]}


def test_streams_are_refused():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter("abc")

    with pytest.raises(TypeError, match="dataset must have a length and items by index, got Stream"):
        Indexed(Stream())
