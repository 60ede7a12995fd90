"""The registry of samplers, which explorers, comparisons, benchmarks and plots read."""

import inspect
from dataclasses import dataclass, field

from toolkit.samplers.bandwidth import BandwidthBatchSampler
from toolkit.samplers.base import BatchSampler
from toolkit.samplers.chain import ChainBatchSampler
from toolkit.samplers.cluster import ClusterBatchSampler
from toolkit.samplers.graph_partition import GraphPartitionBatchSampler
from toolkit.samplers.knn import KNNBatchSampler
from toolkit.samplers.neighborhood import NeighborhoodBatchSampler
from toolkit.samplers.random_walk import RandomWalkBatchSampler
from toolkit.samplers.uniform import UniformBatchSampler


@dataclass(frozen=True)
class SamplerKind:
    """A registered sampler.

    Attributes
    ----------
    name : str
        Name in results and on command lines.
    label : str
        Name in figures.
    color : str
        Colour in figures.
    cls : type of BatchSampler
    settings : dict
        Arguments that replace the class's own defaults.
    default : bool
        Whether comparisons, explorers and frontiers use it by default.
    """

    name: str
    label: str
    color: str
    cls: type[BatchSampler]
    settings: dict = field(default_factory=dict)
    default: bool = True

    def takes(self, setting: str) -> bool:
        """Return whether the class's constructor has an argument of this name."""
        return setting in inspect.signature(self.cls.__init__).parameters

    def make(self, n, batch_size: int, **settings) -> BatchSampler:
        """Return a sampler of `n` instances, or of a data set."""
        return self.cls(n, batch_size, **self.settings | settings)

    def from_embeddings(self, embeddings, batch_size: int, **settings) -> BatchSampler:
        """Return a sampler of known embeddings (N, d)."""
        return self.cls.from_embeddings(embeddings, batch_size, **self.settings | settings)


SAMPLERS: dict[str, SamplerKind] = {}


def register(name: str, label: str, color: str, cls: type[BatchSampler], *, default: bool = True, **settings) -> None:
    """Make a sampler available as `name`; `settings` replace defaults of its class.

    With ``default=False``, comparisons, explorers and frontiers use it only if it is named.

    Raises
    ------
    TypeError, ValueError
        For a class that is not a `BatchSampler`, and a name or label that another sampler has.
    """
    if not (isinstance(cls, type) and issubclass(cls, BatchSampler)):
        raise TypeError(f"cls must be a subclass of toolkit.samplers.BatchSampler, got {cls!r}")
    if name in SAMPLERS or label in labels():
        raise ValueError(f"name and label must be new, got {name!r}, {label!r}: registered are {list(SAMPLERS)}")
    SAMPLERS[name] = SamplerKind(name, label, color, cls, settings, default)


def labels() -> dict[str, SamplerKind]:
    """Return the samplers by label."""
    return {kind.label: kind for kind in SAMPLERS.values()}


def defaults() -> dict[str, SamplerKind]:
    """Return the samplers that comparisons, explorers and frontiers use by default, by name."""
    return {name: kind for name, kind in SAMPLERS.items() if kind.default}


register("uniform", "Uniform", "#7F7F7F", UniformBatchSampler)
register("random_walk", "Random walk", "#0072B2", RandomWalkBatchSampler)
register("knn", "kNN", "#CC79A7", KNNBatchSampler)
register("cluster", "Clusters", "#228833", ClusterBatchSampler, default=False)
register("graph_partition", "Graph parts", "#8C6D31", GraphPartitionBatchSampler, default=False)
register("bandwidth", "Bandwidth", "#AA3377", BandwidthBatchSampler, default=False)
register("chain", "Chain", "#1B9AAA", ChainBatchSampler, default=False)
register("neighborhood", "Neighbourhoods", "#6A3D9A", NeighborhoodBatchSampler, default=False)
