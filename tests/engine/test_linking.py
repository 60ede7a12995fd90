"""Linking in blocks that share candidates: the candidates, the best of them, and the same on another device."""

import itertools

import numpy as np
import pytest
import torch
from graph_checks import LAYOUTS, assert_valid, normal
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import cosine, top_k

from toolkit import ProximityGraph, RandomWalkBatchSampler, _checks
from toolkit.engine import device, linking
from toolkit.engine.device import link_on_device, to_memory
from toolkit.engine.linking import candidate_blocks, candidate_slices, link

KINDS = {
    "float16": lambda points: points.astype(np.float16),
    "float32": lambda points: points.astype(np.float32),
    "float64": lambda points: points,
    "bfloat16": lambda points: torch.from_numpy(points).bfloat16(),
    "int8": lambda points: np.round(25 * points).astype(np.int8) | 1,  # never a zero row
    "int64": lambda points: np.round(1000 * points).astype(np.int64) | 1,
    "uint8": lambda points: np.abs(60 * points + 1).astype(np.uint8) | 1,
}
SIZES = [(2, 1, 1), (3, 1, 1), (7, 6, 6), (50, 7, 3), (97, 96, 5), (300, 40, 40), (500, 100, 7), (501, 33, 1)]


def allowed_candidates(n: int, m: int, seed: int) -> dict[int, list[int]]:
    """The M candidates of each row: those of its block without itself, or else without the last."""
    blocks = candidate_blocks(n, m, seed)
    return {row: [c for c in part.tolist() if c != row][:m] for rows, part in blocks for row in rows.tolist()}


def assert_best_candidates(graph: ProximityGraph, points: np.ndarray, seed: int) -> None:
    similarities = cosine(points)
    assert_valid(graph, similarities)
    for row, candidates in allowed_candidates(len(points), graph.n_candidates, seed).items():
        assert len(candidates) == graph.n_candidates
        assert set(graph.neighbors[row].tolist()) <= set(candidates)
        best = similarities[row, top_k(similarities[row], candidates, graph.n_neighbors)]
        np.testing.assert_allclose(np.sort(graph.similarities[row])[::-1], best, atol=2e-6)


def assert_same_but_for_ties(ours, theirs, points: np.ndarray) -> None:
    similarities = cosine(points)
    for row, (a, b) in enumerate(zip(ours.neighbors.tolist(), theirs.neighbors.tolist(), strict=True)):
        odd = list(set(a) ^ set(b))
        assert not odd or np.ptp(similarities[row, odd]) < 1e-6
    np.testing.assert_allclose(np.sort(ours.similarities), np.sort(theirs.similarities), atol=1e-6)


def checked(points) -> tuple[torch.Tensor, torch.Tensor]:
    vectors = _checks.vectors("embeddings", points)
    return vectors, _checks.norms("embeddings", vectors)


@pytest.mark.parametrize(("n", "size"), [(10, 1), (10, 3), (10, 7), (10, 10), (97, 40)])
def test_candidate_slices_take_every_instance_equally_often(n, size):
    counts = np.zeros(n, int)
    for part in itertools.islice(candidate_slices(n, size, np.random.default_rng(0)), 200):
        assert len(part) == size
        assert len(set(part.tolist())) == size
        counts[part] += 1
        assert counts.max() - counts.min() <= 1


