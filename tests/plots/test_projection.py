"""Maps: PCA against an SVD, UMAP by its neighbourhoods, the cache by its files."""

import threading

import numpy as np
import pytest

from toolkit.plots import projection as maps

RNG = np.random.default_rng(0)
LABELS = np.arange(300) % 3
POINTS = 3 * RNG.normal(size=(3, 8))[LABELS] + RNG.normal(size=(300, 8))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path))
    return tmp_path / "maps"


@pytest.fixture(scope="module")
def umap_map(tmp_path_factory):
    """A map, the stages reported on the way, and the cache file."""
    folder = tmp_path_factory.mktemp("cache")
    stages = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOOLKIT_CACHE", str(folder))
        found = maps.umap(POINTS, n_neighbors=10, progress=lambda *stage: stages.append(stage))
    return found, stages, next((folder / "maps").iterdir())


def same_label_neighbors(places, k=10):
    """Share of the k nearest on the map that have the point's label."""
    away = np.linalg.norm(places[:, None] - places[None], axis=2)
    nearest = np.argsort(away, axis=1)[:, 1 : k + 1]
    return (LABELS[nearest] == LABELS[:, None]).mean()


# PCA


def test_pca_is_that_of_a_singular_value_decomposition():
    places = maps.pca(POINTS)
    unit = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)
    centred = unit - unit.mean(0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    assert (places.dtype, places.shape) == (np.float32, (300, 2))
    np.testing.assert_allclose(np.abs(places), np.abs(u[:, :2] * s[:2]), atol=1e-5)
    np.testing.assert_allclose(places.mean(0), 0, atol=1e-6)


def test_pca_has_a_sign_of_its_own():
    np.testing.assert_allclose(maps.pca(POINTS[::-1])[::-1], maps.pca(POINTS), atol=1e-5)


def test_pca_of_one_dimension_lies_on_a_line():
    places = maps.pca(RNG.normal(size=(20, 1)))
    assert places.shape == (20, 2)
    assert (places[:, 1] == 0).all()


# UMAP


def test_umap_keeps_neighbours_together(umap_map):
    places, _, _ = umap_map
    assert (places.dtype, places.shape) == (np.float32, (300, 2))
    assert same_label_neighbors(places) > 0.9, "three clusters that hardly overlap; by chance it is a third"


def test_umap_reports_its_progress(umap_map):
    _, stages, _ = umap_map
    names = list(dict.fromkeys(name for name, _ in stages))
    assert names == ["loading UMAP", "finding neighbours", "compiling", "layout"]
    shares = [share for name, share in stages if name == "layout"]
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_second_time_it_comes_from_the_file(umap_map, cache, monkeypatch):
    places, _, file = umap_map
    cache.mkdir()
    (cache / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(maps, "_PROGRAM", "no such program")
    task = maps.UMAPTask(POINTS, n_neighbors=10)
    assert not task.running
    np.testing.assert_array_equal(task.result(), places)


@pytest.mark.parametrize("content", [b"", b"not a map", None])
def test_damaged_file_is_computed_anew(umap_map, cache, monkeypatch, content):
    places, _, file = umap_map
    cache.mkdir()
    if content is None:
        np.save(cache / file.name, np.full((300, 2), np.nan, np.float32))
    else:
        (cache / file.name).write_bytes(content)
    monkeypatch.setattr(maps.UMAPTask, "_run", lambda self, unit, settings: places)
    np.testing.assert_array_equal(maps.umap(POINTS, n_neighbors=10), places)
    np.testing.assert_array_equal(np.load(cache / file.name), places)


def test_other_vectors_and_settings_have_other_files(cache, monkeypatch):
    monkeypatch.setattr(maps.UMAPTask, "_run", lambda self, unit, settings: np.zeros((len(unit), 2), np.float32))
    maps.umap(POINTS)
    for other in ({"n_neighbors": 20}, {"min_dist": 0.5}, {"seed": 1}):
        maps.umap(POINTS, **other)
    maps.umap(POINTS + 1e-3)
    assert len(list(cache.iterdir())) == 5


def test_folder_that_cannot_be_written_is_no_obstacle(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(maps.UMAPTask, "_run", lambda self, unit, settings: np.zeros((len(unit), 2), np.float32))
    assert maps.umap(POINTS).shape == (300, 2)


def test_failure_says_what_umap_said(tmp_path, monkeypatch):
    program = tmp_path / "fails.py"
    program.write_text("raise SystemExit('no memory left')")
    monkeypatch.setattr(maps, "_PROGRAM", program)
    ended = []
    task = maps.UMAPTask(POINTS, on_end=ended.append)
    with pytest.raises(RuntimeError, match="UMAP failed with exit code 1: no memory left"):
        task.result()
    assert ended == [task]


def test_cancel_ends_thread_and_process(tmp_path, monkeypatch):
    program = tmp_path / "sleeps.py"
    program.write_text("import time\nprint('[\"loading UMAP\", 0]', flush=True)\ntime.sleep(600)")
    monkeypatch.setattr(maps, "_PROGRAM", program)
    before, started, ended = threading.active_count(), threading.Event(), []
    task = maps.UMAPTask(POINTS, on_progress=lambda *stage: started.set(), on_end=ended.append)
    assert started.wait(30)
    assert task.running
    task.cancel()
    assert not task.running
    assert task._process.poll() is not None
    assert threading.active_count() == before
    assert ended == []
    with pytest.raises(RuntimeError, match="cancelled"):
        task.result()


@pytest.mark.parametrize(
    ("arguments", "exception", "message"),
    [
        ({"n_neighbors": 1}, ValueError, "n_neighbors must be between 2 and 299, got 1"),
        ({"n_neighbors": 300}, ValueError, "n_neighbors must be between 2 and 299, got 300"),
        ({"min_dist": 1.0}, ValueError, r"min_dist must be in \[0, 1\), got 1.0"),
        ({"seed": -1}, ValueError, "seed must be between 0 and"),
        ({"embeddings": POINTS[:3]}, ValueError, "number of embeddings must be at least 4, got 3"),
        ({"embeddings": np.full((9, 2), np.nan)}, ValueError, "embeddings must be finite"),
    ],
)
def test_bad_input_is_named(arguments, exception, message):
    with pytest.raises(exception, match=message):
        maps.umap(**{"embeddings": POINTS, **arguments})
