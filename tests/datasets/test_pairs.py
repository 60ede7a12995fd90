"""Pairs: batches, retrieval sets, splits of texts, the bundled reverse dictionary."""

import re
import subprocess
import sys
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from toolkit import UniformBatchSampler
from toolkit.datasets import _files, pairs, vision
from toolkit.datasets.pair_sets import split_pairs
from toolkit.datasets.pairs import Pairs, RetrievalSet
from toolkit.datasets.text import Sentences
from toolkit.datasets.tokenizers import train_tokenizer

pytest.importorskip("transformers")

TEXTS = ["a dog runs", "the dog runs over the green field", "a man", "a cat sat on the mat"]
WORDNET = Path("/usr/share/wordnet/data.noun")


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TEXTS * 2, 400)


@pytest.fixture(scope="module")
def dictionary():
    return pairs.bundled()


@pytest.fixture(scope="module")
def hypernyms(dictionary):
    return pairs.bundled("hypernym", dictionary.train.queries.tokenizer)


def right_texts(data, i):
    return {data.targets.texts[row] for row in data.relevant[i]}


# Pairs


def test_a_loader_gives_both_sides_of_the_same_rows(tokenizer):
    sentences = Sentences(TEXTS, tokenizer)
    images = vision.Images(torch.arange(4, dtype=torch.uint8)[:, None, None, None].expand(4, 1, 2, 2), None)
    for workers in (0, 2):
        data = Pairs(sentences, images, groups=["x", "y", "x", "z"])
        loader = DataLoader(
            data, batch_sampler=UniformBatchSampler(4, 2, seed=3), collate_fn=data.collate, num_workers=workers
        )
        seen = []
        for index, queries, targets in loader:
            seen += index.tolist()
            assert index.dtype == torch.int64
            torch.testing.assert_close(targets, images.batch(index))
            torch.testing.assert_close(queries["input_ids"], sentences.batch(index)["input_ids"])
            assert all(hasattr(part, "to") for part in (index, queries, targets))
        assert sorted(seen) == [0, 1, 2, 3]
    assert data.groups.tolist() == [0, 1, 0, 2]
    assert repr(data) == "Pairs(n=4, groups=3)"


def test_an_item_is_a_batch_of_one():
    rows = torch.randn(5, 3)
    index, query, target = Pairs(rows, -rows)[3]
    assert index.tolist() == [3]
    torch.testing.assert_close(query, rows[3:4])
    torch.testing.assert_close(target, -rows[3:4])


def test_wrong_sides_and_groups():
    rows = torch.zeros(4, 2)
    with pytest.raises(ValueError, match="queries and targets must have the same length, got 4 and 3"):
        Pairs(rows, rows[:3])
    with pytest.raises(
        TypeError, match=r"targets must be a tensor .* or a data set with .* batch\(indices\).* got list"
    ):
        Pairs(rows, [1, 2, 3, 4])
    with pytest.raises(TypeError, match=r"queries must be a tensor .* got Tensor"):
        Pairs(torch.tensor(4), rows)
    with pytest.raises(ValueError, match=r"groups must have shape \(4,\), one per instance, got \(3,\)"):
        Pairs(rows, rows, groups=[0, 1, 2])
    with pytest.raises(ValueError, match="groups must be given for each pair, got none for pair 2"):
        Pairs(rows, rows, groups=[0, 1, -1, 0])


# Retrieval sets


def test_one_or_several_right_targets():
    data = RetrievalSet(torch.zeros(3, 2), torch.zeros(5, 2), relevant=[4, [0, 2], np.array([1])])
    assert [row.tolist() for row in data.relevant] == [[4], [0, 2], [1]]
    assert all(row.dtype == np.int64 for row in data.relevant)
    assert repr(data) == "RetrievalSet(queries=3, targets=5)"


def test_wrong_right_targets():
    queries, pool = torch.zeros(3, 2), torch.zeros(5, 2)
    with pytest.raises(ValueError, match="at least one right target of each query, got none for query 1"):
        RetrievalSet(queries, pool, [[0], [], []])
    with pytest.raises(IndexError, match=r"relevant\[2\] must lie in \[0, 5\), got 5"):
        RetrievalSet(queries, pool, [[0], [1], [2, 5]])
    with pytest.raises(ValueError, match="right targets of each of the 3 queries, got 2"):
        RetrievalSet(queries, pool, [[0], [1]])


