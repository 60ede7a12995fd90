"""Graphs and batches of embeddings that several processes hold; `whole_run` is run by all of them."""

import copy

import numpy as np
import torch
import torch.distributed as dist
from shared_training import failing, first_of

from toolkit import RandomWalkBatchSampler
from toolkit._processes import Peers
from toolkit.engine.rules import Groups, Rules
from toolkit.engine.sharding import link_shards
from toolkit.samplers import DistributedBatches

N, DIM, SEED = 1500, 24, 5
KINDS = {  # rules, M, K
    "plain": (Rules(), 80, 9),
    "half": (Rules(), 80, 9),
    "pairs": (Rules(True, Groups(np.arange(N) // 3), skip=2, margin=0.9), 80, 9),
    "exact": (Rules(), N - 1, 5),
}
BATCH, EPOCHS, STOP = 60, 4, 7
WALK = {"n_candidates": 100, "n_neighbors": 8, "restart": 0.2, "refresh_every": 9, "drop_last": True}
COURSES = {
    "plain": {},
    "rules": {"coverage": "partition", "groups": np.arange(N) // 3, "skip": 2, "bank_dtype": "float16"},
    "pairs": {"margin": 0.9},
}


def rows_of(kind):
    """Return embeddings as a bank holds them, some of them equal."""
    points = torch.randn(N, DIM, generator=torch.Generator().manual_seed(0))
    points[::7] = points[0]
    return points.half() if kind == "half" else points


def counted(sent):
    """Add to `sent` the bytes that this process sends to others by `all_to_all_single`."""
    send = dist.all_to_all_single

    def counting(out, given, out_splits, in_splits, group):
        others = len(given) - in_splits[dist.get_rank()]
        sent.append(others * given.shape[1] * given.element_size())
        return send(out, given, out_splits, in_splits, group=group)

    dist.all_to_all_single = counting


def graphs():
    """Return the links of each kind of rows, and the bytes that this process sent for them."""
    peers, found, sent = Peers(), {}, []
    counted(sent)
    for kind, (rules, n_candidates, n_neighbors) in KINDS.items():
        sent.clear()
        mine = rows_of(kind)[peers.rank :: peers.size].clone()
        found[kind] = link_shards(mine, N, n_candidates, n_neighbors, SEED, rules, peers), sum(sent)
    return found


class Course:
    """A training without a model: embeddings drift from step to step."""

    def __init__(self, kind, **settings):
        self.kind, self.step, self.drawn = kind, 0, []
        self.batches = self.new_batches(**settings)

    def new_batches(self, **settings):
        sampler = RandomWalkBatchSampler(N, BATCH, **WALK | COURSES[self.kind] | settings)
        return DistributedBatches(sampler, sharded=True)

    def epoch(self, stop=None):
        for number, index in enumerate(self.batches, 1):
            with torch.device("cpu"):
                noise = torch.randn(2, N, DIM, generator=torch.Generator().manual_seed(self.step))
                sides = (rows_of("plain") + 0.3 * noise)[: 1 + (self.kind == "pairs"), index]
            self.batches.update(index, *sides)
            self.step += 1
            self.drawn.append(index)
            if number == stop:
                return


def course(kind):
    """Return the batches of a course, the last graph's neighbours, the size of the bank held here, and some rows."""
    one = Course(kind)
    for _ in range(EPOCHS):
        one.epoch()
    planner, bank = one.batches.planner, one.batches.planner.bank
    if planner.graph is None:
        bank.serve()
        return one.drawn, None, tuple(bank.vectors.shape), None
    rows = bank.rows(np.array([5, N - 1, 0, 5, 2]))
    if dist.is_initialized():
        bank.finish()
    return one.drawn, planner.graph.neighbors, tuple(bank.vectors.shape), rows


def elsewhere():
    """Return the batches of the first epochs of a course where torch's default device is another one."""
    with torch.device("meta"):
        one = Course("plain")
        for _ in range(2):
            one.epoch()
    return one.drawn


def resumed():
    """Stop a course in its last epoch and go on with states; return the batches, and how process 0's is refused."""
    one, refused = Course("rules"), ""
    for _ in range(EPOCHS - 1):
        one.epoch()
    one.epoch(STOP)
    state = copy.deepcopy(one.batches.state_dict(STOP))
    if dist.is_initialized():
        one.batches, first = one.new_batches(), first_of(state)
        refused = failing(lambda: one.batches.load_state_dict(first))
    one.batches = one.new_batches()
    one.batches.load_state_dict(state)
    one.epoch()
    return one.drawn, refused


def refusals():
    """Return what wrong uses are answered in this process."""
    one = Course("plain")
    bad = torch.ones(BATCH // dist.get_world_size(), DIM)
    if dist.get_rank() == 1:
        bad[3] = torch.nan
    index = next(iter(one.batches))
    return {
        "NaN": failing(lambda: one.batches.update(index, bad)),
        "row": index[3],
    }


def whole_run():
    """Return everything, in one start of the processes."""
    found = {"courses": {kind: course(kind) for kind in COURSES}, "resumed": resumed(), "refusals": refusals()}
    return found | {"elsewhere": elsewhere(), "graphs": graphs()}