@given(n=st.integers(2, 700), share=st.floats(0, 1), seed=st.integers(0, 2**64))
def test_blocks_of_rows_with_their_candidates(n, share, seed):
    m = 1 + round(share * (n - 2))
    blocks = list(candidate_blocks(n, m, seed))
    assert sorted(np.concatenate([rows for rows, _ in blocks]).tolist()) == list(range(n))
    assert max(len(rows) for rows, _ in blocks) <= -(-(m + 1) // 2)
    # Enough blocks for the threads to share, as far as there are rows.
    assert len(blocks) >= min(n, 32)
    for _, candidates in blocks:
        assert len(candidates) == len(set(candidates.tolist())) == m + 1
    counts = np.bincount(np.concatenate([candidates for _, candidates in blocks]), minlength=n)
    assert len(counts) == n
    assert counts.min() >= 2
    assert counts.max() <= counts.min() + 1


def test_rows_and_candidates_are_drawn_independently():
    # Each row is among its block's 101 candidates of 1,000 with probability 0.101: 101 rows, standard deviation 10.
    blocks = list(candidate_blocks(1000, 100, 0))
    assert 60 < sum(np.isin(rows, candidates).sum() for rows, candidates in blocks) < 140
    # Nor do rows stay in order: a rank correlation of four standard deviations.
    assert abs(np.corrcoef(np.arange(1000), np.concatenate([rows for rows, _ in blocks]))[0, 1]) < 4 / 1000**0.5


@settings(max_examples=80)
@given(
    n=st.integers(3, 120),
    d=st.integers(2, 40),
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    kind=st.sampled_from(sorted(KINDS)),
    layout=st.sampled_from(sorted(LAYOUTS)),
    seed=st.integers(0, 2**32),
)
def test_neighbours_are_the_best_candidates_with_any_number_of_threads(n, d, shares, kind, layout, seed):
    m = 1 + round(shares[0] * (n - 3))
    k = 1 + round(shares[1] * (m - 1))
    points = KINDS[kind](normal(n, d, seed) + 0.3)
    # A bfloat16 tensor has a layout already, and integers no gradient.
    if kind != "bfloat16" and not ("int" in kind and "gradient" in layout):
        points = LAYOUTS[layout](points)
    graph, *others = (
        ProximityGraph.build(points, n_candidates=m, n_neighbors=k, seed=seed, n_threads=threads)
        for threads in (1, 2, 3)
    )
    assert_best_candidates(graph, _checks.vectors("embeddings", points).double().numpy(), seed)
    for other in others:
        np.testing.assert_array_equal(graph.neighbors, other.neighbors)
        np.testing.assert_array_equal(graph.similarities, other.similarities)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.filterwarnings("error")
def test_memory_mapped_array(dtype, tmp_path):
    np.save(tmp_path / "points.npy", normal(400, 30).astype(dtype))
    points = np.load(tmp_path / "points.npy", mmap_mode="r")
    assert_best_candidates(
        ProximityGraph.build(points, n_candidates=60, n_neighbors=9, seed=1, n_threads=2), points, seed=1
    )


@pytest.mark.parametrize(("n", "m", "k"), SIZES)
@pytest.mark.parametrize("scores", [linking._SCORES, 2000, 1])
def test_parts_of_a_block(n, m, k, scores, monkeypatch):
    points = normal(n, 12, seed=n)
    monkeypatch.setattr(linking, "_SCORES", scores)
    assert_best_candidates(
        ProximityGraph(**vars(link(*checked(points), m, k, 5, n_threads=2)), n_candidates=m), points, seed=5
    )


@pytest.mark.parametrize(
    ("dtype", "scores"),
    [(np.float16, 5000), (np.float32, device._SCORES), (np.float64, 5000), (np.int64, 1)],
)
@pytest.mark.parametrize(("n", "m", "k"), SIZES)
def test_linking_by_torch_operations_alone(n, m, k, scores, dtype, monkeypatch):
    points = (normal(n, 12, seed=n) * 100).astype(dtype)
    monkeypatch.setattr(device, "_SCORES", scores)
    links = link_on_device(*checked(points), m, k, seed=4)
    assert_best_candidates(ProximityGraph(**vars(links), n_candidates=m), points, seed=4)
    assert_same_but_for_ties(links, link(*checked(points), m, k, seed=4, n_threads=1), points)


def test_linking_duplicates_by_torch_operations_alone():
    points = np.tile(normal(16, 24), (5, 1))
    assert_best_candidates(
        ProximityGraph(**vars(link_on_device(*checked(points), 30, 8, seed=4)), n_candidates=30), points, seed=4
    )


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_graph_of_embeddings_on_a_gpu(dtype):
    points = torch.from_numpy(normal(3001, 32)).to("cuda", dtype)
    on_gpu, on_cpu = (
        ProximityGraph.build(values, n_candidates=300, n_neighbors=20, seed=2) for values in (points, points.cpu())
    )
    exact = points.double().cpu().numpy()
    assert_best_candidates(on_gpu, exact, seed=2)
    assert_same_but_for_ties(on_gpu, on_cpu, exact)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("shape", [(0, 3), (5, 0), (7, 2), (3, 2**21), (2**20 + 1, 9)])
@pytest.mark.parametrize("dtype", [torch.int32, torch.float32])
def test_arrays_come_whole_from_a_gpu(shape, dtype):
    values = torch.randint(-(10**6), 10**6, shape, device="cuda").to(dtype)
    np.testing.assert_array_equal(to_memory(values), values.cpu().numpy())


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_nearest_neighbors_of_embeddings_on_a_gpu():
    pytest.importorskip("faiss")
    points = torch.from_numpy(normal(3001, 32)).cuda()
    assert ProximityGraph.nearest(points, n_neighbors=5).recall == 1


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_sampler_with_embeddings_on_a_gpu():
    points = torch.from_numpy(normal(1000, 16)).float().cuda()
    settings = {"batch_size": 50, "n_candidates": 200, "n_neighbors": 10, "refresh_every": 5}
    sampler = RandomWalkBatchSampler(1000, **settings)
    for _ in range(3):
        for batch in sampler:
            assert len(set(batch)) == 50
            rows = torch.tensor(batch, device="cuda")
            sampler.update(rows, points[rows].clone().requires_grad_())
    assert sampler.bank.vectors.is_cuda
    assert not sampler.warming_up
    unit = points / points.norm(dim=1, keepdim=True)
    torch.testing.assert_close(sampler.bank.vectors, unit, atol=1e-6, rtol=0)
    assert_valid(sampler.graph, cosine(points.cpu()))
    sampler = RandomWalkBatchSampler.from_embeddings(points, **settings)
    assert sampler.bank.vectors.is_cuda
    assert_valid(sampler.graph, cosine(points.cpu()))
