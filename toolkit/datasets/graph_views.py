"""Random views of a batch of graphs: all at once, each with its own random change."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from toolkit import _checks

KINDS = ("nodes", "edges", "attributes", "subgraph")


class GraphAugmentation(nn.Module):
    """Apply one random change out of `kinds` to each graph of a batch (GraphCL, You et al. 2020, section 3.2).

    With n nodes and m edges in a graph, and all numbers rounded down:

    * "nodes": ``ratio * n`` nodes are dropped, and their edges.
    * "edges": ``ratio * m`` edges are replaced by as many random ones (fewer where one is there already).
    * "attributes": ``ratio * n`` nodes get random features, normal with mean and deviation 0.5.
    * "subgraph": only the nodes stay that a random walk touches from a random node, at most ``ratio * n + 1`` of them,
      and at most n steps, as in the authors' code.

    No graph becomes empty. Edges are changed in both directions.

    Parameters
    ----------
    kinds : tuple of str
        Changes to choose among.
    ratio : float
        Share of the nodes or edges to change, in [0, 1).

    Examples
    --------
    >>> from toolkit.datasets import graphs
    >>> molecules = graphs.bundled()
    >>> _, batch = molecules.collate([molecules[i] for i in range(64)])
    >>> changed = GraphAugmentation(kinds=("nodes",), ratio=0.2)(batch)
    >>> bool((changed.ptr.diff() == batch.ptr.diff() - batch.ptr.diff() // 5).all())
    True
    """

    def __init__(self, kinds: tuple[str, ...] = KINDS, ratio: float = 0.2) -> None:
        super().__init__()
        named = _checks.listed("kinds", kinds, f"some of {', '.join(KINDS)}")
        if not named:
            raise ValueError(f"kinds must name one or more of {', '.join(KINDS)}, got none")
        self.kinds = tuple(_checks.choice("kinds", kind, KINDS) for kind in named)
        self.ratio = _checks.number("ratio", ratio, "[0, 1)", "it is a share of the nodes or edges")

    def forward(self, batch):
        """Return a changed copy of a `torch_geometric.data.Batch`.

        It has ``x``, ``edge_index``, ``batch``, ``ptr``, and ``origin``: which node of `batch` each node was.
        """
        kind = torch.randint(len(self.kinds), (batch.num_graphs,), device=batch.batch.device)
        drawn = {name: kind == number for number, name in enumerate(self.kinds)}
        sizes = batch.ptr.diff()
        share = (sizes.double() * self.ratio).long()
        keep = torch.ones_like(batch.batch, dtype=torch.bool)
        x, edge_index = batch.x, batch.edge_index
        if "nodes" in drawn:
            keep &= ~random_mask(batch.batch, share * drawn["nodes"])
        if "subgraph" in drawn:
            walked = walk(edge_index, batch.ptr, (share + 1) * drawn["subgraph"])
            keep &= walked | ~drawn["subgraph"][batch.batch]
        if "attributes" in drawn:
            masked = random_mask(batch.batch, share * drawn["attributes"])
            x = torch.where(masked[:, None], 0.5 + 0.5 * torch.randn_like(x), x)
        if "edges" in drawn:
            edge_index = rewire(edge_index, batch.batch, batch.ptr, self.ratio * drawn["edges"])
        return _kept(batch, x, edge_index, keep)


def random_mask(group: Tensor, counts: Tensor) -> Tensor:
    """Return a mask of `counts[g]` random members of each group g, given each member's group; all if it has fewer.

    Examples
    --------
    >>> import torch
    >>> mask = random_mask(torch.tensor([0, 0, 0, 1, 1]), torch.tensor([1, 2]))
    >>> int(mask[:3].sum()), int(mask[3:].sum())
    (1, 2)
    """
    order = (group + torch.rand(len(group), dtype=torch.float64, device=group.device)).argsort()
    ordered = group[order]
    sizes = torch.bincount(group, minlength=len(counts))
    rank = torch.arange(len(group), device=group.device) - (sizes.cumsum(0) - sizes)[ordered]
    mask = torch.empty(len(group), dtype=torch.bool, device=group.device)
    mask[order] = rank < counts[ordered]
    return mask


def walk(edge_index: Tensor, ptr: Tensor, targets: Tensor) -> Tensor:
    """Return a mask of the nodes that a random walk touches in each graph.

    A walk starts at a random node. It ends when it has touched `targets[g]` nodes, or after as many steps as the graph
    has nodes.

    Examples
    --------
    >>> import torch
    >>> path = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    >>> int(walk(path, ptr=torch.tensor([0, 3]), targets=torch.tensor([2])).sum())
    2
    """
    n, sizes, device = int(ptr[-1]), ptr.diff(), ptr.device
    source, order = edge_index[0].sort()
    # An entry more, for a node without edges at the very end.
    target = F.pad(edge_index[1][order], (0, 1))
    degree = torch.bincount(source, minlength=n)
    first = degree.cumsum(0) - degree
    at = ptr[:-1] + _below(sizes)
    touched = torch.zeros(n, dtype=torch.bool, device=device)
    touched[at] = True
    found = torch.ones_like(sizes)
    for step in range(int(sizes.max())):
        going = (found < targets) & (step < sizes) & (degree[at] > 0)
        if not going.any():
            break
        at = torch.where(going, target[first[at] + _below(degree[at])], at)
        found += ~touched[at]
        touched[at] = True
    return touched


def rewire(edge_index: Tensor, group: Tensor, ptr: Tensor, ratio: Tensor) -> Tensor:
    """Replace a share of each graph's undirected edges, `ratio[g]`, by random ones, without duplicates.

    Examples
    --------
    >>> import torch
    >>> path = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    >>> changed = rewire(path, group=torch.zeros(3, dtype=torch.int64), ptr=torch.tensor([0, 3]), ratio=torch.ones(1))
    >>> bool((changed[0] != changed[1]).all()), 2 <= changed.shape[1] <= 4
    (True, True)
    """
    from torch_geometric.utils import coalesce

    n = len(group)
    mine = (ratio > 0)[group[edge_index[0]]]
    others, edge_index = edge_index[:, ~mine], edge_index[:, mine]
    pairs, pair = (edge_index.amin(0) * n + edge_index.amax(0)).unique(return_inverse=True)
    graph = group[pairs // n]
    counts = (torch.bincount(graph, minlength=len(ratio)).double() * ratio).long()
    stays = ~random_mask(graph, counts)[pair]
    counts = counts * (ptr.diff() > 1)
    where = torch.arange(len(ratio), device=ptr.device).repeat_interleave(counts)
    size = ptr.diff()[where]
    one = _below(size)
    other = (one + 1 + _below(size - 1)) % size
    added = ptr[where] + torch.stack([one, other])
    changed = coalesce(torch.cat([edge_index[:, stays], added, added.flip(0)], dim=1), num_nodes=n)
    return torch.cat([others, changed], dim=1)


def _below(sizes: Tensor) -> Tensor:
    """Return a random whole number in [0, size) for each size; 0 for a size of 0."""
    return (torch.rand(len(sizes), dtype=torch.float64, device=sizes.device) * sizes).long()


def _kept(batch, x: Tensor, edge_index: Tensor, keep: Tensor):
    """Return the part of a batch with the nodes to keep, renumbered."""
    from torch_geometric.data import Batch
    from torch_geometric.utils import subgraph

    edges, _ = subgraph(keep, edge_index, relabel_nodes=True, num_nodes=len(keep))
    group = batch.batch[keep]
    ptr = F.pad(torch.bincount(group, minlength=batch.num_graphs).cumsum(0), (1, 0))
    return Batch(x=x[keep], edge_index=edges, batch=group, ptr=ptr, origin=keep.nonzero()[:, 0])
