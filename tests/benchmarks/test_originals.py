"""Published plans as described: valid epochs, as hard as those of our samplers, and the table of what both cost."""

import numpy as np
import pandas as pd
import pytest
from reference import cosine
from sampler_kinds import normal, unit

from benchmarks import originals, published_plans, rivals
from toolkit.metrics import batch_hardness

OVERLAP = {"batchsampler", "knn"}  # batches that may share instances
# How much the hardness of both may differ, as means over three seeds. The cells of k-means have unequal sizes, so that
# batches cut from them hold parts of several: 0.06 to 0.13 easier here.
BOUNDS = dict.fromkeys(originals.ORIGINALS, 0.02) | {"cde": 0.15}
N, B = 2048, 32  # a power of two of clusters, the only numbers that NGAME makes


@pytest.fixture(scope="module")
def points():
    return unit(rivals.mixture(N)[0])


@pytest.mark.parametrize("name", originals.ORIGINALS)
def test_an_epoch_is_valid_and_as_hard_as_ours(name, points):
    hardness = []
    for seed in range(3):
        works = originals.plans(name, points, B, seed)
        batches = works["original"]()
        assert len(batches) == N // B
        assert all(len(set(batch)) == B for batch in batches)
        members = np.concatenate(batches)
        assert members.min() >= 0
        assert members.max() < N
        assert name in OVERLAP or len(np.unique(members)) == N
        hardness.append([batch_hardness(each, points).value for each in (batches, works["ours"]())])
    theirs, ours = np.mean(hardness, axis=0)
    assert theirs == pytest.approx(ours, abs=BOUNDS[name])
    assert min(theirs, ours) > 0.2  # that of a shuffle is 0.1 here


@pytest.mark.parametrize("name", originals.ORIGINALS)
def test_an_epoch_of_a_size_that_nothing_divides(name):
    batches = originals.plans(name, unit(rivals.mixture(2011)[0]), B, 0)["original"]()
    assert len(batches) == 2011 // B
    assert all(len(set(batch)) == B for batch in batches)
    assert name in OVERLAP or len(np.unique(batches)) == 2011 // B * B


def test_ranks_are_those_of_a_full_sort(monkeypatch):
    monkeypatch.setattr(published_plans, "_STEP", 16)
    points = unit(normal(50))
    expected = np.argsort(-cosine(points) + 9 * np.eye(50), axis=1)[:, :7]
    np.testing.assert_array_equal(published_plans._ranked(points, 7), expected)


def test_two_blobs_are_halved_into_themselves():
    points = unit(np.repeat([[1.0, 0.1], [0.1, 1.0]], 20, 0) + 0.01 * normal(40, 2))
    for seed in range(5):
        halves = published_plans._halves(points, np.arange(100, 140), np.random.default_rng(seed))
        assert sorted(sorted(half.tolist()) for half in halves) == [[*range(100, 120)], [*range(120, 140)]]


@pytest.mark.parametrize(
    ("sizes", "expected"), [([6, 1, 3], [4, 4, 2]), ([9, 2], [4, 4, 3]), ([4, 4], [4, 4]), ([12, 0], [4, 4, 4])]
)
def test_parts_are_evened(sizes, expected):
    members = iter(range(sum(sizes)))
    parts = published_plans._evened([[next(members) for _ in range(size)] for size in sizes], 4)
    assert [len(part) for part in parts] == expected
    assert sorted(np.concatenate(parts).tolist()) == list(range(sum(sizes)))


def test_measured_at_a_small_size(monkeypatch):
    monkeypatch.setattr(originals, "WARM_UP", 500)
    row = originals.measured("grit", 1000, 1)
    assert row["original_cpu_s"] > 0
    assert row["ours_wall_s"] > 0
    assert row["original_hardness"] == pytest.approx(row["ours_hardness"], abs=0.05)


SIZES = [("gcbs", 10_000), ("gcbs", 20_000), ("knn", 100_000)]


def fake(name: str, n: int, repeat: int) -> dict:
    """A row in which an original takes repeat + 2 times as long as ours, and its memory grows as N^2."""
    key = {"original": name, "instances": n, "repeat": repeat, "dim": 128, "batch_size": 32, "threads": 1}
    ours = {"ours_cpu_s": (n / 10_000) ** 1.5, "ours_wall_s": 3.0, "ours_peak_gib": 0.5, "ours_hardness": 0.3}
    theirs = {"original_cpu_s": (repeat + 2) * ours["ours_cpu_s"], "original_wall_s": 9.0}
    return key | ours | theirs | {"original_peak_gib": n**2 / 1e9, "original_hardness": 0.4}


def test_the_table_goes_on_where_it_stopped(tmp_path, monkeypatch):
    made, out = [], tmp_path / "originals.csv"
    monkeypatch.setattr(originals, "apart", lambda *key: made.append(key) or fake(*key))
    monkeypatch.setattr("sys.argv", ["originals", "--originals", "gcbs", "knn", "--repeats", "2", "--out", str(out)])
    originals.main()
    assert made == [(name, n, repeat) for repeat in (0, 1) for name, n in SIZES]
    whole = pd.read_csv(out)
    whole.drop(index=[1, 3]).to_csv(out, index=False)
    originals.main()
    assert made[6:] == [("gcbs", 20_000, 0), ("gcbs", 10_000, 1)]
    assert len(pd.read_csv(out)) == len(whole) == 6


def test_medians_ranges_and_growth():
    rows = [fake(name, n, repeat) for repeat in range(3) for name, n in SIZES]
    text = originals.markdown(pd.DataFrame(rows))
    lines = [line.split(" | ") for line in text.splitlines() if line.startswith(("| GCBS", "| kNN"))]
    assert [line[3:5] for line in lines] == [["100,000", "3"], ["10,000", "3"], ["20,000", "3"]]
    assert {line[7] for line in lines} == {"3 (2 to 4)"}
    assert "GCBS: processor time as N^1.50, memory as N^2.00, which makes 10 GiB at N = 100,000. Ours: N^1.50." in text
