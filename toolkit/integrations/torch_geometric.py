"""Graphs that carry their index through the `DataLoader` of torch_geometric.

That loader joins the graphs of a batch into one large graph. In doing so, it adds the number of preceding nodes to
each attribute whose name contains "index", as ``edge_index`` requires. An attribute ``index`` would be changed as
well, and the sampler would silently receive embeddings of the wrong graphs.
"""

import copy

import torch
from torch.utils.data import Dataset

from toolkit import _checks
from toolkit.datasets.indexed import is_index, map_style


class IndexedGraphs(Dataset):
    """A data set of torch_geometric whose graphs also hold their index, as ``graph.row_id``.

    The index is the position in the wrapped set, so wrap last: `IndexedGraphs` of a subset is right, a subset of
    `IndexedGraphs` is not. Graphs are shallow copies, so that those of the wrapped set do not change.

    Parameters
    ----------
    dataset : map-style data set
        Items are `torch_geometric.data.Data` or `HeteroData`: a data set of torch_geometric or a list.
    attribute : str
        Name of the attribute that holds the index. Its values must pass through torch_geometric's batching unchanged.

    Raises
    ------
    TypeError, ValueError
        For a data set without a length or items by index, and an attribute that batching changes, such as any whose
        name contains "index". On access, for an item that is not a graph or has another value in that attribute.

    Examples
    --------
    >>> import torch
    >>> from torch_geometric.loader import DataLoader
    >>> from torch_geometric.nn import global_mean_pool
    >>> from toolkit import RandomWalkBatchSampler
    >>> from toolkit.datasets import graphs
    >>> from toolkit.models.losses import nt_xent
    >>> dataset = IndexedGraphs(graphs.bundled().graphs[:200])
    >>> sampler = RandomWalkBatchSampler(dataset, batch_size=20, n_candidates=50)
    >>> model = torch.nn.Linear(11, 8)
    >>> optimizer = torch.optim.Adam(model.parameters())
    >>> for batch in DataLoader(dataset, batch_sampler=sampler):
    ...     view1, view2 = (torch.nn.functional.dropout(batch.x, 0.2) for _ in range(2))
    ...     z1, z2 = (global_mean_pool(model(view), batch.batch) for view in (view1, view2))
    ...     optimizer.zero_grad()
    ...     nt_xent(z1, z2).backward()
    ...     optimizer.step()
    ...     sampler.update(batch.row_id, z1)
    >>> sampler.bank.complete
    True
    """

    def __init__(self, dataset, attribute: str = "row_id") -> None:
        self.dataset = map_style("dataset", dataset)
        self.attribute = _check_attribute(attribute)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int):
        index = range(len(self))[index]
        graph = copy.copy(self.dataset[index])
        if not hasattr(graph, "__inc__"):  # what torch_geometric asks for how to join an attribute
            raise TypeError(f"items must be Data or HeteroData of torch_geometric, got {type(graph).__name__}")
        if self.attribute in graph and not is_index(getattr(graph, self.attribute), index):
            raise ValueError(
                f"attribute must be a new name, got {self.attribute!r}: graph {index} has "
                f"{getattr(graph, self.attribute)!r} there, not its index; remove it, choose another name, or wrap the "
                "outermost data set only"
            )
        setattr(graph, self.attribute, index)
        return graph


def _check_attribute(attribute: str) -> str:
    """Return the name of an attribute, or raise unless it comes out of torch_geometric's batching as it went in."""
    from torch_geometric.data import Batch, Data

    attribute, rows = _checks.text("attribute", attribute), [5, 9]
    graphs = [Data(edge_index=torch.zeros(2, 0, dtype=torch.int64), num_nodes=3) for _ in rows]
    try:
        for graph, row in zip(graphs, rows, strict=True):
            setattr(graph, attribute, row)
        found = getattr(Batch.from_data_list(graphs), attribute).tolist()
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        found = type(error).__name__
    if found != rows:
        raise ValueError(
            f"attribute must keep its values when graphs are batched, got {attribute!r}: torch_geometric turns {rows} "
            f"into {found}, since it shifts what has \"index\" in its name and needs some names itself; use 'row_id'"
        )
    return attribute
