"""Linking by torch operations where the embeddings lie, such as on a GPU."""

import numpy as np
import torch

from toolkit.engine.linking import Links, candidate_blocks
from toolkit.engine.precision import full_precision
from toolkit.engine.rules import NO_RULES, Rules

_SCORES = 2**27  # at most so many at once
_OUT = -2.0  # below any cosine
_STAGED = 2**22  # numbers copied at once


@full_precision()
def link_on_device(
    vectors: torch.Tensor,
    norms: torch.Tensor,
    n_candidates: int,
    n_neighbors: int,
    seed: int,
    rules: Rules = NO_RULES,
    kept: np.ndarray | None = None,
    with_similarities: bool = True,
) -> Links:
    """Return what `toolkit.engine.linking.link` does, with the work done by torch operations where `vectors` lie."""
    n, device = len(vectors), vectors.device
    neighbors = torch.empty(n, n_neighbors, dtype=torch.int32, device=device)
    similarities = torch.empty(n, n_neighbors * with_similarities, dtype=torch.float32, device=device)
    skipped = torch.empty(n, rules.skip, dtype=torch.int32, device=device)
    codes = None if rules.codes is None else torch.from_numpy(rules.codes).to(device)
    more = None if kept is None else torch.from_numpy(kept).to(device)
    lacking = torch.zeros((), dtype=torch.int64, device=device)
    blocks = list(candidate_blocks(n, n_candidates, seed))
    height, width = len(blocks[0][0]), n_candidates + 1
    at_once = max(1, _SCORES // (height * width))
    for start in range(0, len(blocks), at_once):
        some = blocks[start : start + at_once]
        # A block with a row less repeats its last one, which is then not written twice.
        rows = np.stack([np.pad(rows, (0, height - len(rows)), "edge") for rows, _ in some])
        once = torch.from_numpy(np.arange(height) < np.array([[len(rows)] for rows, _ in some])).to(device)
        rows, candidates = (torch.from_numpy(part).to(device) for part in (rows, np.stack([c for _, c in some])))
        anchors, pool = ((vectors[part] / norms[part].unsqueeze(2)).float() for part in (rows, candidates))
        seen = rules.seen_from(anchors)
        limits, anchors = rules.limits(anchors, seen), seen
        scores = torch.bmm(anchors, pool.transpose(1, 2))
        own = rows.unsqueeze(2) == candidates.unsqueeze(1)
        own[:, :, -1] |= ~own.any(2)
        scores.masked_fill_(own, _OUT)
        candidates = candidates.unsqueeze(1).expand_as(scores)[once]
        rows, anchors, scores = rows[once], anchors[once], scores[once]
        if more is not None:
            candidates, scores = _with_kept(vectors, norms, rows, anchors, candidates, scores, more)
        if codes is not None:
            scores.masked_fill_(codes[rows].unsqueeze(1) == codes[candidates], _OUT)
        if limits is not None:
            scores.masked_fill_(scores >= limits[once].unsqueeze(1), _OUT)
        n_best = min(n_neighbors + rules.skip, scores.shape[1])
        best, places = scores.topk(n_best, sorted=rules.skip > 0)
        found = candidates.gather(1, places).int()
        skipped[rows] = _padded(found.where(best > _OUT, -1)[:, : rules.skip], rules.skip)
        best, found = best[:, rules.skip :], found[:, rules.skip :]
        neighbors[rows], values, short = _repeated(rows, found, best, n_neighbors)
        similarities[rows] = values[:, : similarities.shape[1]]
        lacking += short
    arrays = (to_memory(array) for array in (neighbors, similarities.clamp_(-1, 1), skipped))
    return Links(*arrays, lacking=int(lacking))


def to_memory(values: torch.Tensor) -> np.ndarray:
    """Return a copy in memory, by way of page-locked memory, to which a CUDA device writes several times as fast."""
    if values.device.type != "cuda":
        return values.cpu().numpy()
    copied = torch.empty(values.shape, dtype=values.dtype, device="cpu")
    locked = torch.empty(min(values.numel(), _STAGED), dtype=values.dtype, device="cpu", pin_memory=True)
    for part, place in zip(values.reshape(-1).split(_STAGED), copied.view(-1).split(_STAGED), strict=True):
        place.copy_(locked[: len(part)].copy_(part))
    return copied.numpy()


def _with_kept(vectors, norms, rows, anchors, candidates, scores, kept):
    """Return the candidates of each row and their scores with its kept ones, those that are there twice ruled out."""
    more = kept[rows].long()
    row_of = (vectors[more.clamp_min(0)] / norms[more.clamp_min(0)].unsqueeze(2)).float()
    values = torch.bmm(row_of, anchors.unsqueeze(2)).squeeze(2)
    ordered = candidates.sort(1).values
    places = torch.searchsorted(ordered, more).clamp_max(ordered.shape[1] - 1)
    twice = ordered.gather(1, places) == more
    equal = (more.unsqueeze(2) == more.unsqueeze(1)).tril(-1).any(2)
    values = values.masked_fill(twice | equal | (more < 0) | (more == rows.unsqueeze(1)), _OUT)
    return torch.cat([candidates, more.clamp_min(0)], 1), torch.cat([scores, values], 1)


def _padded(columns: torch.Tensor, width: int) -> torch.Tensor:
    return torch.nn.functional.pad(columns, (0, width - columns.shape[1]), value=-1)


def _repeated(rows, found, best, n_neighbors: int):
    """Return neighbours and similarities, repeated where there are too few, and the number of rows with too few."""
    order = torch.arange(n_neighbors, device=rows.device).expand(len(rows), -1)
    if not found.shape[1]:
        return rows.int().unsqueeze(1).expand(-1, n_neighbors), torch.ones_like(order, dtype=torch.float32), len(rows)
    valid = best > _OUT
    counts = valid.sum(1, keepdim=True)
    # Valid ones first, in their order; then from the first again.
    places = (~valid).int().argsort(dim=1, stable=True)
    places = places.gather(1, order % counts.clamp_min(1))
    none = counts == 0
    neighbors = found.gather(1, places).where(~none, rows.int().unsqueeze(1))
    similarities = best.gather(1, places).where(~none, 1.0)
    return neighbors, similarities, (counts < n_neighbors).sum()
