"""Retrieval scores against sentence-transformers' evaluator, and against sorting all targets of each query."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from toolkit.datasets.pairs import RetrievalSet
from toolkit.evaluation import retrieval, retrieval_scores, retrieve
from toolkit.models import PairModel

CUTOFFS = (1, 3, 10, 100)


def points(n, d=8, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def several(n_queries, n_targets, most, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.choice(n_targets, size, replace=False) for size in rng.integers(1, most + 1, n_queries)]


def reference_scores(similarities, relevant):
    """Sort the targets of one query after the other, of equals the wrong ones first; return (MRR, NDCG, recall)."""
    reciprocal, gains, recall = [], [], {k: [] for k in CUTOFFS}
    for row, right in zip(similarities, map(set, relevant), strict=True):
        order = sorted(range(len(row)), key=lambda j: (-row[j], j in right))
        ranks = [rank for rank, j in enumerate(order, start=1) if j in right]
        reciprocal.append(1 / ranks[0] if ranks[0] <= 10 else 0)
        gain = sum(1 / np.log2(rank + 1) for rank in ranks if rank <= 10)
        gains.append(gain / sum(1 / np.log2(rank + 1) for rank in range(1, min(len(right), 10) + 1)))
        for k in CUTOFFS:
            recall[k].append(np.mean([rank <= k for rank in ranks]))
    return reciprocal, gains, recall


def assert_equal(scores, expected):
    reciprocal, gains, recall = expected
    np.testing.assert_allclose(scores.values, reciprocal)
    np.testing.assert_allclose(scores.gains, gains)
    assert scores.value == pytest.approx(np.mean(reciprocal))
    assert scores.ndcg == pytest.approx(np.mean(gains))
    assert scores.recall == pytest.approx({k: np.mean(shares) for k, shares in recall.items()})
    for k, shares in recall.items():
        np.testing.assert_allclose(scores.found[k], shares)


@pytest.mark.parametrize("most", [1, 4, 30])
def test_equals_sentence_transformers_evaluator(most):
    module = pytest.importorskip("sentence_transformers.sentence_transformer.evaluation")
    signal, noise = points(800, 16), points(800, 16, seed=1)
    queries, targets, relevant = (signal + noise)[:200], signal, several(200, 800, most)
    relevant = [np.append(right, i) for i, right in enumerate(relevant)]  # so that many ranks are low
    evaluator = module.InformationRetrievalEvaluator(
        {f"q{i}": f"query {i}" for i in range(200)},
        {f"t{j}": f"target {j}" for j in range(800)},
        {f"q{i}": {f"t{j}" for j in right} for i, right in enumerate(relevant)},
        corpus_chunk_size=300,
        precision_recall_at_k=list(CUTOFFS),
        main_score_function="cosine",
        score_functions={"cosine": lambda a, b: nn.functional.normalize(a) @ nn.functional.normalize(b).T},
        write_csv=False,
    )

    def encode(texts, **settings):
        sides = {"query": queries, "target": targets}
        return torch.from_numpy(np.stack([sides[side][int(i)] for side, i in map(str.split, texts)]))

    card = SimpleNamespace(set_evaluation_metrics=lambda *arguments: None)
    metrics = evaluator(SimpleNamespace(encode_query=encode, encode_document=encode, model_card_data=card))
    scores = retrieval_scores(queries, targets, relevant, CUTOFFS)
    assert scores.value == pytest.approx(metrics["cosine_mrr@10"], abs=1e-6)
    assert scores.ndcg == pytest.approx(metrics["cosine_ndcg@10"], abs=1e-6)
    for k in CUTOFFS:
        assert scores.recall[k] == pytest.approx(metrics[f"cosine_recall@{k}"], abs=1e-6)
    assert 0.2 < scores.value < 0.9


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_equals_sorting_also_with_ties(data):
    grid = np.concatenate([np.eye(3), -np.eye(3)]).astype(np.float32)  # all cosines are exactly -1, 0 or 1
    n_targets = data.draw(st.integers(1, 25))
    rows = st.integers(0, len(grid) - 1)
    queries = grid[data.draw(st.lists(rows, min_size=1, max_size=8))]
    targets = grid[data.draw(st.lists(rows, min_size=n_targets, max_size=n_targets))]
    right = st.lists(st.integers(0, n_targets - 1), min_size=1, max_size=n_targets)
    relevant = data.draw(st.lists(right, min_size=len(queries), max_size=len(queries)))
    expected = reference_scores(queries @ targets.T, relevant)
    assert_equal(retrieval_scores(queries, targets, relevant, CUTOFFS), expected)


@pytest.mark.parametrize("scores_at_once", [1, 1000, 2**24])
def test_blocks_do_not_matter(monkeypatch, scores_at_once):
    monkeypatch.setattr(retrieval, "_SCORES", scores_at_once)
    queries, targets, relevant = points(60), points(300, seed=1), several(60, 300, 9)
    unit_q, unit_t = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (queries, targets))
    scores = retrieval_scores(queries, torch.from_numpy(targets), relevant, CUTOFFS)
    assert_equal(scores, reference_scores(unit_q @ unit_t.T, relevant))


def test_an_array_names_one_target_each():
    queries, targets = points(50), points(70, seed=1)
    right = np.random.default_rng(2).integers(0, 70, 50)
    expected = retrieval_scores(queries, targets, [[j] for j in right])
    for given_as in (right, torch.from_numpy(right), right.tolist()):
        np.testing.assert_array_equal(retrieval_scores(queries, targets, given_as).ranks, expected.ranks)
    np.testing.assert_array_equal(retrieval_scores(queries, targets, [[j, j] for j in right]).gains, expected.gains)


@pytest.mark.parametrize("vector", [np.ones(5), points(1, 5)[0]])
def test_a_constant_embedding_is_not_rewarded(vector):
    same = np.tile(vector, (1000, 1))
    scores = retrieval_scores(same[:100], same, np.arange(100))
    assert scores.value == 0
    assert scores.recall == {1: 0, 10: 0, 100: 0}


def test_copies_of_a_target_that_are_all_right_do_not_count_against_each_other():
    targets = np.repeat(points(10), 3, axis=0)
    scores = retrieval_scores(points(10), targets, np.arange(30).reshape(10, 3), (1, 3))
    assert scores.ranks.tolist() == [1] * 10
    assert scores.ndcg == pytest.approx(1)
    assert scores.recall == pytest.approx({1: 1 / 3, 3: 1})


def test_table_and_repr():
    scores = retrieval_scores([[1, 0], [1, 0.1]], [[1, 0], [0, 1]], [[0], [1]], cutoffs=(1, 2))
    assert repr(scores) == "RetrievalScores(mrr=0.750, ndcg=0.815, recall@1=0.500, recall@2=1.000, queries=2)"
    frame = scores.to_frame()
    assert frame.columns.tolist() == ["rank", "reciprocal_rank", "ndcg", "recall@1", "recall@2"]
    assert frame.index.name == "query"
    assert frame["rank"].tolist() == [1, 2]
    assert frame["reciprocal_rank"].mean() == scores.value
    low, high = scores.interval()
    assert low < scores.value < high


class Sides(nn.Module):
    """Encoders with dropout, which eval mode must switch off."""

    def __init__(self):
        super().__init__()
        self.queries, self.targets = (nn.Sequential(nn.Linear(8, 4), nn.Dropout(0.9)) for _ in range(2))

    def encode_queries(self, batch):
        return self.queries(batch)

    def encode_targets(self, batch):
        return self.targets(batch)


@torch.no_grad()
@pytest.mark.parametrize("model", [Sides(), PairModel(nn.Linear(8, 4), nn.Linear(8, 4)), PairModel(nn.Linear(8, 4))])
def test_retrieve_embeds_both_sides(model):
    queries, targets = torch.from_numpy(points(40)), torch.from_numpy(points(90, seed=1))
    relevant = several(40, 90, 3)
    model.train()
    got = retrieve(model, RetrievalSet(queries, targets, relevant), batch_size=7)
    assert all(module.training for module in model.modules())
    model.eval()
    expected = retrieval_scores(model.encode_queries(queries), model.encode_targets(targets), relevant)
    np.testing.assert_array_equal(got.ranks, expected.ranks)


def test_retrieve_sorts_sentences_by_length_and_back():
    from toolkit.datasets.text import Sentences
    from toolkit.datasets.tokenizers import train_tokenizer
    from toolkit.models.text_encoders import static

    texts = [" ".join(np.random.default_rng(i).choice(["cat", "dog", "runs", "a"], i % 9 + 1)) for i in range(60)]
    texts = list(dict.fromkeys(map(" ".join, (sorted(text.split()) for text in texts))))
    sentences = Sentences(texts, train_tokenizer(texts, 300))
    held_out = RetrievalSet(sentences, sentences, np.arange(len(texts)))
    scores = retrieve(PairModel(static(sentences.tokenizer)), held_out, batch_size=7)
    assert scores.value > 0.9


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"relevant": [[0], [], [1]]},
            ValueError,
            r"relevant must name a right target for every query, got none for \[1\]",
        ),
        ({"relevant": [[0], [4], [1]]}, IndexError, r"relevant must lie in \[0, 4\), got 4"),
        ({"relevant": [[0], [-1], [1]]}, IndexError, r"relevant must lie in \[0, 4\), got -1"),
        ({"relevant": [[0.5], [1], [1]]}, TypeError, "relevant must be integers, got dtype float64"),
        ({"relevant": [[0], [1]]}, ValueError, "right targets of each of 3 queries, got 2"),
        ({"targets": points(4, 5)}, ValueError, "embeddings of one width, got 8 and 5"),
        ({"queries": np.full((3, 8), np.nan)}, ValueError, "queries must be finite and not all zero"),
        ({"targets": np.zeros((4, 8))}, ValueError, "targets must be finite and not all zero"),
        ({"queries": np.zeros(3)}, ValueError, r"queries must have shape \(N, d\)"),
        ({"cutoffs": [0]}, ValueError, "cutoffs must be at least 1, got 0"),
    ],
)
def test_bad_input_is_named(change, error, message):
    with pytest.raises(error, match=message):
        retrieval_scores(**{"queries": points(3), "targets": points(4), "relevant": [0, 1, 2]} | change)


def test_models_of_one_side_are_named():
    held_out = RetrievalSet(torch.eye(3), torch.eye(3), [0, 1, 2])
    with pytest.raises(
        TypeError, match="model must have a method encode_queries, as PairModel has, got Linear without it"
    ):
        retrieve(nn.Linear(3, 3), held_out)
