"""Tokens that are kept for later processes."""

import pickle

import numpy as np
import pytest

from toolkit.datasets import text as language
from toolkit.datasets.text import Sentences
from toolkit.datasets.tokenizers import train_tokenizer

pytest.importorskip("transformers")

TEXTS = ["A man is playing a flute.", "A dog runs.", "The dog runs over the green field and barks at a man."] * 4


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TEXTS, 400)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path))
    monkeypatch.setattr(language, "MANY", 4)
    return tmp_path / "tokens"


@pytest.fixture
def no_tokenising(monkeypatch):
    def refuse(*arguments):
        raise AssertionError("tokenised again")

    return lambda: monkeypatch.setattr(Sentences, "_encode", refuse)


def same(first, second):
    assert first.ids.dtype == second.ids.dtype
    assert first.ids.tolist() == second.ids.tolist()
    assert first.lengths.tolist() == second.lengths.tolist()
    assert [first[i][1].tolist() for i in range(3)] == [second[i][1].tolist() for i in range(3)]


def test_tokens_of_many_sentences_are_kept(tokenizer, cache, no_tokenising):
    first = Sentences(TEXTS, tokenizer)
    no_tokenising()
    same(first, Sentences(TEXTS, tokenizer))
    same(first, Sentences(np.array(TEXTS, np.dtypes.StringDType()), tokenizer))
    again = train_tokenizer(TEXTS, 400)  # another object with the same rules
    same(first, Sentences(TEXTS, again))


@pytest.mark.parametrize("change", ["text", "order", "length", "vocabulary", "ends", "side"])
def test_tokens_of_other_texts_or_rules_are_others(change, tokenizer, cache):
    Sentences(TEXTS, tokenizer, max_length=8)
    texts = {"text": [*TEXTS[:-1], "Other."], "order": TEXTS[::-1]}.get(change, TEXTS)
    other = train_tokenizer(TEXTS, 300 if change == "vocabulary" else 400)
    if change == "ends":
        other.backend_tokenizer.post_processor = None
    if change == "side":
        other.truncation_side = "left"
    length = 6 if change == "length" else 8
    found = Sentences(texts, other, length)
    assert len(list(cache.iterdir())) == 2
    for path in cache.iterdir():
        path.unlink()
    same(found, Sentences(texts, other, length))


def test_tokens_of_few_sentences_and_of_foreign_tokenizers_are_not_kept(tokenizer, cache):
    class Foreign:
        pad_token_id = 0

        def __len__(self):
            return len(tokenizer)

        def __call__(self, texts, **settings):
            return tokenizer(texts, **settings)

    same(Sentences(TEXTS, Foreign()), Sentences(TEXTS[:3] * 4, tokenizer))
    Sentences(TEXTS[:3], tokenizer)
    assert len(list(cache.iterdir())) == 1, "those of the second one"


@pytest.mark.parametrize("damage", ["cut", "empty", "pickle"])
def test_damaged_tokens_are_made_again(damage, tokenizer, cache):
    first = Sentences(TEXTS, tokenizer)
    (path,) = cache.iterdir()
    path.write_bytes({"cut": path.read_bytes()[:-30], "empty": b"", "pickle": pickle.dumps(1)}[damage])
    same(first, Sentences(TEXTS, tokenizer))
    np.testing.assert_array_equal(np.load(path)["ids"], first.ids)
    np.savez(path.open("wb"), ids=first.ids[:-1], lengths=first.lengths)
    same(first, Sentences(TEXTS, tokenizer))


def test_tokens_that_cannot_be_kept_do_no_harm(tokenizer, cache):
    cache.write_text("a file where the folder should be")
    same(Sentences(TEXTS, tokenizer), Sentences(TEXTS, tokenizer))


def test_kept_tokens_do_not_let_wrong_texts_pass(tokenizer, cache):
    Sentences(TEXTS, tokenizer)
    for wrong in (3, b"A dog runs.", "\ud800"):
        with pytest.raises((TypeError, ValueError), match=r"in text|of text"):
            Sentences([*TEXTS[:-1], wrong], tokenizer)
