"""Rows that are too many for one process: each of several holds some of them, and links some."""

from itertools import islice

import numpy as np
import torch

from toolkit._processes import Peers
from toolkit.engine import threads
from toolkit.engine.linking import Links, candidate_blocks, empty_links, link_blocks
from toolkit.engine.rules import Rules

_ROWS = 2**14  # that a process receives at once, roughly


def link_shards(
    vectors: torch.Tensor, n: int, n_candidates: int, n_neighbors: int, seed: int, rules: Rules, peers: Peers
) -> Links:
    """Return what `toolkit.engine.linking.link` finds, bit for bit, without similarities; no rows but in the first one.

    Process r of R calls it with the rows r, r + R, ... of all `n`, in memory. The blocks are dealt to the processes,
    which all know from the seed what rows each of them needs, and hand over their own; the neighbours go to the first.

    Traffic: of the rows of all blocks and their candidates the share (R - 1) / R, and as much of 4 N (K + skip) bytes
    of neighbours. From N = 16 M on, the former are 3 N rows, however many candidates there are. Memory: some 16 N bytes
    for the candidates in each process.
    """
    first, lacking = peers.rank == 0, 0
    whole = empty_links(n if first else 0, n_neighbors, rules, with_similarities=False)
    at_once = peers.size * max(1, _ROWS // (n_candidates + 1))
    blocks = candidate_blocks(n, n_candidates, seed)
    while some := list(islice(blocks, at_once)):
        parts = [some[process :: peers.size] for process in range(peers.size)]
        needed = [_joined([ids for block in part for ids in block]) for part in parts]
        linked = [_joined([rows for rows, _ in part]) for part in parts]
        names, rows = collected(vectors, needed, peers)
        found = np.empty((0, n_neighbors + rules.skip), np.int32)
        if parts[peers.rank]:
            links = link_blocks(names, rows, parts[peers.rank], n_neighbors, threads.n_cores(), rules)
            found, lacking = np.hstack([links.neighbors, links.skipped]), lacking + links.lacking
        received = [len(rows) * first for rows in linked]
        came = peers.dealt(torch.from_numpy(found), [len(found)] + [0] * (peers.size - 1), received).numpy()
        if first:
            rows = _joined(linked)
            whole.neighbors[rows], whole.skipped[rows] = np.split(came, [n_neighbors], axis=1)
    lacking = peers.joined(torch.tensor([lacking], device="cpu")).sum().item()
    return Links(whole.neighbors, whole.similarities, whole.skipped, int(lacking))


def collected(vectors: torch.Tensor, needed: list[np.ndarray], peers: Peers) -> tuple[np.ndarray, torch.Tensor]:
    """Return which rows this process receives, and these: the ones it needs, in another order.

    `needed` holds the rows that each process needs, the same in all of them.
    """
    own = [ids[ids % peers.size == peers.rank] // peers.size for ids in needed]
    mine = needed[peers.rank]
    received = np.bincount(mine % peers.size, minlength=peers.size).tolist()
    came = peers.dealt(vectors.index_select(0, torch.from_numpy(_joined(own))), [len(ids) for ids in own], received)
    return mine[np.argsort(mine % peers.size, kind="stable")], came


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.empty(0, np.int32), *parts])
