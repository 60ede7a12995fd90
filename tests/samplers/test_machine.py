"""Any sequence of epochs, breaks, updates and jumps."""

import itertools
import warnings

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sampler_kinds import ONCE, ONLINE, WALKS, built, flat, new, normal, training


class SamplerMachine(RuleBasedStateMachine):
    """Whatever is done to a sampler, its epochs keep their promises."""

    @initialize(data=st.data(), kind=st.sampled_from(ONLINE), n=st.integers(16, 200), seed=st.integers(0, 2**32))
    def build(self, data, kind, n, seed):
        self.kind, self.n = kind, n
        self.points = normal(n, 6, seed)
        self.batch_size = data.draw(st.integers(2, n), label="batch_size")
        self.arguments = {
            "seed": seed,
            "refresh_every": data.draw(st.integers(1, 10), label="refresh_every"),
            "warmup_epochs": data.draw(st.integers(0, 2), label="warmup_epochs"),
        }
        if kind in WALKS:
            m = data.draw(st.integers(1, n + 5), label="n_candidates")
            self.arguments |= {
                "n_candidates": m,
                "n_neighbors": data.draw(st.integers(1, min(m, n - 1)), label="n_neighbors"),
                "restart": data.draw(st.floats(0, 0.99), label="restart"),
                "drop_last": data.draw(st.booleans(), label="drop_last"),
            }
        elif kind in ONCE:
            self.arguments["drop_last"] = data.draw(st.booleans(), label="drop_last")
        make = data.draw(st.sampled_from([new, built]), label="make")
        self.sampler = self.make() if make is new else built(kind, self.points, self.batch_size, **self.arguments)

    def make(self):
        return new(self.kind, self.n, self.batch_size, **self.arguments)

    @invariant()
    def length_is_that_of_the_epoch(self):
        if hasattr(self, "sampler"):
            full = self.kind not in ONCE or self.arguments["drop_last"]
            assert len(self.sampler) == (self.n // self.batch_size if full else -(-self.n // self.batch_size))

    def check(self, batches):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # no embeddings came
            batches = list(batches)
        assert len(batches) == len(self.sampler)
        size = min(self.batch_size, self.n)
        for batch in batches[:-1]:
            assert len(batch) == size
        assert len(batches[-1]) in {size, self.n % size if not self.sampler.drop_last else size}
        assert all(len(set(batch)) == len(batch) for batch in batches)
        members = flat(batches)
        assert 0 <= min(members) <= max(members) < self.n
        if self.kind in ONCE:
            assert len(set(members)) == len(members) == (len(batches) * size if self.sampler.drop_last else self.n)

    @rule()
    def epoch(self):
        number = self.sampler.epoch
        self.check(self.sampler)
        assert self.sampler.epoch == number + 1

    @rule()
    def epoch_of_training(self):
        self.check(itertools.islice(training(self.sampler, self.points), len(self.sampler)))
        self.sampler.set_epoch(self.sampler.epoch + 1)

    @rule(data=st.data())
    def epoch_with_a_break(self, data):
        stop = data.draw(st.integers(0, len(self.sampler)), label="stop")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            begun = list(itertools.islice(self.sampler, stop)) if stop else []
            resumed = self.make()
            resumed.load_state_dict(self.sampler.state_dict(trained=stop))
            self.sampler = resumed
            if stop < len(resumed):
                self.check(begun + list(resumed))
            else:
                self.check(begun)
                assert next(iter(resumed)), "the next epoch is not an empty one"

    @rule(indices=st.sets(st.integers(0, 15), min_size=1), seed=st.integers(0, 100))
    def update_some(self, indices, seed):
        self.sampler.update(sorted(indices), normal(len(indices), 6, seed))

    @rule(seed=st.integers(0, 100))
    def update_all(self, seed):
        self.sampler.update(np.arange(self.n), normal(self.n, 6, seed))

    @rule(epoch=st.integers(0, 5))
    def go_to(self, epoch):
        self.sampler.set_epoch(epoch)


SamplerMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=8)
TestInvariants = SamplerMachine.TestCase