# Splits


@pytest.mark.parametrize("seed", range(20))
def test_no_twin_lies_on_another_side(seed):
    rng = np.random.default_rng(seed)
    queries, targets = ([f"{name}{i}" for i in rng.integers(0, 120, 60)] for name in "qt")
    group_of = rng.integers(-1, 120, 60)
    queries += queries[:3]  # copies, in other groups
    targets += targets[:3]
    group_of = [*group_of, *rng.integers(0, 80, 3)]
    data = split_pairs(queries, targets, groups=group_of, n_dev=2, n_test=3, seed=seed)
    side = dict.fromkeys(data.train.queries.texts, 0)
    side |= dict.fromkeys(data.dev.queries.texts, 1) | dict.fromkeys(data.test.queries.texts, 2)
    assert set(side) == set(queries)
    assert (len(data.dev.queries), len(data.test.queries)) == (2, 3)
    for (q1, t1, g1), (q2, t2, g2) in combinations(zip(queries, targets, group_of, strict=True), 2):
        if q1 == q2 or t1 == t2 or g1 == g2 >= 0:
            assert side[q1] == side[q2]
    right = defaultdict(set)
    for query, target in zip(queries, targets, strict=True):
        right[query].add(target)
    for part in (data.dev, data.test):
        assert part.targets is data.test.targets
        for i, query in enumerate(part.queries.texts):
            assert right_texts(part, i) == right[query]
    pool = data.test.targets.texts.tolist()
    assert len(pool) == len(set(pool))
    assert set(pool) == set(targets)
    trained = list(zip(data.train.queries.texts, data.train.targets.texts, strict=True))
    expected = {pair for pair in zip(queries, targets, strict=True) if side[pair[0]] == 0}
    assert len(trained) == len(expected)
    assert set(trained) == expected


def test_twins_of_a_chain_share_a_group():
    texts = [("a", "1"), ("a", "2"), ("b", "2"), ("c", "3"), ("c", "3"), ("d", "4")] + [
        (f"x{i}", f"y{i}") for i in range(20)
    ]
    data = split_pairs(*zip(*texts, strict=True), n_dev=1, n_test=1, seed=2)
    group = dict(zip(data.train.queries.texts, data.train.groups, strict=True))
    assert {"a", "b", "c", "d"} <= set(group), "of this seed"
    assert group["a"] == group["b"]
    assert len({group["b"], group["c"], group["d"]}) == 3
    assert list(data.train.queries.texts).count("c") == 1, "a copy of a pair goes"


def test_sizes_by_default_and_too_few():
    texts = [f"text {i}" for i in range(50)]
    with pytest.raises(ValueError, match="queries and targets must have the same length, got 50 and 49"):
        split_pairs(texts, texts[1:])
    data = split_pairs(texts, texts)
    assert repr(data) == "PairData(train=40, dev=5, test=5, targets=50)"
    with pytest.raises(
        ValueError, match=r"n_test must be the number of .* whole groups, got 50 of 50 distinct queries in 50 groups"
    ):
        split_pairs(texts, texts, n_test=50)
    with pytest.raises(ValueError, match="n_dev and n_test must leave pairs to train on"):
        split_pairs(texts, texts, n_dev=25, n_test=25)
    with pytest.raises(
        ValueError, match=r"n_dev must be the number of .* whole groups, got 2 of 50 distinct queries in 1 groups"
    ):
        split_pairs(texts, ["the same"] * 50, n_dev=2)


