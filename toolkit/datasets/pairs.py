"""Pairs of a query and its target, for training with in-batch negatives and for retrieval.

Every loader returns a `PairData`.

>>> from torch.utils.data import DataLoader
>>> from toolkit import UniformBatchSampler
>>> from toolkit.datasets import pairs
>>> data = pairs.code("tqdm", n_dev=10, n_test=10)
>>> sampler = UniformBatchSampler(len(data.train), batch_size=16, groups=data.train.groups)
>>> index, queries, targets = next(iter(DataLoader(data.train, batch_sampler=sampler, collate_fn=data.train.collate)))
>>> index.shape, sorted(queries)
(torch.Size([16]), ['attention_mask', 'input_ids'])

`bundled` needs no further files, `code` reads installed Python sources, and `read` reads your own file.
"""

import bz2

from toolkit import _checks
from toolkit.datasets._files import bundled_file
from toolkit.datasets.code_pairs import code
from toolkit.datasets.pair_files import read
from toolkit.datasets.pair_sets import PairData, Pairs, RetrievalSet, split_pairs

__all__ = ["PairData", "Pairs", "RetrievalSet", "bundled", "code", "read"]


def bundled(target: str = "words", tokenizer=None, max_length: int = 32) -> PairData:
    """Return a reverse dictionary of the nouns of WordNet 3.0: definitions with the words that they define.

    3,000 development and 5,000 test queries, drawn with seed 0; the pool holds all distinct targets.

    Parameters
    ----------
    target : {"words", "hypernym"}
        What the target of a definition is: the words of its synset, then those of the synset's direct hypernyms, as in
        "cat, true cat: feline, felid"; or only the hypernyms' words, which nine of ten definitions share with others,
        so that batches hold many false negatives. Equal targets never lie on two sides of the split with "words"; with
        "hypernym" they do.
    tokenizer : str, path or transformers tokenizer, optional
        Tokenizer of both sides, as for `Sentences`; by default one trained on the training pairs, without special
        tokens at the ends.
    max_length : int
        Largest number of tokens of a text; longer ones are cut.

    Raises
    ------
    FileNotFoundError, ValueError
        If the bundled file is missing or damaged.

    Examples
    --------
    >>> from toolkit.datasets import pairs
    >>> data = pairs.bundled()
    >>> data
    PairData(train=74060, dev=3000, test=5000, targets=81724)
    >>> data.test.queries.texts[0], data.test.targets.texts[data.test.relevant[0][0]]
    ('a living (or once living) entity', 'living thing, animate thing: whole, unit')
    """
    _checks.choice("target", target, ("words", "hypernym"))
    content = bz2.decompress(bundled_file("dictionary", "nouns.tsv.bz2")).decode()
    rows = [line.split("\t") for line in content.splitlines()]
    words = [names.replace(" ", ", ").replace("_", " ") for _, names, _ in rows]
    queries, targets = [], []
    for own, (hypernyms, _, definition) in zip(words, rows, strict=True):
        above = "; ".join(words[int(row)] for row in hypernyms.split())
        text = above if target == "hypernym" else f"{own}: {above}" if above else own
        if text and definition:
            queries.append(definition)
            targets.append(text)
    return split_pairs(
        queries,
        targets,
        tokenizer,
        max_length,
        n_dev=3000,
        n_test=5000,
        by="group" if target == "words" else "query",
        source="WordNet 3.0",
    )
