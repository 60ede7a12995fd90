"""The published procedure (arXiv 2306.03355), written out from its description: the engine's baseline."""

import random

import torch
from torch.nn import functional as F

FOLDS = 20


def graph(embeddings: torch.Tensor, n_candidates: int, n_neighbors: int) -> torch.Tensor:
    """Draw candidates for each row on its own, with repetition; score them by a batched product; keep the best."""
    unit = F.normalize(embeddings, dim=1)
    neighbors = []
    for rows in unit.split(-(-len(unit) // FOLDS)):
        candidates = torch.randint(len(unit), (len(rows), n_candidates))
        scores = torch.bmm(unit[candidates], rows.unsqueeze(2)).squeeze(2)
        neighbors.append(candidates.gather(1, scores.topk(n_neighbors).indices))
    return torch.cat(neighbors)


def walk(neighbors, start: int, batch_size: int, restart: float) -> list[int]:
    """Walk step by step in Python: each step draws from torch and turns a row of the graph into a list."""
    path, batch = [start], {start}
    while len(batch) < batch_size:
        nodes = neighbors[path[-1]].tolist()
        path.append(start if torch.rand(1).item() < restart else random.choice(nodes))
        batch.add(path[-1])
    return list(batch)
