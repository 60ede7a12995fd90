"""Named training runs on the bundled data, for the command line."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import nn
from torch.utils.data import Dataset

from toolkit import _checks
from toolkit.datasets import pairs, vision
from toolkit.evaluation import knn_probe, retrieve
from toolkit.models import PairModel, SimCLR
from toolkit.models.text_encoders import static


@dataclass(frozen=True)
class Preset:
    """Everything that a training run needs.

    Attributes
    ----------
    model : nn.Module
    dataset : Dataset
    batch_size, steps : int
    metric : str
        Name of the number that `evaluate` returns.
    evaluate : callable
        Called with the model, returns its result on test data.
    labels : array or None
        Labels of the training data.
    settings : dict
        Further arguments of samplers that take them.
    """

    model: nn.Module
    dataset: Dataset
    batch_size: int
    steps: int
    metric: str
    evaluate: Callable[[nn.Module], float]
    labels: Any = None
    settings: dict = field(default_factory=dict)


def preset(name: str) -> Preset:
    """Return a training run on bundled data; its model is initialised from torch's random state.

    Parameters
    ----------
    name : {"images", "pairs"}
        ``"images"``: SimCLR on part of Fashion-MNIST, three epochs, kNN accuracy. ``"pairs"``: a reverse dictionary
        of WordNet's nouns, mean reciprocal rank.

    Examples
    --------
    >>> from toolkit.training.presets import preset
    >>> images = preset("images")
    >>> images.batch_size, images.metric
    (128, 'kNN accuracy')
    """
    return {"images": _images, "pairs": _pairs}[_checks.choice("name", name, PRESETS)]()


PRESETS = ("images", "pairs")


def _images() -> Preset:
    data = vision.bundled()
    evaluate = partial(knn_probe, train=data.train, test=data.test)
    model = SimCLR("small", temperature=0.2)
    return Preset(model, data.views, 128, 186, "kNN accuracy", evaluate, data.views.labels)


def _pairs() -> Preset:
    data = pairs.bundled()
    model = PairModel(static(data.train.queries.tokenizer), temperature=0.2)
    walk = {"n_candidates": 5000, "coverage": "partition", "fresh": 0.2, "refresh_every": 1000}
    settings = walk | {"drop_last": True, "groups": data.train.groups}
    return Preset(model, data.train, 32, 12_000, "MRR", partial(_mrr, data.test), settings=settings)


def _mrr(test: pairs.RetrievalSet, model: nn.Module) -> float:
    return retrieve(model, test).value
