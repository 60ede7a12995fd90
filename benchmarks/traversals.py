"""What might stand in for the walk on the proximity graph, as in the paper's ablations; only to compare with."""

from collections import deque

import numpy as np

from toolkit import ProximityGraph, RandomWalkBatchSampler
from toolkit.engine.nearest import ranked_neighbors
from toolkit.proximity import WalkStats


class NearestWalkBatchSampler(RandomWalkBatchSampler):
    """The walk on the graph of the nearest neighbours of all; exact up to 50,000 instances, 95 % of them above."""

    def _built(self, graph, vectors, seed, n_threads=None) -> ProximityGraph:
        unit = np.ascontiguousarray(vectors.cpu().float().numpy())
        neighbors, similarities = ranked_neighbors(unit, self.n_neighbors, seed, self._rules)
        none = neighbors < 0
        neighbors = np.where(none, np.arange(self.n)[:, None], neighbors).astype(np.int32)
        similarities = np.where(none, 1, similarities).clip(-1, 1)
        return ProximityGraph(
            neighbors,
            similarities,
            n_candidates=self.n - 1,
            rules=self._rules,
            skipped=np.full((self.n, self.skip), -1),
            lacking=int(none.any(1).sum()),
        )


class BreadthFirstBatchSampler(RandomWalkBatchSampler):
    """A seed, its neighbours in random order, their neighbours, and so on; seeds do not repeat within an epoch."""

    depth_first = False

    def _walk(self, planned, neighbors, restart_at) -> tuple[np.ndarray, WalkStats]:
        chunk = self._chunk()
        rng, codes = self._rng(2, chunk.start), None if self.groups is None else self.groups.codes
        starts = self._starts(chunk)
        batches = [traversed(neighbors, start, self.batch_size, self.depth_first, codes, rng) for start in starts]
        return np.concatenate(batches), WalkStats(len(batches))


class DepthFirstBatchSampler(BreadthFirstBatchSampler):
    """A seed, a random neighbour of it, a neighbour of that, and so on; back where all neighbours are members."""

    depth_first = True


def traversed(
    neighbors: np.ndarray,
    start: int,
    batch_size: int,
    depth_first: bool,
    codes: np.ndarray | None,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the first nodes of a search from `start`, one of each group; from a random node where nothing is left."""
    members, taken, frontier = [], set(), deque([int(start)])
    while len(members) < batch_size:
        if not frontier:
            frontier.append(int(rng.integers(len(neighbors))))
        node = frontier.pop() if depth_first else frontier.popleft()
        key = node if codes is None else int(codes[node])
        if key not in taken:
            taken.add(key)
            members.append(node)
            frontier.extend(rng.permutation(neighbors[node]).tolist())
    return np.array(members)
