"""Projections: PCA against a plain decomposition, UMAP by its neighbourhoods, the cache by its files."""

import threading
from concurrent.futures import CancelledError

import numpy as np
import pytest
from damage import flipped

from toolkit import _cache
from toolkit.plots import projection

RNG = np.random.default_rng(0)
LABELS = np.arange(300) % 3
POINTS = 3 * RNG.normal(size=(3, 8))[LABELS] + RNG.normal(size=(300, 8))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path))
    return tmp_path / "maps"


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """A projection, the stages reported on the way, and the cache file."""
    folder = tmp_path_factory.mktemp("cache")
    stages = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOOLKIT_CACHE", str(folder))
        found = projection.umap(POINTS, n_neighbors=10, progress=lambda *stage: stages.append(stage))
    return found, stages, next((folder / "maps").iterdir())


def same_label_neighbors(positions, k=10):
    """Share of the k nearest on the map that have the point's label."""
    away = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    nearest = np.argsort(away, axis=1)[:, 1 : k + 1]
    return (LABELS[nearest] == LABELS[:, None]).mean()


# PCA


def plain_pca(embeddings):
    """Return the definition: the covariance's first axes, the largest loading of each positive."""
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    centred = unit - unit.mean(0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:2].T
    return centred @ (axes * np.sign(axes[np.abs(axes).argmax(0), [0, 1]]))


@pytest.mark.parametrize("narrow", [0, 1000])
@pytest.mark.parametrize("shape", [(300, 8), (60, 90), (3, 40)])
def test_pca_is_that_of_the_definition(shape, narrow, monkeypatch):
    monkeypatch.setattr(projection, "_NARROW", narrow)  # both ways to compute it
    rng = np.random.default_rng(1)
    points = rng.normal(size=shape) + 2 * rng.normal(size=(shape[0], 3)) @ rng.normal(size=(3, shape[1]))
    positions = projection.pca(points.astype(np.float32))
    assert (positions.dtype, positions.shape) == (np.float32, (shape[0], 2))
    np.testing.assert_allclose(positions, plain_pca(points), atol=2e-6)


def test_pca_has_a_sign_of_its_own():
    np.testing.assert_allclose(projection.pca(POINTS[::-1])[::-1], projection.pca(POINTS), atol=1e-5)


def test_pca_of_one_dimension_lies_on_a_line():
    positions = projection.pca(RNG.normal(size=(20, 1)))
    assert positions.shape == (20, 2)
    assert (positions[:, 1] == 0).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("narrow", [0, 1000])
@pytest.mark.parametrize("n", [1, 2, 40])
def test_pca_of_equal_points_and_of_two(n, narrow, monkeypatch):
    monkeypatch.setattr(projection, "_NARROW", narrow)
    d = 6
    np.testing.assert_array_equal(projection.pca(np.ones((n, d))), np.zeros((n, 2)))
    two = np.repeat(np.eye(d)[:2], n, axis=0)
    positions = projection.pca(two)
    np.testing.assert_allclose(np.abs(positions[:, 0]), 0.5**0.5, rtol=1e-6)
    np.testing.assert_allclose(positions[:, 1], 0, atol=1e-6)


# UMAP


def test_umap_keeps_neighbours_together(computed):
    positions, _, _ = computed
    assert (positions.dtype, positions.shape) == (np.float32, (300, 2))
    assert same_label_neighbors(positions) > 0.9, "three clusters that hardly overlap; by chance it is a third"


