"""Tokenizers: from a given model, or trained on the user's own text."""

import json
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

from toolkit import _checks
from toolkit.datasets.hub import from_pretrained

LONGEST_WORD = 10_000  # characters; of longer words the rest does not count
SPECIAL = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}


def load_tokenizer(name: str | Path):
    """Return the tokenizer of a model, by its folder or its name on the hub; see `from_pretrained` for errors."""
    from transformers import AutoTokenizer

    return from_pretrained(AutoTokenizer, name)


def train_tokenizer(texts: Iterable[str], vocab_size: int = 8000):
    """Return a lower-case tokenizer whose vocabulary is learned from `texts` by byte-pair encoding.

    Nothing is downloaded. Any text can be encoded, byte by byte if need be, so that no word is unknown; the same texts
    give the same vocabulary. The result is a transformers tokenizer: ``save_pretrained(folder)`` keeps it.

    Parameters
    ----------
    texts : iterable of str
        Texts to learn from, read once.
    vocab_size : int
        Largest number of pieces, at least 300. Pieces seen only once are left out.

    Examples
    --------
    >>> from toolkit.datasets.tokenizers import train_tokenizer
    >>> tokenizer = train_tokenizer(["the cat sat on the mat", "the cat ran"], vocab_size=300)
    >>> tokenizer.decode(tokenizer("The cat")["input_ids"])
    '[CLS] the cat[SEP]'
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    vocab_size = _checks.integer("vocab_size", vocab_size, 300, most=2**31)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        special_tokens=list(SPECIAL.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_strings(texts), trainer)
    ids = {token: tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]")}
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=list(ids.items())
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **SPECIAL)


def encoding_rules(tokenizer) -> list | None:
    """Return the settings that determine how a tokenizer encodes a text, as JSON; None if it does not reveal them."""
    if not type(tokenizer).__module__.startswith("transformers.") or not hasattr(tokenizer, "backend_tokenizer"):
        return None
    rules = json.loads(tokenizer.backend_tokenizer.to_str())
    rules |= {"truncation": None, "padding": None}  # those of its last call
    return [repr(tokenizer), rules, version("tokenizers"), version("transformers")]


def _strings(texts: Iterable[str]) -> Iterator[str]:
    """Yield the texts, or raise unless all are str."""
    for number, text in enumerate(_checks.iterated("texts", texts, "several str")):
        yield checked_text(number, text)


def checked_text(number: int, text) -> str:
    """Return a text, its longest words cut, or raise unless it is one that can be encoded."""
    if not isinstance(text, str):
        raise TypeError(f"texts must be str, got {type(text).__name__} in text {number}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"texts must be valid Unicode, got a lone surrogate (half a character) at position {error.start} of text "
            f"{number}: read the file with another encoding, or leave it out"
        ) from None
    # Byte-pair encoding takes time that grows with the square of a word's length.
    return text if len(text) <= LONGEST_WORD else re.sub(rf"(\S{{{LONGEST_WORD}}})\S+", r"\1", text)
