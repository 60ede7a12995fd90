"""Sentences: lines of a file, tokens, batches, the bundled glosses."""

import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from toolkit import RandomWalkBatchSampler, UniformBatchSampler
from toolkit.datasets import _files
from toolkit.datasets import text as language
from toolkit.datasets.lines import read_lines
from toolkit.datasets.text import Sentences, text_file
from toolkit.datasets.tokenizers import LONGEST_WORD, load_tokenizer, train_tokenizer

pytest.importorskip("transformers")

TEXTS = ["A man is playing a flute.", "A dog runs.", "The dog runs over the green field and barks at a man."] * 4


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TEXTS, 400)


@pytest.fixture(scope="module")
def bundled():
    return language.bundled()


def write(folder, content):
    path = folder / "text.txt"
    path.write_bytes(content)
    return path


# Lines


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_lines_are_read_as_strings_in_one_array(tmp_path, texts):
    # All in printable ASCII, and \0 in the middle, which ends a string in other arrays.
    texts = [f"<{text.encode('unicode-escape').decode()}\0ö文>" for text in texts]
    lines = read_lines(write(tmp_path, "\n".join(texts).encode()))
    assert list(lines) == texts
    assert list(lines[1:4]) == texts[1:4]
    assert all(type(line) is str for line in (lines[0], lines[-1], *lines[:3], *pickle.loads(pickle.dumps(lines))))


def test_empty_lines_and_white_space_go(tmp_path):
    path = write(tmp_path, "\ufeffone\r\n\n  \n\t zwölf \nlast".encode())
    assert list(read_lines(path)) == ["one", "zwölf", "last"]
    assert list(read_lines(path, limit=2)) == ["one", "zwölf"]


def test_bytes_of_another_encoding_are_named_by_line_and_position(tmp_path):
    path = write(tmp_path, "one\ntwo\nzw\xf6lf\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"line 3 of .*text.txt is not utf-8 \(byte 0xf6 at position 2\).*encoding="):
        read_lines(path)
    assert list(read_lines(path, encoding="latin-1"))[2] == "zwölf"


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"limit": 0}, ValueError, "limit must be at least 1, got 0"),
        ({"limit": 1.5}, TypeError, "limit must be an integer at least 1, got 1.5"),
        ({"encoding": "utf-9"}, ValueError, "encoding must be one that Python knows, such as 'latin-1', got 'utf-9'"),
    ],
)
def test_settings_that_make_no_sense_are_named(tmp_path, settings, error, message):
    with pytest.raises(error, match=message):
        read_lines(write(tmp_path, b"one\ntwo"), **settings)


