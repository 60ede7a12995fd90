"""Scored sentence pairs: files, gaps, the hub, and the real sets where they are."""

import sys
from types import SimpleNamespace

import pytest

from toolkit.datasets.sts import HUB, SUBSETS, TASKS, sts

SIZES = {"STS12": 1608, "STS13": 1500, "STS14": 3750, "STS15": 3000, "STS16": 0, "STSBenchmark": 1379, "SICK-R": 0}
HEADER = "score\tsentence1\tsentence2\n"


def write(root, task, subset, lines):
    path = root / "sts" / task / f"{subset}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + "".join(lines), encoding="utf-8")
    return path


def test_subsets_of_a_year_are_put_together(tmp_path):
    for i, subset in enumerate(SUBSETS["STS13"]):
        write(tmp_path, "STS13", subset, [f'{i}.5\tan "odd" {subset}\tzwölf\n'])
    (pairs,) = sts(tmp_path, ["STS13"])
    assert repr(pairs) == "ScoredPairs(STS13, n=3)"
    assert pairs.scores == (0.5, 1.5, 2.5)
    assert pairs.first == ('an "odd" FNWN', 'an "odd" headlines', 'an "odd" OnWN')
    assert pairs.second == ("zwölf",) * 3


def test_missing_subsets_and_tasks_are_named(tmp_path):
    write(tmp_path, "STS13", "OnWN", ["1\ta\tb\n"])
    pairs, sick = sts(tmp_path, ["STS13", "SICK-R"])
    assert repr(pairs) == "ScoredPairs(STS13, n=1, without FNWN, headlines)"
    assert (len(sick), sick.missing) == (0, ("all",))


def test_a_year_in_one_file(tmp_path):
    write(tmp_path, "STS12", "all", ["1\ta\tb\n", "2\tc\td\r\n"])
    (pairs,) = sts(tmp_path, ["STS12"])
    assert (pairs.second, pairs.missing) == (("b", "d"), ())


def test_split_of_the_benchmark(tmp_path):
    write(tmp_path, "STSBenchmark", "dev", ["1\ta\tb\n"])
    assert len(sts(tmp_path, ["STSBenchmark"], split="dev")[0]) == 1
    with pytest.raises(FileNotFoundError, match=r"none of STSBenchmark under .*: pass download=True"):
        sts(tmp_path, ["STSBenchmark"])


@pytest.mark.parametrize("line", ["1\ta", "five\ta\tb", "nan\ta\tb", "1\ta\tb\tc", "1\ta\t "])
def test_bad_lines_are_named(tmp_path, line):
    write(tmp_path, "SICK-R", "all", ["1\ta\tb\n", line + "\n"])
    with pytest.raises(ValueError, match=r"line 3 of .*all.tsv must be a score and two sentences, got"):
        sts(tmp_path, ["SICK-R"])


def test_a_file_without_the_header(tmp_path):
    write(tmp_path, "SICK-R", "all", []).write_text("1\ta\tb\n")
    with pytest.raises(ValueError, match="must begin with the line score<TAB>"):
        sts(tmp_path, ["SICK-R"])


def test_bad_names():
    with pytest.raises(ValueError, match=r"tasks must be one of 'STS12', .* got 'STS11'"):
        sts(tasks=["STS11"])
    with pytest.raises(ValueError, match="split must be one of 'test', 'dev', 'train', got 'validation'"):
        sts(split="validation")


@pytest.fixture
def hub(monkeypatch):
    """A hub with one pair in each set."""
    asked = []

    def load_dataset(name, split):
        asked.append((name, split))
        return {"sentence1": ["a\tb\nc", 'say "d"'], "sentence2": ["e", "f"], "score": [1.5, 4.0]}

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    return asked


def test_download_fetches_what_is_missing_once(tmp_path, hub):
    write(tmp_path, "SICK-R", "all", ["1\ta\tb\n"])
    for _ in range(2):
        tasks = sts(tmp_path, download=True)
    assert [pairs.missing for pairs in tasks] == [()] * 7
    assert hub == [(HUB[task], "test") for task in TASKS[:-1]]
    assert tasks[0].first == ("a b c", 'say "d"')
    assert tasks[-1].scores == (1,)
    sts(tmp_path, ["STSBenchmark"], split="dev", download=True)
    assert hub[-1] == ("mteb/stsbenchmark-sts", "validation")


def test_failed_download_says_where_to_put_the_file(tmp_path, monkeypatch):
    def load_dataset(name, split):
        raise ConnectionError("no network")

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    with pytest.raises(FileNotFoundError, match=r"STS16 can't be fetched .*\(no network\): put it at .*all.tsv"):
        sts(tmp_path, ["STS16"], download=True)
    assert not list(tmp_path.rglob("*.tsv"))


def test_hub_names_are_those_of_the_library():
    """The download is called as the library defines it."""
    datasets = pytest.importorskip("datasets")
    import inspect

    inspect.signature(datasets.load_dataset).bind(HUB["STS12"], split="test")
    assert list(datasets.Dataset.from_dict({"score": [1.5, 2.0]})["score"]) == [1.5, 2.0]


def test_real_sets(data_root):
    tasks = {pairs.name: pairs for pairs in sts(data_root("sts"))}
    assert {name: len(pairs) for name, pairs in tasks.items()} == SIZES
    assert {name: pairs.missing for name, pairs in tasks.items() if pairs.missing} == {
        "STS12": ("MSRpar", "MSRvid"),
        "STS16": SUBSETS["STS16"],
        "SICK-R": ("all",),
    }
    assert len(sts(data_root("sts"), ["STSBenchmark"], split="dev")[0]) == 1500
    assert len(sts(data_root("sts"), ["STSBenchmark"], split="train")[0]) == 5749
    for pairs in tasks.values():
        assert all(0 <= score <= 5 for score in pairs.scores)
