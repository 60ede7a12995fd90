"""Refresh in the background."""

import itertools
import threading
import time

import numpy as np
import pytest
import torch
from sampler_kinds import built, normal, training

from toolkit import ProximityGraph


class TestBackground:
    def drawn(self, monkeypatch=None, build=None, n_batches=14) -> tuple[list, list, list]:
        """Batches, the graph of each, and the embeddings known when it was asked for."""
        points = normal(100)
        sampler = built("background", points, 10, refresh_every=3)
        if build is not None:
            monkeypatch.setattr(ProximityGraph, "build", build)
        batches, graphs, vectors = [], [], []
        drawing = itertools.chain.from_iterable(itertools.repeat(sampler))
        for step in range(n_batches):
            vectors.append(sampler.bank.vectors.clone())
            batch = next(drawing)
            sampler.update(batch, points[batch] + normal(10, 8, step))
            batches.append(batch)
            graphs.append(sampler.graph)
        return batches, graphs, vectors

    def test_graph_takes_over_one_period_after_it_was_due(self):
        _, graphs, vectors = self.drawn()
        taken_over = [i for i in range(1, 14) if graphs[i] is not graphs[i - 1]]
        # Due at 3, 6, 9, 12; the graph that was due at 3 is there at 6, and so on.
        assert taken_over == [6, 9, 12]
        for i in taken_over:
            sizes = {"n_candidates": graphs[i].n_candidates, "n_neighbors": graphs[i].n_neighbors}
            expected = ProximityGraph.build(vectors[i - 3], **sizes, seed=graphs[i].seed)
            np.testing.assert_array_equal(graphs[i].neighbors, expected.neighbors)

    def test_batches_do_not_depend_on_how_long_a_build_takes(self, monkeypatch):
        expected, _, _ = self.drawn()
        build, main = ProximityGraph.build, threading.current_thread()

        def slow(*arguments, **settings):
            assert threading.current_thread() is not main
            time.sleep(0.2)
            return build(*arguments, **settings)

        assert self.drawn(monkeypatch, slow)[0] == expected

    def test_an_error_reaches_the_caller_and_the_next_build_is_tried_again(self, monkeypatch):
        points = normal(100)
        sampler = built("background", points, 10, refresh_every=2)
        run = training(sampler, points)
        with monkeypatch.context() as patch:
            patch.setattr(ProximityGraph, "build", lambda *_, **__: 1 / 0)
            for _ in range(4):
                next(run)
            with pytest.raises(ZeroDivisionError):
                next(run)
        before = sampler.graph
        list(itertools.islice(training(sampler, points), 9))
        assert sampler.graph is not before

    def test_no_thread_stays_behind(self):
        before = threading.active_count()
        self.drawn()
        for thread in set(threading.enumerate()) - {threading.current_thread()}:
            thread.join(5)
        assert threading.active_count() <= before

    def test_number_of_torch_threads_is_left_alone(self):
        before = torch.get_num_threads()
        self.drawn()
        assert torch.get_num_threads() == before