def test_no_file_and_no_text(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*absent.txt: give the path of a plain text file"):
        read_lines(tmp_path / "absent.txt")
    with pytest.raises(ValueError, match=r"path must be a text file .* which has no text"):
        read_lines(write(tmp_path, b"\n \n"))


# Tokenizers


def test_trained_tokenizer_knows_every_text(tokenizer):
    ids = tokenizer("A DOG runs, zwölf 文!")["input_ids"]
    assert tokenizer.decode(ids) == "[CLS] a dog runs, zwolf  文 ![SEP]"
    assert len(tokenizer.tokenize("The dog runs")) == 3, "words it was trained on are whole"
    assert tokenizer.pad_token_id == 0
    assert len(tokenizer) <= 400


def test_trained_tokenizer_is_the_same_each_time_and_can_be_kept(tokenizer, tmp_path):
    assert train_tokenizer(iter(TEXTS), 400).get_vocab() == tokenizer.get_vocab()
    tokenizer.save_pretrained(tmp_path)
    kept = load_tokenizer(tmp_path)
    assert kept(TEXTS)["input_ids"] == tokenizer(TEXTS)["input_ids"]
    with pytest.raises(ValueError, match="vocab_size must be at least 300, got 5"):
        train_tokenizer(TEXTS, 5)


def test_missing_folder_of_a_tokenizer(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*absent: give one that holds a transformers model"):
        text_file(write(tmp_path, b"one"), tmp_path / "absent", progress=False)


# Sentences


def test_batches_are_those_of_the_tokenizer(tokenizer):
    sentences = Sentences(TEXTS, tokenizer, max_length=8)
    index, tokens = sentences.collate([sentences[i] for i in (2, 1, 4)])
    expected = tokenizer(
        [TEXTS[i] for i in (2, 1, 4)], truncation=True, max_length=8, padding=True, return_tensors="pt"
    )
    assert index.tolist() == [2, 1, 4]
    for name in ("input_ids", "attention_mask"):
        torch.testing.assert_close(tokens[name], expected[name])
        torch.testing.assert_close(sentences.batch([2, 1, 4])[name], expected[name])
    assert sentences.lengths[[1, 2]].tolist() == [6, 8]


def test_batches_are_padded_to_their_longest(tokenizer):
    sentences = Sentences(TEXTS, tokenizer)
    _, tokens = sentences.collate([sentences[1], sentences[4]])
    assert tokens["input_ids"].shape == (2, sentences.lengths[1])
    assert tokens["attention_mask"].all()


def test_sentences_in_a_loader_and_in_workers(tokenizer):
    sentences = Sentences(TEXTS, tokenizer)
    for workers in (0, 2):
        sampler = UniformBatchSampler(len(sentences), 4, seed=1)
        loader = DataLoader(sentences, batch_sampler=sampler, collate_fn=sentences.collate, num_workers=workers)
        seen = [(index, tokens) for index, tokens in loader]
        assert sorted(torch.cat([index for index, _ in seen]).tolist()) == list(range(12))
        for index, tokens in seen:
            assert tokens["attention_mask"].sum(1).tolist() == sentences.lengths[index].tolist()


def test_selected_sentences_keep_their_tokens(tokenizer):
    for texts in (TEXTS, np.array(TEXTS, np.dtypes.StringDType())):
        sentences = Sentences(texts, tokenizer, labels=np.arange(12))
        part = sentences.select([5, 2, 2, 0])
        assert list(part.texts) == [TEXTS[i] for i in (5, 2, 2, 0)]
        assert part.labels.tolist() == [5, 2, 2, 0]
        assert len(part.ids) == part.lengths.sum()
        torch.testing.assert_close(part.batch([1, 3])["input_ids"], sentences.batch([2, 0])["input_ids"])
        assert part[2][1].tolist() == sentences[2][1].tolist()
        assert len(sentences) == 12


def test_a_line_of_ten_thousand_words_is_cut(tmp_path, tokenizer):
    path = write(tmp_path, b"a dog runs\n" + b"dog " * 10_000 + b"\na man")
    sentences = text_file(path, tokenizer, max_length=16, progress=False)
    assert sentences.lengths.tolist() == [5, 16, 4]
    assert sentences[1][1][-1] == tokenizer.sep_token_id


def test_ids_are_small_where_the_vocabulary_allows(tokenizer):
    assert Sentences(TEXTS, tokenizer).ids.dtype == np.uint16
    large = train_tokenizer(TEXTS, 400)
    large.add_tokens([f"word{i}" for i in range(2**16)])
    sentences = Sentences(["word65535 runs"], large)
    assert sentences.ids.dtype == np.int32
    assert large.convert_tokens_to_ids("word65535") in sentences[0][1]


def test_text_file_trains_a_tokenizer_of_its_own(tmp_path):
    sentences = text_file(write(tmp_path, "\n".join(TEXTS).encode()), progress=False)
    assert len(sentences.tokenizer.tokenize("flute")) == 1
    assert sentences.tokenizer.decode(sentences[1][1]) == "[CLS] a dog runs.[SEP]"


def test_bad_arguments(tokenizer):
    with pytest.raises(ValueError, match="texts must hold at least one sentence"):
        Sentences([], tokenizer)
    with pytest.raises(ValueError, match=r"labels must have shape \(12,\), one per sentence, got \(2,\)"):
        Sentences(TEXTS, tokenizer, labels=[0, 1])
    with pytest.raises(ValueError, match="max_length must be at least 4"):
        Sentences(TEXTS, tokenizer, max_length=2)
    bare = train_tokenizer(TEXTS, 400)
    bare.pad_token = None
    with pytest.raises(ValueError, match="tokenizer has no token to pad with"):
        Sentences(TEXTS, bare)
    bare = train_tokenizer(TEXTS, 400)
    bare.backend_tokenizer.post_processor = None
    with pytest.raises(ValueError, match="texts must have tokens, got none in text 1"):
        Sentences(["a dog", ""], bare)


# The bundled set


def test_bundled_glosses(bundled):
    assert repr(bundled) == "Sentences(n=20000, max_length=32, classes=25)"
    assert len(bundled.texts) == len(set(bundled.texts)) == len(bundled.labels) == 20_000
    assert bundled.classes[:3] == ("act", "animal", "artifact")
    assert set(bundled.labels) == set(range(25))
    assert all(len(text.split()) >= 4 for text in bundled.texts)
    dogs = [i for i, text in enumerate(bundled.texts) if "breed of" in text and "dog" in text]
    assert len(dogs) > 10
    assert {bundled.classes[label] for label in bundled.labels[dogs]} == {"animal"}


def test_bundled_tokens_say_the_glosses(bundled):
    for i in np.flatnonzero(bundled.lengths < 32)[:500]:
        words = bundled.tokenizer.decode(bundled[i][1], skip_special_tokens=True)
        assert words.strip() == bundled.texts[i].lower()


def test_damaged_glosses(tmp_path, monkeypatch):
    folder = tmp_path / "wordnet"
    shutil.copytree(_files.bundled_folder() / "wordnet", folder)
    monkeypatch.setattr(_files, "bundled_folder", lambda: tmp_path)
    with open(folder / "glosses.tsv", "a") as file:
        file.write("act\tone more\n")
    with pytest.raises(ValueError, match=r"glosses.tsv is damaged"):
        language.bundled()


def test_bundled_glosses_are_what_build_makes():
    script = _files.bundled_folder() / "build.py"
    result = subprocess.run([sys.executable, str(script), "--check", "wordnet"], capture_output=True, text=True)
    if "apt-get install" in result.stderr:
        pytest.skip(result.stderr.strip())
    assert result.returncode == 0, result.stderr


# Large text

MEASURE = """
import re, sys
from pathlib import Path
from toolkit.datasets import text as language
from toolkit.datasets.tokenizers import train_tokenizer
path, out = sys.argv[1:]

def peak():
    # getrusage would count the memory of the parent, from before this program was started in the child.
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])

tokenizer = train_tokenizer(language.read_lines(path, limit=20_000))
before = peak()
sentences = language.text_file(path, tokenizer, progress=True)
print(len(sentences), before, peak())
"""


@pytest.mark.slow
def test_a_million_real_sentences_take_less_than_a_gigabyte(data_root, tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path))
    source = data_root("text") / "text" / "wiki_sentences.txt"
    double = tmp_path / "double.txt"
    double.write_bytes(2 * source.read_bytes())
    result = subprocess.run(
        [sys.executable, "-c", MEASURE, str(double), str(tmp_path)], capture_output=True, text=True, check=True
    )
    n, _, peak = map(int, result.stdout.split())
    assert n == 1_000_000
    assert peak < 2**20, f"{peak / 2**10:.0f} MB at the peak, libraries included"
    assert "tokenise: 100%" in result.stderr


@pytest.mark.slow
def test_half_a_million_real_sentences_are_embedded_and_graphed(data_root, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path))
    from toolkit.evaluation import embed
    from toolkit.models import SimCSE
    from toolkit.models.text_encoders import small_bert

    lines = read_lines(data_root("text") / "text" / "wiki_sentences.txt")
    tokenizer = train_tokenizer(lines[:20_000])
    sentences = Sentences(lines, tokenizer, max_length=16, progress=True)
    model = SimCSE(small_bert(len(tokenizer), n_layers=1), pooling="mean")
    embeddings, _ = embed(model, sentences, progress=True)
    sampler = RandomWalkBatchSampler.from_embeddings(embeddings, batch_size=64)
    batches = [batch for batch, _ in zip(sampler, range(3), strict=False)]
    assert len(sampler.bank.vectors) == len(sentences) == 500_000
    assert sampler.graph.neighbors.shape == (500_000, 100)
    assert all(len(set(batch)) == 64 for batch in batches)
    shown = capfd.readouterr().err
    assert "tokenise" in shown
    assert "embed" in shown
    assert "<" in shown, "the time left"


def test_a_word_of_a_megabyte_takes_no_more_than_its_first_letters():
    word, tokenizer = "letters" * 150_000, train_tokenizer(["letters before and after"], 300)
    long = Sentences([f"before {word} after"], tokenizer, max_length=16)
    short = Sentences([f"before {word[:LONGEST_WORD]} after"], tokenizer, max_length=16)
    assert long.ids.tolist() == short.ids.tolist()
    assert len(train_tokenizer([f"{word} {i}" for i in range(3)], 300)) >= 250
