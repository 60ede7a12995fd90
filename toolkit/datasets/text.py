"""Sentences, tokenised once: ``(index, tokens)`` batches for training, texts and labels for diagnostics.

>>> from torch.utils.data import DataLoader
>>> from toolkit import UniformBatchSampler
>>> from toolkit.datasets import text as language
>>> sentences = language.bundled()
>>> sentences
Sentences(n=20000, max_length=32, classes=25)
>>> sentences.texts[0], sentences.classes[sentences.labels[0]]
('cosmetic surgery of the abdomen to remove wrinkles and tighten the skin over the stomach', 'act')
>>> sampler = UniformBatchSampler(len(sentences), batch_size=64)
>>> index, tokens = next(iter(DataLoader(sentences, batch_sampler=sampler, collate_fn=sentences.collate)))
>>> index.shape, sorted(tokens)
(torch.Size([64]), ['attention_mask', 'input_ids'])
"""

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from tqdm.auto import tqdm

from toolkit import _cache, _checks
from toolkit.datasets._files import bundled_file
from toolkit.datasets.lines import read_lines
from toolkit.datasets.tokenizers import checked_text, encoding_rules, load_tokenizer, train_tokenizer

if TYPE_CHECKING:
    from transformers import BatchEncoding

CHUNK = 2_000  # tokenizers keep much more than the tokens of each text meanwhile
MANY = 10_000  # texts, which take a second to tokenise


