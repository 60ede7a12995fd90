"""Nearest neighbours in cosine similarity: exact, or approximate by the inverted lists of faiss."""

import numpy as np
import torch

from toolkit.engine.precision import full_precision
from toolkit.engine.rules import NO_RULES, Rules

EXACT_UP_TO = 50_000  # instances
_SCORES = 2**24  # similarities at once: 64 MiB
_PROBES = 64
_RECALL_ROWS = 1000
_ENOUGH = 0.95  # of the neighbours of these rows, where a plan is made from them
_QUICK = 4, 32  # rounds of k-means and points per centre that are good enough for it


def ranked_neighbors(unit: np.ndarray, k: int, seed: int, rules: Rules = NO_RULES) -> tuple[np.ndarray, np.ndarray]:
    """Return the k nearest others of all rows that the rules leave, int64 (N, k), and their similarities.

    They are in order. -1 stands where the rules leave fewer of the k + skip nearest ones. Above 50,000 rows, at least
    95 % of those of some rows are true ones, unless 64 cells hold fewer.
    """
    width = min(k + rules.skip, len(unit) - 1)
    found, similarities, _ = nearest_neighbors(unit, width, seed, rules.paired, quick=True)
    if rules.codes is not None:
        same = rules.codes[found] == rules.codes[:, None]
        found[same] = -1
        places = np.argsort(same, axis=1, kind="stable")
        found, similarities = (np.take_along_axis(array, places, 1) for array in (found, similarities))
    return found[:, rules.skip :], similarities[:, rules.skip :]


def nearest_neighbors(
    unit: np.ndarray, k: int, seed: int, paired: bool = False, quick: bool = False
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the k nearest others of all rows, int64 (N, k), their similarities, and the share that are true ones."""
    if len(unit) <= EXACT_UP_TO:
        return *exact_neighbors(unit, np.arange(len(unit)), k, Rules(paired)), 1.0
    return approximate_neighbors(unit, k, seed, paired, quick)


@full_precision()
def exact_neighbors(
    unit: np.ndarray, rows: np.ndarray, k: int, rules: Rules = NO_RULES
) -> tuple[np.ndarray, np.ndarray]:
    """Return the k nearest others of some rows of `unit`, int64 (n, k), and their similarities (n, k).

    With groups, these are of k groups. Where the rules leave fewer, those left out follow, the least similar first.
    """
    seen = rules.seen_from(torch.from_numpy(unit[rows])).numpy()
    if rules.groups is None and not rules.skip and rules.margin is None:
        return _others(rows, *_search(seen, unit, k + 1))
    return _allowed_others(unit, seen, rows, k, rules)


def _search(queries: np.ndarray, unit: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the k rows of `unit` with the largest products with each query, in order, and these products."""
    all_rows = torch.from_numpy(unit).T
    best = [(some @ all_rows).topk(k) for some in torch.from_numpy(queries).split(max(_SCORES // len(unit), 1))]
    similarities, found = (torch.cat(parts).numpy() for parts in zip(*best, strict=True))
    return found, similarities


def _allowed_others(
    unit: np.ndarray, seen: np.ndarray, rows: np.ndarray, k: int, rules: Rules
) -> tuple[np.ndarray, np.ndarray]:
    """Search wider and wider until the rules leave k others of each row."""
    limits = rules.limits(torch.from_numpy(unit[rows]), torch.from_numpy(seen))
    neighbors, similarities = np.empty((len(rows), k), np.int64), np.empty((len(rows), k), np.float32)
    missing, width = np.arange(len(rows)), k + rules.skip + 1
    while len(missing):
        width = min(2 * width, len(unit))
        found, values = _search(seen[missing], unit, width)
        short = []
        for place, candidates, value in zip(missing, found, values, strict=True):
            limit = np.inf if limits is None else float(limits[place])
            allowed = _allowed(rows[place], candidates, value, limit, rules, last=width == len(unit))[:k]
            if len(allowed) < k:
                short.append(place)
            else:
                neighbors[place], similarities[place] = candidates[allowed], value[allowed]
        missing = np.array(short, int)
    return neighbors, similarities


def _allowed(
    row: int, candidates: np.ndarray, similarities: np.ndarray, limit: float, rules: Rules, last: bool
) -> np.ndarray:
    """Return which places of the candidates, the best first, the rules leave; in the end also what they leave out."""
    codes = rules.codes
    others = candidates != row if codes is None else codes[candidates] != codes[row]
    below = similarities < limit
    places = np.flatnonzero(others & below)[rules.skip :]
    if last:
        places = np.append(places, np.setdiff1d(np.flatnonzero(others), places)[::-1])
    if codes is not None:
        places = places[np.sort(np.unique(codes[candidates[places]], return_index=True)[1])]
    return places


def approximate_neighbors(
    unit: np.ndarray, k: int, seed: int, paired: bool = False, quick: bool = False
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return about the k nearest others of all rows, their similarities, and which share of the true ones they are.

    A k-means makes 4 sqrt(N) cells, of which a search looks into the nearest 64, or if it is to be `quick`, into as few
    as hold most neighbours. The share (recall) is taken over 1,000 random rows.
    """
    import faiss

    n, dim = unit.shape
    rules = Rules(paired)
    seen = rules.seen_from(torch.from_numpy(unit)).numpy()
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, min(n, int(4 * n**0.5)), faiss.METRIC_INNER_PRODUCT)
    index.cp.spherical, index.cp.seed, index.cp.min_points_per_centroid = True, seed % 2**31, 1
    if quick:
        index.cp.niter, index.cp.max_points_per_centroid = _QUICK
    index.train(unit)
    index.add(unit)
    sample = np.random.default_rng(seed).permutation(n)[:_RECALL_ROWS]
    true, _ = exact_neighbors(unit, sample, k, rules)
    for index.nprobe in (4, 8, 16, 32, _PROBES) if quick else (_PROBES,):
        some, _ = _search_cells(index, unit, seen, sample, k, rules)
        recall = float(np.mean([np.isin(ours, exact).mean() for ours, exact in zip(some, true, strict=True)]))
        if recall >= _ENOUGH:
            break
    return *_search_cells(index, unit, seen, np.arange(n), k, rules), recall


def _search_cells(
    index, unit: np.ndarray, seen: np.ndarray, rows: np.ndarray, k: int, rules: Rules
) -> tuple[np.ndarray, np.ndarray]:
    """Return the k nearest others of some rows among the cells the index probes; rows short of k get an exact search.

    `seen` are the query vectors of all rows.
    """
    similarities, found = index.search(seen[rows], k + 1)
    found, similarities = _others(rows, found, similarities)
    short = np.flatnonzero((found < 0).any(1))
    if len(short):
        found[short], similarities[short] = exact_neighbors(unit, rows[short], k, rules)
    return found, similarities


def _others(rows: np.ndarray, found: np.ndarray, similarities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drop each row itself; where duplicates took its place among its own nearest, drop the last one."""
    others = found != rows[:, None]
    others[others.all(1), -1] = False
    shape = len(rows), found.shape[1] - 1
    return found[others].reshape(shape), similarities[others].reshape(shape)