def test_umap_reports_its_progress(computed):
    _, stages, _ = computed
    names = list(dict.fromkeys(name for name, _ in stages))
    assert names == ["loading UMAP", "finding neighbours", "compiling", "layout"]
    shares = [share for name, share in stages if name == "layout"]
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_second_time_it_comes_from_the_file(computed, cache, monkeypatch):
    positions, _, file = computed
    cache.mkdir()
    (cache / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(projection, "_PROGRAM", "no such program")
    task = projection.UMAPTask(POINTS, n_neighbors=10)
    assert task.done()
    np.testing.assert_array_equal(task.result(), positions)


@pytest.mark.parametrize("content", [b"", b"not a map", None])
def test_damaged_file_is_computed_again(computed, cache, monkeypatch, content):
    positions, _, file = computed
    cache.mkdir()
    if content is None:
        np.savez(cache / file.name, projection=np.full((300, 2), np.nan, np.float32))
    else:
        (cache / file.name).write_bytes(content)
    monkeypatch.setattr(projection.UMAPTask, "_compute", lambda self, unit, settings: positions)
    np.testing.assert_array_equal(projection.umap(POINTS, n_neighbors=10), positions)
    np.testing.assert_array_equal(np.load(cache / file.name)["projection"], positions)


def test_every_flipped_bit_of_a_kept_map_is_noticed_or_harmless(tmp_path):
    path = tmp_path / "map.npz"
    found = RNG.normal(size=(40, 2)).astype(np.float32)
    _cache.write(path, projection=found)
    content = path.read_bytes()
    read = []
    for bit in range(8 * len(content)):
        path.write_bytes(flipped(content, bit))
        read.append(projection._known(path, 40))
    assert all(map is None or np.array_equal(map, found) for map in read)
    assert sum(map is None for map in read) > 0.8 * len(read)


def test_other_vectors_and_settings_have_other_files(cache, monkeypatch):
    monkeypatch.setattr(
        projection.UMAPTask, "_compute", lambda self, unit, settings: np.zeros((len(unit), 2), np.float32)
    )
    projection.umap(POINTS)
    for other in ({"n_neighbors": 20}, {"min_dist": 0.5}, {"seed": 1}):
        projection.umap(POINTS, **other)
    projection.umap(POINTS + 1e-3)
    assert len(list(cache.iterdir())) == 5


def test_folder_that_cannot_be_written_does_no_harm(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(
        projection.UMAPTask, "_compute", lambda self, unit, settings: np.zeros((len(unit), 2), np.float32)
    )
    assert projection.umap(POINTS).shape == (300, 2)


def test_failure_says_what_umap_said(tmp_path, monkeypatch):
    program = tmp_path / "fails.py"
    program.write_text("raise SystemExit('no memory left')")
    monkeypatch.setattr(projection, "_PROGRAM", program)
    task = projection.UMAPTask(POINTS)
    with pytest.raises(RuntimeError, match="UMAP failed with exit code 1: no memory left"):
        task.result()


@pytest.fixture
def sleeping(tmp_path, monkeypatch):
    """A program that says a line of its own and a stage, and sleeps."""
    program = tmp_path / "sleeps.py"
    program.write_text("import time\nprint(12)\nprint('[\"loading UMAP\", 0]', flush=True)\ntime.sleep(600)")
    monkeypatch.setattr(projection, "_PROGRAM", program)


def test_cancel_ends_thread_and_process(sleeping):
    before, started, stages = threading.active_count(), threading.Event(), []
    task = projection.UMAPTask(POINTS, progress=lambda *stage: (stages.append(stage), started.set()))
    assert started.wait(30)
    assert not task.done()
    assert task.cancel()
    assert task._process.poll() is not None
    assert threading.active_count() == before
    assert stages == [("loading UMAP", 0)]
    with pytest.raises(CancelledError):
        task.result()


def test_cancelled_before_it_began_it_ends_too(sleeping):
    before = threading.active_count()
    assert projection.UMAPTask(POINTS).cancel()
    assert threading.active_count() == before


def test_an_interrupted_wait_stops_the_process(sleeping, monkeypatch):
    def interrupt(task, timeout=None):
        tasks.append(task)
        raise KeyboardInterrupt

    tasks = []
    monkeypatch.setattr(projection.UMAPTask, "result", interrupt)
    with pytest.raises(KeyboardInterrupt):
        projection.umap(POINTS)
    assert tasks[0].cancelled()
    assert not tasks[0]._thread.is_alive()


def test_the_other_process_loads_no_torch_and_gets_half_of_the_cores(tmp_path, monkeypatch):
    program = tmp_path / "tells.py"
    program.write_text(
        "import json, os, sys\nimport numpy as np, faiss\n"
        "print(json.dumps([[name for name in ('torch', 'toolkit') if name in sys.modules],"
        " os.environ['NUMBA_NUM_THREADS']]))\n"
        "np.save(sys.argv[2], np.zeros((300, 2), np.float32))"
    )
    monkeypatch.setattr(projection, "_PROGRAM", program)
    monkeypatch.setattr(projection.threads, "n_cores", lambda: 6)
    stages = []
    projection.umap(POINTS, progress=lambda *stage: stages.append(stage))
    assert stages == [([], "3")]


@pytest.mark.parametrize(
    ("arguments", "exception", "message"),
    [
        ({"n_neighbors": 1}, ValueError, "n_neighbors must be between 2 and 299, got 1"),
        ({"n_neighbors": 300}, ValueError, "n_neighbors must be between 2 and 299, got 300"),
        ({"min_dist": 1.0}, ValueError, r"min_dist must be a number in \[0, 1\), got 1.0"),
        ({"seed": -1}, ValueError, "seed must be between 0 and"),
        ({"embeddings": POINTS[:3]}, ValueError, "number of embeddings must be at least 4, got 3"),
        ({"embeddings": np.full((9, 2), np.nan)}, ValueError, "embeddings must be finite"),
    ],
)
def test_bad_input_is_named(arguments, exception, message):
    with pytest.raises(exception, match=message):
        projection.umap(**{"embeddings": POINTS, **arguments})
