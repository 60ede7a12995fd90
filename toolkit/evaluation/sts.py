"""Semantic textual similarity (STS): correlation of the cosines of sentence embeddings with human scores."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from toolkit import _checks
from toolkit._result import mean_interval
from toolkit.datasets.sts import ScoredPairs
from toolkit.datasets.text import Sentences
from toolkit.evaluation.embedding import embed


@dataclass(frozen=True)
class STSScores:
    """Spearman correlation of each task.

    Attributes
    ----------
    spearman : dict of task to float
        Correlation of each task that has pairs.
    missing : dict of task to tuple of str
        Subsets that were not found, for each task that lacks any.

    Examples
    --------
    >>> scores = STSScores({"STS13": 0.5, "STS14": 0.7, "STS15": 0.6}, {})
    >>> round(scores.value, 3), [round(bound, 3) for bound in scores.interval()]
    (0.6, [0.352, 0.848])
    """

    spearman: dict[str, float]
    missing: dict[str, tuple[str, ...]]

    @property
    def value(self) -> float:
        """Mean over the tasks; warns if a task or a part of one is missing."""
        if self.missing:
            warnings.warn(f"the mean is over {', '.join(self.spearman)}; missing: {self._gaps()}", stacklevel=2)
        return float(np.mean(list(self.spearman.values())))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the confidence interval of the mean over tasks (Student's t); NaN with fewer than two of them."""
        return mean_interval(list(self.spearman.values()), level)

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
        Model of sentences, as for `embed`.
    tasks : sequence of ScoredPairs
        Tasks from `toolkit.datasets.sts.sts`.
    tokenizer, max_length
        Settings of `Sentences`.
    """
    from scipy.stats import spearmanr

    spearman = {}
    for pairs in tasks:
        if len(pairs):
            embedded = embed_pairs(model, pairs, tokenizer, max_length)
            first, second = (_checks.embeddings("embeddings", side) for side in embedded)
            cosine = (first * second).sum(1)
            spearman[pairs.name] = float(spearmanr(cosine, pairs.scores).statistic)
    return STSScores(spearman, {pairs.name: pairs.missing for pairs in tasks if pairs.missing})


def embed_pairs(model: nn.Module, pairs: ScoredPairs, tokenizer, max_length: int = 128) -> tuple[Tensor, Tensor]:
    """Return the embeddings (P, d) of the first and of the second sentences of pairs."""
    first, second = embed(model, Sentences([*pairs.first, *pairs.second], tokenizer, max_length))[0].chunk(2)
    return first, second
