"""Pairs in one's own files."""

import numpy as np
import pandas as pd
import pytest

from toolkit.datasets import pair_files, pairs

pytest.importorskip("transformers")
datasets = pytest.importorskip("datasets")

N = 60
TABLE = pd.DataFrame(
    {
        "question": [f'what is "number {i}"?' for i in range(N)],
        "answer": ["NA", "null", *(f"the answer, {i}" for i in range(2, N))],
        "product": [i // 3 for i in range(N)],
    }
)
COLUMNS = {"query": "question", "target": "answer", "group": "product"}


def write(folder, name):
    path = folder / name
    if ".tsv" in name:
        TABLE.to_csv(path, sep="\t", index=False, quoting=3)
    elif ".csv" in name:
        TABLE.to_csv(path, index=False)
    elif "json" in name:
        TABLE.to_json(path, orient="records", lines=True)
    else:
        TABLE.to_parquet(path)
    return path


@pytest.mark.parametrize("chunk", [7, 10_000])
@pytest.mark.parametrize("name", ["a.tsv", "a.csv", "a.jsonl", "a.b[1].ndjson", "a.parquet", "a.tsv.gz", "a.jsonl.xz"])
def test_all_kinds_of_files_read_alike(tmp_path, monkeypatch, name, chunk):
    monkeypatch.setattr(pair_files, "CHUNK", chunk)
    check(pairs.read(write(tmp_path, name), **COLUMNS), name)


def test_dataset():
    data = datasets.Dataset.from_pandas(TABLE)
    check(pairs.read(data, **COLUMNS), repr(data))


def check(data, source):
    answers = dict(zip(TABLE["question"], TABLE["answer"], strict=True))
    products = dict(zip(TABLE["question"], TABLE["product"], strict=True))
    assert repr(data) == "PairData(train=48, dev=6, test=6, targets=60)"
    assert data.source == source
    sides = [data.train.queries.texts, data.dev.queries.texts, data.test.queries.texts]
    assert sorted(np.concatenate(sides)) == sorted(answers)
    owners = [{products[question] for question in side} for side in sides]
    assert sum(map(len, owners)) == len(set.union(*owners)), "a product is on one side"
    assert [answers[question] for question in sides[0]] == data.train.targets.texts.tolist()
    for part in (data.dev, data.test):
        found = [part.targets.texts[rows].tolist() for rows in part.relevant]
        assert found == [[answers[question]] for question in part.queries.texts]


def test_split_of_a_file(tmp_path):
    path = write(tmp_path, "a.tsv")
    data = pairs.read(path, "question", "answer", n_dev=3, n_test=9, seed=4)
    assert repr(data) == "PairData(train=48, dev=3, test=9, targets=60)"
    again = pairs.read(path, "question", "answer", n_dev=3, n_test=9, seed=4)
    assert data.test.queries.texts.tolist() == again.test.queries.texts.tolist()


@pytest.mark.parametrize("name", ["a.tsv", "a.jsonl", "a.parquet"])
def test_missing_column(tmp_path, name):
    path = write(tmp_path, name)
    with pytest.raises(ValueError, match=rf"{name} has no column 'query', only 'question', 'answer', 'product': name"):
        pairs.read(path)
    with pytest.raises(ValueError, match="has no column 'brand'"):
        pairs.read(path, "question", "answer", "brand")


def test_empty_texts_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(pair_files, "CHUNK", 2)
    path = tmp_path / "a.tsv"
    path.write_text("query\ttarget\na\tb\na\tb\na\tb\n  \tb\n")
    with pytest.raises(ValueError, match=r"column 'query' of .* must have a text in each row, got '  ' in row 3"):
        pairs.read(path)
    path.write_text("query\ttarget\na\tb\na\n")
    with pytest.raises(ValueError, match=r"column 'target' of .* must have a text in each row, got .* in row 1"):
        pairs.read(path)
    path = tmp_path / "a.jsonl"
    path.write_text('{"query": "a", "target": "b"}\n{"query": "a", "target": null}\n')
    with pytest.raises(ValueError, match=r"column 'target' of .* must have a text in each row, got None in row 1"):
        pairs.read(path)


@pytest.mark.parametrize("row", [1, 2, 5])
@pytest.mark.parametrize(("name", "mark"), [("a.csv", ","), ("a.tsv", "\t")])
def test_too_many_fields_are_not_cut(tmp_path, monkeypatch, name, mark, row):
    monkeypatch.setattr(pair_files, "CHUNK", 2)
    lines = [mark.join(("query", "target")), *(mark.join((f"question {i}", f"answer {i}")) for i in range(1, 8))]
    lines[row] += f"{mark} and more text"
    (tmp_path / name).write_text("\n".join(lines))
    with pytest.raises(ValueError, match=rf"{name} can't be read, is it damaged\? Parser"):
        pairs.read(tmp_path / name)


def test_no_file_other_files_and_no_rows(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*a.tsv: give the path"):
        pairs.read(tmp_path / "a.tsv")
    for name in ("a.txt", "a", "a.parquet.gz"):
        with pytest.raises(
            ValueError, match=rf"path must end in .tsv, .csv, .* or be a datasets.Dataset, got '{name}'"
        ):
            pairs.read(tmp_path / name)
    for name, content in (("b.tsv", ""), ("b.jsonl", ""), ("c.tsv", "query\ttarget\n")):
        (tmp_path / name).write_text(content)
        with pytest.raises(ValueError, match=f"{name} must have rows, got none"):
            pairs.read(tmp_path / name)
