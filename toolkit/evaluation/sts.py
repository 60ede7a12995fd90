"""How good sentence embeddings are: STS, alignment and uniformity, retrieval of the same label."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from toolkit import _checks
from toolkit.datasets.sts import ScoredPairs
from toolkit.datasets.text import Sentences
from toolkit.evaluation._modes import evaluating


@torch.no_grad()
def embed_text(
    model: nn.Module,
    sentences: Sentences,
    batch_size: int = 128,
    projected: bool = False,
    progress: bool = False,
) -> Tensor:
    """Return the embeddings (N, d) of sentences, float32 on the CPU.

    Sentences of like length are embedded together, so that little is padded. The model is in eval mode meanwhile.

    Parameters
    ----------
    model : nn.Module
        With methods ``encode(tokens)`` and, for `projected`, ``project(tokens)``, as `toolkit.models.SimCSE`.
    sentences : Sentences
    batch_size : int
    projected : bool
        What the loss compares, in place of what evaluation uses.
    progress : bool
        Show a progress bar, with the time left.

    Raises
    ------
    TypeError, ValueError
        For a batch size that is not an integer of at least 1.
    """
    _checks.integer("batch_size", batch_size, 1)
    encode = model.project if projected else model.encode
    device = next(model.parameters()).device
    result = None
    # The longest first: if memory does not suffice, it shows at once.
    order = np.argsort(-sentences.lengths, kind="stable")
    bar = tqdm(total=len(sentences), desc="embed", unit="sentence", disable=not progress)
    with evaluating(model), bar:
        for start in range(0, len(order), batch_size):
            index, tokens = sentences.collate([sentences[i] for i in order[start : start + batch_size].tolist()])
            part = encode(tokens.to(device)).float().cpu()
            if result is None:
                result = torch.empty(len(sentences), part.shape[1])
            result[index] = part
            bar.update(len(index))
    return result


@dataclass(frozen=True)
class STSScores:
    """Spearman correlation of each task.

    Attributes
    ----------
    spearman : dict of task to float
        Of the tasks that have pairs.
    missing : dict of task to tuple of str
        Subsets that were not there, of each task that lacks any.
    """

    spearman: dict[str, float]
    missing: dict[str, tuple[str, ...]]

    @property
    def average(self) -> float:
        """Mean over the tasks; warns if a task or a part of one is missing."""
        if self.missing:
            warnings.warn(f"the average is over {', '.join(self.spearman)}; missing: {self._gaps()}", stacklevel=2)
        return float(np.mean(list(self.spearman.values())))

    def _gaps(self) -> str:
        parts = (f"{task} ({', '.join(subsets)})" for task, subsets in self.missing.items())
        return "; ".join(parts)

    def to_frame(self):
        """Return a pandas frame with one row per task: Spearman correlation (NaN if missing), missing subsets."""
        import pandas as pd

        tasks = list(dict.fromkeys([*self.spearman, *self.missing]))
        rows = [(self.spearman.get(task, np.nan), ", ".join(self.missing.get(task, ()))) for task in tasks]
        return pd.DataFrame(rows, columns=["spearman", "missing"], index=pd.Index(tasks, name="task"))

    def __repr__(self) -> str:
        scores = ", ".join(f"{task}={value:.3f}" for task, value in self.spearman.items())
        return f"STSScores({scores}{f'; missing: {self._gaps()}' if self.missing else ''})"


def sts_spearman(model: nn.Module, tasks: Sequence[ScoredPairs], tokenizer, max_length: int = 128) -> STSScores:
    """Return the Spearman correlation of cosine similarity and score, one over all pairs of a task.

    Parameters
    ----------
    model : nn.Module
        As for `embed_text`.
    tasks : sequence of ScoredPairs
        From `toolkit.datasets.sts.sts`.
    tokenizer, max_length
        As for `Sentences`.
    """
    from scipy.stats import spearmanr

    spearman = {}
    for pairs in tasks:
        if len(pairs):
            first, second = map(_checks.embeddings, embed_pairs(model, pairs, tokenizer, max_length))
            cosine = (first * second).sum(1)
            spearman[pairs.name] = float(spearmanr(cosine, pairs.scores).statistic)
    return STSScores(spearman, {pairs.name: pairs.missing for pairs in tasks if pairs.missing})


def embed_pairs(model: nn.Module, pairs: ScoredPairs, tokenizer, max_length: int = 128) -> tuple[Tensor, Tensor]:
    """Return the embeddings (P, d) of the first and of the second sentences of pairs."""
    return embed_text(model, Sentences([*pairs.first, *pairs.second], tokenizer, max_length)).chunk(2)


def alignment(first, second) -> float:
    """Return the mean squared distance of normalised positive pairs (Wang & Isola 2020, arXiv 2005.10242).

    Parameters
    ----------
    first, second : arrays or tensors, shape (N, d)

    Raises
    ------
    ValueError
        For shapes that differ, NaN, Inf and zero rows.

    Examples
    --------
    >>> alignment([[1, 0], [0, 2]], [[3, 0], [1, 0]])
    1.0
    """
    a, b = _checks.embeddings(first, "first"), _checks.embeddings(second, "second")
    _checks.shape("second", b, tuple(a.shape), "that of first")
    return float((a - b).square().sum(1).mean())


def uniformity(embeddings, t: float = 2.0) -> float:
    """Return ``log(mean(exp(-t squared distance)))`` over all pairs of normalised embeddings (Wang & Isola 2020).

    Lower is more uniform; 0 if all are alike.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d)
        N >= 2. Takes O(N) memory.
    t : float
        Positive.

    Raises
    ------
    ValueError
        For less than two embeddings, NaN, Inf and zero rows, and `t` that is not positive.

    Examples
    --------
    >>> round(uniformity([[1, 0], [-1, 0]]), 6)
    -8.0
    """
    unit = _checks.embeddings(embeddings)
    n = _checks.integer("number of embeddings", len(unit), 2)
    if not t > 0:
        raise ValueError(f"t must be positive, got {t}")
    # Squared distance of unit vectors: 2 - 2 cosine. The N pairs of each with itself are taken off.
    total = sum(float((2 * t * (rows @ unit.T - 1)).exp().sum(dtype=torch.float64)) for rows in unit.split(1000))
    return float(np.log(max(total - n, np.finfo(float).tiny) / (n * (n - 1))))


def same_label_precision(embeddings, labels, k: int = 10) -> float:
    """Return the share of each instance's `k` nearest others, by cosine, that have its label.

    Parameters
    ----------
    embeddings : array or tensor, shape (N, d)
    labels : array, shape (N,)
    k : int
        Less than N.

    Raises
    ------
    TypeError, ValueError
        For k outside [1, N - 1], labels that are not one per row, NaN, Inf and zero rows.

    Examples
    --------
    >>> same_label_precision([[0, 1], [0.1, 1], [1, 0], [1, 0.1]], [0, 0, 1, 1], k=1)
    1.0
    """
    unit = _checks.embeddings(embeddings)
    n = len(unit)
    codes = torch.from_numpy(_checks.labels(labels, n)).to(unit.device)
    _checks.integer("k", k, 1, n - 1, "no more neighbours than there are others")
    same = 0
    for rows in torch.arange(n, device=unit.device).split(1000):
        similarity = unit[rows] @ unit.T
        similarity[torch.arange(len(rows)), rows] = -torch.inf
        same += int((codes[similarity.topk(k).indices] == codes[rows, None]).sum())
    return same / (n * k)
