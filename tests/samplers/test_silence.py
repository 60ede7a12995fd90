"""A sampler that stays uniform when it should not says so; nothing else does."""

import itertools
import warnings

import numpy as np
import pytest
import torch
from sampler_kinds import ONLINE, new, normal
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset, default_collate

from toolkit import RandomWalkBatchSampler
from toolkit.samplers import DistributedBatches

N, BATCH = 300, 32  # 12 instances are left over in each epoch


class Points(Dataset):
    """Rows with their index in this set."""

    def __init__(self, points):
        self.points = torch.from_numpy(points).float()

    def __len__(self):
        return len(self.points)

    def __getitem__(self, index):
        return index, self.points[index]


def run(dataset, sampler, epochs=4, collate=None, num_workers=0):
    """Train for some epochs; return the warnings."""
    loader = DataLoader(dataset, batch_sampler=sampler, collate_fn=collate, num_workers=num_workers)
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        for _ in range(epochs):
            for index, points in loader:
                sampler.update(index, points)
    return [str(one.message) for one in record]


def sampler(**settings):
    return RandomWalkBatchSampler(N, BATCH, n_candidates=50, n_neighbors=5, **settings)


def drop_seven(items):
    return default_collate([item for item in items if item[0] != 7])


@pytest.mark.parametrize("coverage", ["independent", "partition"])
@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("warmup_epochs", [0, 1, 2])
def test_ordinary_training_gives_no_warning(coverage, num_workers, warmup_epochs):
    one = sampler(coverage=coverage, warmup_epochs=warmup_epochs)
    assert run(Points(normal(N)), one, num_workers=num_workers) == []
    assert not one.warming_up


@pytest.mark.parametrize(
    "dataset",
    [
        ConcatDataset([Points(normal(N // 2)), Points(normal(N // 2))]),
        Subset(Points(normal(N)), np.random.default_rng(0).permutation(N).tolist()),
    ],
    ids=["ConcatDataset", "Subset"],
)
def test_indices_of_another_set_are_noticed_at_the_first_step(dataset):
    one = sampler()
    index, points = next(iter(DataLoader(dataset, batch_sampler=one)))
    with pytest.warns(
        UserWarning, match=r"update got .* of 32 indices that it did not yield.*toolkit\.datasets\.Indexed"
    ):
        one.update(index, points)
    said = run(dataset, one)
    assert not any("did not yield" in words for words in said), "it says so once"


def test_set_that_never_fills_the_bank_is_named_in_each_epoch():
    half = ConcatDataset([Points(normal(N // 2)), Points(normal(N // 2))])
    one = sampler()
    said = [words for words in run(half, one) if "no embedding" in words]
    assert one.warming_up
    assert len(said) == 3
    assert (
        "no embedding of 150 of 300 instances, such as [150, 151, 152], so batches stay uniform in epoch 1" in said[0]
    )


def test_items_that_a_collate_function_drops_are_missed():
    one = sampler()
    said = run(Points(normal(N)), one, collate=drop_seven)
    assert said
    assert "no embedding of 1 of 300 instances, such as [7]" in said[-1]
    assert "collate_fn" in said[-1]


@pytest.mark.parametrize("kind", ONLINE)
def test_encoding_all_again_is_allowed(kind):
    one = new(kind, N, BATCH)
    points = normal(N)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for batch in one:
            one.update(batch, points[batch])
            for rows in np.split(np.arange(N), 10):
                one.update(rows, points[rows])
    next(iter(one))
    assert not one.warming_up


@pytest.mark.parametrize(
    ("index", "error", "what"),
    [
        (torch.zeros(BATCH, 3, 8, 8), ValueError, "indices must be one-dimensional, got shape (32, 3, 8, 8)"),
        (torch.zeros(BATCH), TypeError, "indices must be integers, got dtype float32"),
        (torch.full((BATCH,), N), IndexError, "indices must lie in [0, 300), got 300 (32 out of range)"),
    ],
)
def test_update_without_the_index_says_that_the_data_set_must_return_it(index, error, what):
    with pytest.raises(error) as raised:
        sampler().update(index, torch.ones(BATCH, 4))
    assert what in str(raised.value)
    assert "the data set's items must begin with their index" in str(raised.value)


def cut_epochs(one, rounds=5, set_epoch=False, n_batches=4, update=True):
    """Use the first batches of each epoch, for training if they `update` the sampler; return the warnings."""
    points = normal(N)
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        for number in range(rounds):
            if set_epoch:
                one.set_epoch(number)
            for batch in itertools.islice(one, n_batches):
                if update:
                    one.update(batch, points[batch])
    return [str(one.message) for one in record]


@pytest.mark.parametrize("update", [True, False])
@pytest.mark.parametrize("wrap", [lambda one: one, DistributedBatches], ids=["alone", "DistributedBatches"])
@pytest.mark.parametrize("kind", ["uniform", *ONLINE])
def test_an_epoch_cut_off_again_and_again_is_noticed_once(kind, wrap, update):
    (said,) = cut_epochs(wrap(new(kind, N, BATCH, **{"drop_last": True} if kind == "partition" else {})), update=update)
    assert "epoch 0 was left after 4 of" in said
    assert "set_epoch" in said


@pytest.mark.parametrize("rounds", [1, 2])
@pytest.mark.parametrize("kind", ["uniform", "independent"])
def test_looking_at_some_batches_before_training_is_no_cut(kind, rounds):
    one = new(kind, N, BATCH)
    assert cut_epochs(one, rounds, update=False) == []
    assert run(Points(normal(N)), one) == []


def test_looks_between_cut_epochs_hide_none():
    one = new("uniform", N, BATCH)
    said = [words for _ in range(4) for words in cut_epochs(one, 1, n_batches=1, update=False) + cut_epochs(one, 1)]
    assert len(said) == 1


@pytest.mark.parametrize("num_workers", [0, 2])
def test_whole_epochs_and_resumes_are_no_cuts(num_workers):
    one = new("uniform", N, BATCH)
    loader = DataLoader(Points(normal(N)), batch_sampler=one, num_workers=num_workers)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(5):
            assert len(list(loader)) == len(one)
        state = one.state_dict()
        for _ in range(5):
            one.load_state_dict(state)
            list(itertools.islice(one, 4))


def test_short_epochs_with_numbers_of_their_own_are_not_cut_off():
    one = new("independent", N, BATCH)
    assert not any("was left after" in words for words in cut_epochs(one, set_epoch=True))


def test_looking_at_a_first_batch_now_and_then_is_no_training():
    one = RandomWalkBatchSampler.from_embeddings(normal(N), BATCH)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(5):
            next(iter(one))