def test_a_seed_gives_the_same_split():
    texts = [f"text {i}" for i in range(50)]
    first, again, other = (split_pairs(texts, texts, seed=seed).test.queries.texts.tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_a_given_tokenizer_and_length(tokenizer):
    texts = [f"the dog runs over the green field {i}" for i in range(20)]
    data = split_pairs(texts, texts, tokenizer, 8)
    assert data.test.queries.tokenizer is data.train.targets.tokenizer is tokenizer
    assert set(data.train.queries.lengths) == set(data.test.targets.lengths) == {8}
    assert data.train.queries[0][1][0] == tokenizer.cls_token_id


# The reverse dictionary


def test_dictionary(dictionary):
    assert len(dictionary.train) >= 50_000
    assert (len(dictionary.dev.queries), len(dictionary.test.queries)) == (3000, 5000)
    assert dictionary.source == "WordNet 3.0"
    assert dictionary.dev.targets is dictionary.test.targets
    index, queries, targets = dictionary.train.__getitems__([5, 7])
    assert index.tolist() == [5, 7]
    tokenizer = dictionary.train.queries.tokenizer
    for side, tokens in ((dictionary.train.queries, queries), (dictionary.train.targets, targets)):
        words = tokenizer.decode(tokens["input_ids"][0], skip_special_tokens=True)
        assert words.strip() == side.texts[5].lower()
        assert not {tokenizer.cls_token_id, tokenizer.sep_token_id} & set(tokens["input_ids"].flatten().tolist())


def test_dictionary_never_has_a_twin_on_another_side(dictionary):
    data = dictionary
    queries = [set(part.queries.texts) for part in (data.train, data.dev, data.test)]
    targets = [set(data.train.targets.texts)]
    targets += [
        {text for i in range(len(part.relevant)) for text in right_texts(part, i)} for part in (data.dev, data.test)
    ]
    for sides in (queries, targets):
        assert all(one.isdisjoint(other) for one, other in combinations(sides, 2))
    assert set.union(*targets) == set(data.test.targets.texts)
    assert len(data.test.targets.texts) == len(set(data.test.targets.texts))


@pytest.mark.parametrize("target", ["words", "hypernym"])
def test_dictionary_says_what_wordnet_says(target, dictionary, hypernyms):
    if not WORDNET.is_file():
        pytest.skip(f"no {WORDNET}: apt-get install wordnet-base")
    data = dictionary if target == "words" else hypernyms
    lines = [line for line in WORDNET.read_text().splitlines() if line[0].isdigit()]
    pattern = re.compile(r"(\d{8}) \d\d n (\w\w) ((?:\S+ \w )+)\d{3} (.*)\| ")
    words, above = {}, {}
    for line in lines:
        offset, count, names, pointers = pattern.match(line).groups()
        words[offset] = ", ".join(names.split()[::2]).replace("_", " ")
        assert len(names.split()) == 2 * int(count, 16)
        above[offset] = re.findall(r"@i? (\d{8}) n", pointers)
    expected = defaultdict(set)
    for line in lines:
        parents = "; ".join(words[parent] for parent in above[line[:8]])
        gloss = line.split(" | ", 1)[1]
        text = f"{words[line[:8]]}: {parents}" if target == "words" else parents
        expected[re.split(r'[;:]\s*"', gloss)[0].strip(" ;:")].add(text)
    for part in (data.dev, data.test):
        for i, query in enumerate(part.queries.texts):
            assert right_texts(part, i) == expected[query] - {""}


def test_hypernyms_are_shared(hypernyms):
    data = hypernyms
    assert len(data.train) >= 50_000
    assert set(data.train.queries.texts).isdisjoint(data.test.queries.texts)
    texts, codes, counts = np.unique(data.train.targets.texts, return_inverse=True, return_counts=True)
    assert counts[counts > 1].sum() / counts.sum() > 0.9
    assert len(np.unique(codes * len(codes) + data.train.groups)) == len(texts) == data.train.groups.max() + 1
    with pytest.raises(ValueError, match="target must be one of 'words', 'hypernym', got 'word'"):
        pairs.bundled("word")


def test_bundled_dictionary_is_small_and_what_build_makes():
    folder = _files.bundled_folder()
    assert (folder / "dictionary" / "nouns.tsv.bz2").stat().st_size < 4e6
    command = [sys.executable, str(folder / "build.py"), "--check", "dictionary"]
    result = subprocess.run(command, capture_output=True, text=True)
    if "apt-get install" in result.stderr:
        pytest.skip(result.stderr.strip())
    assert result.returncode == 0, result.stderr


def test_first_queries_of_any_side_keep_the_pool():
    images = vision.bundled().test
    held_out = RetrievalSet(images, torch.zeros(7, 3), relevant=[[i % 7] for i in range(len(images))])
    some = held_out.first(5)
    assert (len(some.queries), len(some.targets), len(some.relevant)) == (5, 7, 5)
    assert torch.equal(some.queries.batch([3, 1]), images.batch([3, 1]))
    assert len(held_out.first(10**6).queries) == len(images)
