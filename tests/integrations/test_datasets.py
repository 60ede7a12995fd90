"""Data sets of Hugging Face, whose items are dictionaries, with their index; streams are refused."""

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, IterableDataset, Subset

from toolkit import KNNBatchSampler, RandomWalkBatchSampler, UniformBatchSampler
from toolkit.datasets import Indexed

datasets = pytest.importorskip("datasets")

N, BATCH = 96, 16
POINTS = np.random.default_rng(0).normal(size=(N, 6)).astype(np.float32)
WALK = {"n_candidates": 40, "n_neighbors": 8, "refresh_every": 3}


def rows(order=range(N), **more):
    """Return rows that hold a point and its number among all."""
    order = list(order)
    columns = {"point": POINTS[order].tolist(), "number": order, "text": [f"text {i}" for i in order]}
    return datasets.Dataset.from_dict(columns | more)


def numbers_only(batch):
    """Transform rows when they are read."""
    return {"number": batch["number"]}


ORDER = np.random.default_rng(1).permutation(N).tolist()
SETS = {  # data sets, and the numbers of their rows
    "whole": lambda: (rows(), range(N)),
    "shuffled": lambda: (rows().shuffle(seed=0), list(rows().shuffle(seed=0)["number"])),
    "selected": lambda: (rows().select(ORDER), ORDER),
    "filtered": lambda: (rows().filter(lambda row: row["number"] % 3 > 0), [i for i in range(N) if i % 3]),
    "in torch's format": lambda: (rows().with_format("torch"), range(N)),
    "in numpy's format": lambda: (rows().with_format("numpy"), range(N)),
    "transformed": lambda: (rows().with_transform(numbers_only), range(N)),
    "concatenated": lambda: (datasets.concatenate_datasets([rows(range(40)), rows(range(40, N))]), range(N)),
    "concatenated by torch": lambda: (
        ConcatDataset([rows(range(40, N)), rows(range(40))]),
        [*range(40, N), *range(40)],
    ),
    "subset": lambda: (Subset(rows(), ORDER), ORDER),
}


def collate(items):
    """Return a batch of dictionaries, as transformers' default collator does, the texts left out."""
    names = [name for name in items[0] if name != "text"]
    return {name: torch.stack([torch.as_tensor(item[name]) for item in items]) for name in names}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("name", ["whole", "filtered"])
def test_a_training_sees_the_samplers_batches_and_fills_its_bank(name, workers):
    torch.manual_seed(0)
    dataset, numbers = SETS[name]()
    indexed = Indexed(dataset, column="index")
    for sampler in (RandomWalkBatchSampler(indexed, BATCH, **WALK), KNNBatchSampler(indexed, BATCH, refresh_every=3)):
        model, drawn, seen = torch.nn.Linear(6, 4), [], []
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        latest = torch.full((len(dataset), 4), torch.nan)
        note = sampler._note
        sampler._note = lambda batch, note=note, drawn=drawn: (drawn.append(batch.tolist()), note(batch))
        for _ in range(3):
            for batch in DataLoader(indexed, batch_sampler=sampler, num_workers=workers, collate_fn=collate):
                z = model(batch["point"])
                optimizer.zero_grad()
                (z @ z.T).logsumexp(1).mean().backward()
                optimizer.step()
                sampler.update(batch["index"], z)
                latest[batch["index"]] = z.detach()
                seen.append(batch["index"].tolist())
                assert batch["number"].tolist() == [numbers[i] for i in batch["index"]]
        assert seen == drawn
        assert sampler.bank.complete
        torch.testing.assert_close(sampler.bank.vectors, torch.nn.functional.normalize(latest))


@pytest.mark.parametrize("name", SETS)
def test_the_index_is_the_position_in_the_wrapped_set(name):
    dataset, numbers = SETS[name]()
    indexed, seen = Indexed(dataset, column="index"), []
    for batch in DataLoader(indexed, batch_sampler=UniformBatchSampler(indexed, 16, drop_last=False)):
        assert batch["number"].tolist() == [numbers[i] for i in batch["index"]]
        seen += batch["index"].tolist()
    assert sorted(seen) == list(range(len(dataset)))
    assert indexed[-1]["index"] == len(dataset) - 1
    assert "index" not in dataset[0], "the user's set stays as it is"


def test_without_a_column_the_index_comes_first():
    index, batch = next(iter(DataLoader(Indexed(rows()), batch_sampler=[[7, 3]])))
    assert index.tolist() == batch["number"].tolist() == [7, 3]


@pytest.mark.parametrize("form", [None, "torch", "numpy"])
def test_a_column_that_is_there_must_hold_the_index(form):
    right = rows(index=list(range(N))).with_format(form)
    assert [int(Indexed(right, column="index")[i]["index"]) for i in (5, 0)] == [5, 0]
    wrong = right.select(range(1, N))
    with pytest.raises(ValueError, match=r"got 'index': item 3 has .*4.* there, not its index; remove that entry"):
        Indexed(wrong, column="index")[3]
    with pytest.raises(ValueError, match="got 'point': item 0 has"):
        Indexed(right, column="point")[0]
    with pytest.raises(ValueError, match=r"got 'text': item 0 has .*'text 0'"):
        Indexed(right, column="text").__getitems__([0, 2])


def test_a_column_needs_dictionaries():
    with pytest.raises(TypeError, match="with column='index', items must be dictionaries, got tuple at 1"):
        Indexed([("a", 0), ("b", 1)], column="index")[1]
    with pytest.raises(TypeError, match="with column='index', items must be dictionaries, got DataFrame at 0"):
        Indexed(rows().with_format("pandas"), column="index")[0]
    with pytest.raises(TypeError, match="column must be a string, got 3"):
        Indexed(rows(), column=3)


def test_a_dictionary_of_sets_is_refused():
    both = datasets.DatasetDict({"train": rows(), "test": rows()})
    with pytest.raises(TypeError, match="got a DatasetDict with the keys 'train', 'test': choose one of its parts"):
        Indexed(both)


class Stream(IterableDataset):
    """As those of webdataset are."""

    def __iter__(self):
        return iter(range(N))


class StreamOfKnownLength(Stream):
    def __len__(self):
        return N


@pytest.mark.parametrize("make", [Stream, StreamOfKnownLength, lambda: rows().to_iterable_dataset()])
def test_streams_cannot_have_a_batch_sampler(make):
    stream = make()
    with pytest.raises(
        TypeError, match="a stream has no indices, so it cannot have a batch sampler: load it into a map"
    ):
        Indexed(stream)
    with pytest.raises(TypeError, match=r"n must be .*: a stream has no indices, so it cannot have a batch sampler"):
        RandomWalkBatchSampler(stream, BATCH)
    with pytest.raises(ValueError, match="unspecified batch_sampler"):  # what torch says of it
        DataLoader(stream, batch_sampler=UniformBatchSampler(N, BATCH))
