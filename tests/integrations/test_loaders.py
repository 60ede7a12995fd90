"""Loaders of other libraries that need no adapter; the oracle is a plain loop with torch's own."""

from itertools import chain

import pytest
import torch

pytest.importorskip("datasets")
pytest.importorskip("torch_geometric")
pytest.importorskip("torchdata")

from framework_training import KINDS, LENGTH, Views, plain_training
from loader_runs import LOADERS, all_shared, run
from ranks import run_ranks
from torchdata.stateful_dataloader import StatefulDataLoader

EPOCHS = 4


@pytest.mark.parametrize(
    ("name", "kind", "workers", "settings"),
    [
        *(("torchdata", kind, 0, {}) for kind in KINDS),
        ("torchdata", "independent", 2, {}),
        ("torchdata", "partition", 2, {"persistent_workers": True}),
        ("torchdata", "independent", 2, {"snapshot_every_n_steps": 3}),
        *((name, "independent", workers, {}) for name in ("datasets", "torch_geometric") for workers in (0, 2)),
    ],
)
def test_batches_embeddings_and_a_resume_are_those_of_a_plain_training(name, kind, workers, settings):
    length, sampler = EPOCHS * LENGTH, KINDS[kind]()
    whole, saved, weights = run(name, sampler, length, workers=workers, save=(17, 23, 24), **settings)
    batches, expected, bank = plain_training(kind, EPOCHS, workers)
    assert whole == batches
    torch.testing.assert_close(weights, expected, rtol=1e-12, atol=0)
    assert sampler.epoch == EPOCHS
    if bank is not None:
        assert sampler.bank.complete
        torch.testing.assert_close(sampler.bank.vectors, bank.vectors)
    for trained, state in saved.items():
        rest, _, final = run(name, KINDS[kind](), length - trained, workers=workers, resume=state, **settings)
        assert rest == whole[trained:], trained
        assert torch.equal(final, weights)


def test_two_processes_share_each_batch():
    batches, weights, bank = plain_training("independent", 3, 2)
    ranks = run_ranks(all_shared, len(batches), (17,))
    for name in LOADERS:
        drawn, rests, found, planners = zip(*(rank[name] for rank in ranks), strict=True)
        assert joined(drawn) == batches
        assert joined([rest[17] for rest in rests]) == batches[17:]
        torch.testing.assert_close(planners[0].bank.vectors, bank.vectors)
        assert not planners[1].bank.known.any(), "the second process plans nothing"
        for of_one in found:
            torch.testing.assert_close(of_one, weights)


def joined(parts):
    """Return the whole batches of the slices that the processes had."""
    return [list(chain(*slices)) for slices in zip(*parts, strict=True)]


def vectors_in(state):
    """Return the embeddings in a state, wherever they are."""
    inner = [found for value in state.values() if isinstance(value, dict) for found in vectors_in(value)]
    return [state["vectors"], *inner] if "vectors" in state else inner


@pytest.mark.parametrize("workers", [0, 2])
def test_the_loader_s_states_copy_no_embeddings(workers):
    """With copies in each state, a batch of a large data set took 100 times as long."""
    sampler = KINDS["knn"]()
    loader = StatefulDataLoader(Views(), batch_sampler=sampler, num_workers=workers)
    for index, view, _ in loader:
        sampler.update(index, view)
        (vectors,) = vectors_in(loader.state_dict())
        assert vectors.data_ptr() == sampler.bank.vectors.data_ptr()
