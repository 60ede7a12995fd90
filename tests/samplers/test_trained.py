"""States that count what was trained, while the loader draws ahead; copies of samplers at any moment."""

import copy
import io
import pickle
from collections import deque

import numpy as np
import pytest
import torch
from sampler_kinds import KINDS, ONLINE, new, normal

from toolkit.samplers import DistributedBatches

N, BATCH, AHEAD, EPOCHS = 207, 20, 4, 4


class Training:
    """A training whose loader draws batches ahead, as with workers; its embeddings change at each step."""

    def __init__(self, sampler, ahead=AHEAD, skip=0):
        self.sampler, self.ahead, self.skip = sampler, ahead, skip
        self.points, self.seen, self.trained = normal(N), [], 0
        self.step = 0

    def epoch(self, stop=None):
        """Train until the epoch's end, or until `stop` of its batches are trained."""
        batches, drawn = iter(self.sampler), deque()
        for _ in range(self.skip):  # the framework drops what it has trained
            next(batches)
        self.skip = 0
        while True:
            while len(drawn) <= self.ahead:
                batch = next(batches, None)
                if batch is None:
                    break
                drawn.append(batch)
            if not drawn:
                self.trained = 0
                return
            self.train(drawn.popleft())
            if self.trained == stop:
                return

    def train(self, batch):
        self.seen.append(batch)
        drift = np.random.default_rng(self.step).normal(size=(len(batch), 8))
        self.sampler.update(batch, self.points[batch] + 0.3 * drift)
        self.trained += 1
        self.step += 1