class Sentences(Dataset):
    """Sentences with their tokens; an item is (index, token ids), a batch (index, padded tokens).

    They are tokenised once, when it is made. The tokens of 10,000 sentences and more are also kept for later processes,
    in ``~/.cache/toolkit/tokens``; the variable ``TOOLKIT_CACHE`` names another folder than ``~/.cache/toolkit``.
    A batch is padded to its longest sentence. Besides the texts, each token takes two to four bytes of memory.

    Parameters
    ----------
    texts : sequence of str
        A list, or an array of numpy's `StringDType` (`read_lines`), which takes little memory.
    tokenizer : str, path or transformers tokenizer
        A model's folder or name on the hub, or a tokenizer, such as one that `train_tokenizer` returns.
    max_length : int
        Maximum number of tokens per sentence, including those at its ends; longer sentences are cut.
    labels : array, shape (N,), optional
        Classes 0, 1, ... of the sentences, for diagnostics only.
    classes : sequence of str
        Names of the labels.
    progress : bool
        Whether to show a progress bar while tokenising.

    Attributes
    ----------
    ids : uint16 or int32 array
        Tokens of all sentences, one after the other.
    lengths : int array, shape (N,)
        Tokens of each sentence.

    Raises
    ------
    ValueError
        If there are no texts, a sentence has no tokens, or the tokenizer lacks a token to pad with.

    Examples
    --------
    >>> texts = ["a cat sat", "a cat sat on a mat"]
    >>> sentences = Sentences(texts, train_tokenizer(texts, 300))
    >>> index, tokens = sentences.collate([sentences[0], sentences[1]])
    >>> tokens["attention_mask"].sum(1).tolist() == sentences.lengths.tolist()
    True
    """

    def __init__(
        self,
        texts: Sequence[str] | np.ndarray,
        tokenizer,
        max_length: int = 32,
        labels=None,
        classes: Sequence[str] = (),
        progress: bool = False,
    ) -> None:
        max_length, progress = _checks.integer("max_length", max_length, 4), _checks.flag("progress", progress)
        self.texts, self.max_length = _checked(texts), max_length
        self.classes = tuple(_checks.listed("classes", classes, "names of the labels"))
        if labels is not None:
            labels = _checks.class_numbers("labels", labels, len(self.texts), "one per sentence")
        self.labels = labels
        self.tokenizer = load_tokenizer(tokenizer) if isinstance(tokenizer, (str, Path)) else tokenizer
        if not (callable(self.tokenizer) and hasattr(self.tokenizer, "pad_token_id")):
            raise TypeError(
                "tokenizer must be a tokenizer of transformers, or the folder or name of a model, got "
                f"{type(tokenizer).__name__}"
            )
        if self.tokenizer.pad_token_id is None:
            raise ValueError("tokenizer has no token to pad with: set tokenizer.pad_token, such as to its eos_token")
        self.ids, self.lengths = self._tokenise(progress)
        self._starts = np.cumsum(self.lengths) - self.lengths
        if not self.lengths.all():
            raise ValueError(f"texts must have tokens, got none in text {int(np.argmin(self.lengths))}")

    def _tokenise(self, progress: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return all tokens, and how many each sentence has; those of many sentences are kept for later processes."""
        rules = encoding_rules(self.tokenizer) if len(self.texts) >= MANY else None
        if rules is None:
            return self._encode(progress)
        chunks = (json.dumps(texts).encode() for texts in self._chunks())
        place = _cache.place("tokens", [rules, self.max_length], chunks)
        known = _cache.read(place, ids=(None,), lengths=(len(self.texts),))
        if known is not None and known["lengths"].sum() == len(known["ids"]):
            return known["ids"], known["lengths"]
        ids, lengths = self._encode(progress)
        _cache.write(place, ids=ids, lengths=lengths)
        return ids, lengths

    def _chunks(self) -> Iterator[list[str]]:
        for start in range(0, len(self.texts), CHUNK):
            texts = self.texts[start : start + CHUNK]
            yield [checked_text(number, text) for number, text in enumerate(texts, start)]

    def _encode(self, progress: bool) -> tuple[np.ndarray, np.ndarray]:
        # Arrays that grow in place: lists of numpy arrays would be held twice while they are concatenated.
        ids, lengths = array("H" if len(self.tokenizer) <= 2**16 else "i"), array("i")
        with tqdm(total=len(self.texts), desc="tokenise", unit="sentence", disable=not progress) as bar:
            for texts in self._chunks():
                rows = self.tokenizer(
                    texts,
                    truncation=True,
                    max_length=self.max_length,
                    return_attention_mask=False,
                    return_token_type_ids=False,
                )["input_ids"]
                for row in rows:
                    ids.fromlist(row)
                lengths.extend(map(len, rows))
                bar.update(len(rows))
        return np.asarray(ids), np.asarray(lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> tuple[int, np.ndarray]:
        start = self._starts[index]
        return index, self.ids[start : start + self.lengths[index]]

    def collate(self, items: Iterable[tuple[int, np.ndarray]]) -> "tuple[Tensor, BatchEncoding]":
        """Return the indices (B,) and the padded tokens of some items."""
        index, rows = zip(*items, strict=True)
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        return torch.tensor(index), self._padded(np.concatenate(rows), np.cumsum(lengths) - lengths, lengths)

    def batch(self, indices) -> "BatchEncoding":
        """Return the padded tokens of the sentences `indices`."""
        rows = _checks.indices("indices", indices, len(self))
        _checks.integer("number of indices", len(rows), 1)
        return self._padded(self.ids, self._starts[rows], self.lengths[rows])

    def select(self, indices) -> "Sentences":
        """Return the sentences `indices`, in this order, without tokenising them again."""
        rows = _checks.indices("indices", indices, len(self))
        part = copy(self)
        part.texts = self.texts[rows] if isinstance(self.texts, np.ndarray) else [self.texts[row] for row in rows]
        part.labels = None if self.labels is None else self.labels[rows]
        part.lengths = self.lengths[rows]
        part._starts = np.cumsum(part.lengths) - part.lengths
        shifts = np.repeat(self._starts[rows] - part._starts, part.lengths)
        part.ids = self.ids[np.arange(len(shifts)) + shifts]
        return part

    def _padded(self, ids: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> "BatchEncoding":
        from transformers import BatchEncoding

        columns = np.arange(lengths.max())
        inside = columns < lengths[:, None]
        tokens = ids.take(starts[:, None] + columns, mode="clip")  # beyond the last sentence lies padding only
        tokens = np.where(inside, tokens, self.tokenizer.pad_token_id)
        parts = {"input_ids": tokens, "attention_mask": inside}
        return BatchEncoding({name: torch.from_numpy(part.astype(np.int64)) for name, part in parts.items()})

    def __repr__(self) -> str:
        classes = f", classes={len(self.classes)}" if self.classes else ""
        return f"Sentences(n={len(self)}, max_length={self.max_length}{classes})"


def _checked(texts) -> Sequence[str] | np.ndarray:
    """Return texts as a list or array, or raise unless there are some."""
    if not (isinstance(texts, np.ndarray) and texts.ndim == 1):
        texts = _checks.listed("texts", texts, "a list of str")
    if not len(texts):
        raise ValueError("texts must hold at least one sentence, got none")
    return texts


def text_file(
    path: str | Path,
    tokenizer=None,
    max_length: int = 32,
    encoding: str = "utf-8",
    limit: int | None = None,
    progress: bool = True,
) -> Sentences:
    """Return the sentences of a plain text file, one per line; empty lines are skipped.

    Parameters
    ----------
    path : path
        A plain text file.
    tokenizer : str, path or transformers tokenizer, optional
        The tokenizer, as for `Sentences`; by default one is trained on the file (`train_tokenizer`).
    max_length, encoding, limit, progress
        Settings of `Sentences` and `read_lines`.
    """
    lines = read_lines(path, encoding, limit)
    tokenizer = train_tokenizer(lines) if tokenizer is None else tokenizer
    return Sentences(lines, tokenizer, max_length, progress=progress)


def bundled(tokenizer=None, max_length: int = 32) -> Sentences:
    """Return 20,000 noun glosses of WordNet 3.0 with their lexicographer file as label: act, animal, ..., time.

    `tokenizer` is as for `Sentences`, by default one trained on the glosses. A missing or damaged file raises.
    """
    rows = [line.split("\t") for line in bundled_file("wordnet", "glosses.tsv").decode().splitlines()]
    names, glosses = zip(*rows, strict=True)
    classes, labels = np.unique(names, return_inverse=True)
    texts = np.array(glosses, np.dtypes.StringDType())
    tokenizer = train_tokenizer(glosses) if tokenizer is None else tokenizer
    return Sentences(texts, tokenizer, max_length, labels, classes.tolist())