def saved(state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def settings(kind):
    return {} if kind == "uniform" else {"refresh_every": 3}


@pytest.mark.parametrize("ahead", [0, 1, AHEAD, 50])
@pytest.mark.parametrize("skips", [False, True], ids=["goes on", "skips"])
@pytest.mark.parametrize("kind", KINDS)
def test_resume_is_exact_whatever_the_loader_draws_ahead(kind, skips, ahead):
    whole = Training(new(kind, N, BATCH, **settings(kind)), ahead)
    for _ in range(EPOCHS):
        whole.epoch()
    length = len(whole.sampler)
    for stop in (1, 4, length - 1, length):
        cut = Training(new(kind, N, BATCH, **settings(kind)), ahead)
        for _ in range(2):
            cut.epoch()
        cut.epoch(stop)
        state = saved(cut.sampler.state_dict(trained=0 if skips and stop < length else stop))
        later = Training(new(kind, N, BATCH, **settings(kind)), ahead, skip=stop if skips and stop < length else 0)
        later.step = cut.step
        later.sampler.load_state_dict(state)
        if skips:
            later.sampler.set_epoch(2 + (stop == length))
        for _ in range(EPOCHS - 2 - (stop == length)):
            later.epoch()
        assert cut.seen + later.seen == whole.seen, stop


@pytest.mark.parametrize("kind", ONLINE)
def test_a_state_copies_no_embeddings_and_follows_its_sampler(kind):
    training = Training(new(kind, N, BATCH, **settings(kind)))
    training.epoch()
    training.epoch(3)
    state = training.sampler.state_dict(3)
    assert state["shared"]["bank"]["vectors"].data_ptr() == training.sampler.bank.vectors.data_ptr()
    early = saved(state)
    for _ in range(2):
        training.train(training.seen[-1])
    assert training.sampler.state_dict(5)["shared"] is state["shared"]
    assert not torch.equal(saved(state)["shared"]["bank"]["vectors"], early["shared"]["bank"]["vectors"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_that_was_kept_in_memory_repeats_its_epoch(kind):
    training = Training(new(kind, N, BATCH, **settings(kind)))
    training.epoch()
    training.epoch(3)
    kept, copied = training.sampler.state_dict(3), copy.deepcopy(training.sampler.state_dict(3))
    training = Training(training.sampler)
    training.epoch()  # begins the epoch again
    for state in (kept, copied):
        resumed = new(kind, N, BATCH, **settings(kind))
        resumed.load_state_dict(state)
        assert len(list(resumed)) == len(resumed) - 3
    training.epoch()
    with pytest.raises(ValueError, match=r"has gone on to epoch [23]: save it, or copy\.deepcopy it"):
        new(kind, N, BATCH, **settings(kind)).load_state_dict(kept)
    new(kind, N, BATCH, **settings(kind)).load_state_dict(copied)


@pytest.mark.parametrize("stop", [1, 4, N // BATCH])
@pytest.mark.parametrize("ahead", [0, AHEAD, 50])
@pytest.mark.parametrize("kind", KINDS)
def test_a_state_that_was_loaded_before_the_batches_are_shared_is_continued(kind, ahead, stop):
    full = settings(kind) | ({"drop_last": True} if kind == "partition" else {})
    whole = Training(new(kind, N, BATCH, **full), ahead)
    for _ in range(EPOCHS):
        whole.epoch()
    cut = Training(new(kind, N, BATCH, **full), ahead)
    for _ in range(2):
        cut.epoch()
    cut.epoch(stop)
    loaded = new(kind, N, BATCH, **full)
    loaded.load_state_dict(saved(cut.sampler.state_dict(trained=stop)))
    later = Training(DistributedBatches(loaded), ahead)
    later.step = cut.step
    while later.sampler.epoch < EPOCHS:
        later.epoch()
    assert cut.seen + later.seen == whole.seen


@pytest.mark.parametrize("kind", KINDS)
def test_torch_s_default_device_changes_no_batches_and_refuses_no_state(kind):
    plain = Training(new(kind, N, BATCH, **settings(kind)))
    for _ in range(3):
        plain.epoch()
    with torch.device("meta"):
        training = Training(new(kind, N, BATCH, **settings(kind)))
        for _ in range(2):
            training.epoch()
        training.epoch(stop := 5)  # while an index is being built in the background
        resumed = Training(new(kind, N, BATCH, **settings(kind)))
        resumed.step = training.step
        resumed.sampler.load_state_dict(saved(training.sampler.state_dict(trained=stop)))
        resumed.epoch()
    assert training.seen + resumed.seen == plain.seen


def test_more_trained_than_drawn_is_refused():
    sampler = new("uniform", N, BATCH)
    next(iter(sampler))
    with pytest.raises(ValueError, match="trained must be between 0 and 1, got 2: the number of batches"):
        sampler.state_dict(trained=2)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))], ids=["copy", "pickle"])
@pytest.mark.parametrize("kind", KINDS)
def test_copies_at_any_moment_go_on_alike(kind, copied):
    moments = 0
    training = Training(new(kind, N, BATCH, **settings(kind)), ahead=0)
    while training.sampler.epoch < 2:
        training.epoch(training.trained + 1)
        twin = Training(copied(training.sampler), ahead=0)
        twin.sampler.load_state_dict(twin.sampler.state_dict())
        moments += getattr(training.sampler, "_next_graph", None) is not None
        training.sampler.load_state_dict(copy.deepcopy(training.sampler.state_dict()))
        rest = copied(training.sampler)
        assert list(twin.sampler) == list(rest)
    assert moments > 0 or kind != "background", "some copies are made while a graph is being built"


@pytest.mark.parametrize("kind", KINDS)
def test_epochs_that_a_framework_sets_while_its_loader_draws(kind):
    """Lightning's loaders draw before it calls `set_epoch`, and some iterators are left without training."""
    plain = Training(new(kind, N, BATCH, **settings(kind)), AHEAD)
    training = Training(new(kind, N, BATCH, **settings(kind)), AHEAD)
    for epoch in range(EPOCHS):
        plain.epoch()
        for _ in range(epoch):  # draws that nobody trains with
            left = iter(training.sampler)
            for _ in range(AHEAD):
                next(left)
            training.sampler.set_epoch(epoch)
        batches = iter(training.sampler)
        drawn = [next(batches) for _ in range(AHEAD + 1)]
        training.sampler.set_epoch(epoch)  # that of `batches`
        while drawn:
            training.train(drawn.pop(0))
            drawn += [batch for batch in [next(batches, None)] if batch is not None]
    assert training.seen == plain.seen


@pytest.mark.parametrize("kind", KINDS)
def test_an_iterator_goes_on_with_the_epoch_that_is_set(kind):
    sampler, other = (new(kind, N, BATCH, **settings(kind)) for _ in range(2))
    batches = iter(sampler)
    for _ in range(3):
        next(batches)
    for one in (sampler, other):
        one.set_epoch(2)
    assert list(batches) == list(other)
    assert sampler.epoch == other.epoch == 3


def test_a_framework_s_sampler_of_instances_is_refused():
    from torch.utils.data import DistributedSampler, SequentialSampler

    for instances in (SequentialSampler(range(N)), DistributedSampler(range(N), num_replicas=2, rank=0)):
        for sampler in [new(kind, N, BATCH) for kind in KINDS] + [DistributedBatches(new("uniform", N, BATCH))]:
            with pytest.raises(TypeError, match=r"can't be made from a .*Trainer\(use_distributed_sampler=False\)"):
                type(sampler)(instances, batch_size=sampler.batch_size, drop_last=sampler.drop_last)
