"""Wrong arguments."""

import io

import numpy as np
import pytest
import torch
from sampler_kinds import CLASSES, KINDS, ONLINE, built, new, normal, settings_of

from toolkit import RandomWalkBatchSampler

NUMPY_SETTINGS = {
    "fresh": np.float64(0.5),
    "coverage": np.str_("partition"),
    "refresh": np.str_("background"),
    "bank_dtype": np.str_("float16"),
    "restart": np.float32(0.25),
    "drop_last": np.bool_(True),
    "skip": np.int64(1),
    "margin": np.float64(0.9),
    "seed": np.uint8(3),
}


@pytest.mark.parametrize("name", NUMPY_SETTINGS)
def test_states_of_samplers_with_numpy_settings_can_be_read(name):
    sampler = RandomWalkBatchSampler(100, 10, n_candidates=40, n_neighbors=4, **{name: NUMPY_SETTINGS[name]})
    file = io.BytesIO()
    torch.save(sampler.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    plain = {name: NUMPY_SETTINGS[name].item()}
    RandomWalkBatchSampler(100, 10, n_candidates=40, n_neighbors=4, **plain).load_state_dict(state)


class TestBadInput:
    @pytest.mark.parametrize(
        ("indices", "embeddings", "exception", "parts"),
        [
            ([3, 100], np.ones((2, 8)), IndexError, ["indices", "[0, 100)", "got 100"]),
            ([3, -1], np.ones((2, 8)), IndexError, ["indices", "[0, 100)", "got -1"]),
            ([0.5, 1.5], np.ones((2, 8)), TypeError, ["indices", "integers", "float64"]),
            ([True, False], np.ones((2, 8)), TypeError, ["indices", "integers", "bool"]),
            (3, np.ones((1, 8)), ValueError, ["indices", "one-dimensional", "()"]),
            ([40, 41, 42], np.array([[1.0] * 8, [np.nan] * 8, [1.0] * 8]), ValueError, ["1 bad row", "[41]"]),
            ([40, 41, 42], np.array([[np.inf] * 8, [1.0] * 8, [0.0] * 8]), ValueError, ["2 bad row", "[40, 42]"]),
            ([1, 2], np.ones((2, 7)), ValueError, ["embeddings", "dimension", "8", "got 7"]),
            ([1, 2], np.ones((3, 8)), ValueError, ["embeddings", "one row per index (2)", "got 3"]),
            ([1, 2], np.full((3, 8), np.nan), ValueError, ["embeddings", "one row per index (2)", "got 3"]),
            ([1, 2], np.ones(8), ValueError, ["embeddings", "(N, d)", "(8,)"]),
        ],
    )
    @pytest.mark.parametrize("kind", ONLINE)
    def test_update(self, kind, indices, embeddings, exception, parts):
        sampler = new(kind, 100, 10)
        sampler.update([0], np.ones((1, 8)))
        before = sampler.state_dict()
        with pytest.raises(exception) as error:
            sampler.update(indices, embeddings)
        assert all(part in str(error.value) for part in parts)
        after = sampler.state_dict()
        assert all(
            torch.equal(before["shared"]["bank"][name], after["shared"]["bank"][name]) for name in ("vectors", "known")
        )

    @pytest.mark.parametrize(
        ("kind", "changes", "exception", "message"),
        [
            *((kind, {"batch_size": 101}, ValueError, "batch_size must be between 2 and 100, got 1") for kind in KINDS),
            *((kind, {"batch_size": 1}, ValueError, "batch_size must be between 2 and 100, got 1") for kind in KINDS),
            *((kind, {"batch_size": 10.0}, TypeError, "batch_size must be an integer") for kind in KINDS),
            *((kind, {"n": 1}, ValueError, "n must be at least 2, got 1") for kind in KINDS),
            *((kind, {"seed": -1}, ValueError, "seed must be at least 0, got -1") for kind in KINDS),
            *((kind, {"seed": True}, TypeError, "seed must be an integer at least 0, got True") for kind in KINDS),
            *((kind, {"refresh_every": 0}, ValueError, "refresh_every must be at least 1, got 0") for kind in ONLINE),
            *((kind, {"warmup_epochs": -1}, ValueError, "warmup_epochs must be at least 0, got -1") for kind in ONLINE),
            ("independent", {"n_neighbors": 11}, ValueError, "n_neighbors must be between 1 and 10, got 11"),
            ("independent", {"n_neighbors": 0}, ValueError, "n_neighbors must be between 1 and 10, got 0"),
            ("independent", {"n_candidates": 0}, ValueError, "n_candidates must be at least 1, got 0"),
            ("independent", {"n_candidates": 500, "n_neighbors": 100}, ValueError, "between 1 and 99, got 100"),
            ("independent", {"restart": 1.0}, ValueError, "restart must be a number in [0, 1), got 1.0"),
            ("independent", {"restart": -0.1}, ValueError, "restart must be a number in [0, 1), got -0.1"),
            ("independent", {"restart": "0.2"}, ValueError, "a probability or a function of the batch, got '0.2'"),
            ("independent", {"coverage": "all"}, ValueError, "coverage must be one of 'independent', 'partition', got"),
        ],
    )
    def test_settings(self, kind, changes, exception, message):
        arguments = {"n": 100, "batch_size": 10} | settings_of(kind, 100)
        with pytest.raises(exception) as error:
            CLASSES[kind](**arguments | changes)
        assert message in str(error.value)

    @pytest.mark.parametrize("kind", ONLINE)
    def test_from_embeddings(self, kind):
        points = normal(100)
        points[[7, 30]] = np.nan
        with pytest.raises(ValueError, match=r"embeddings must be finite .* 2 bad row\(s\), first \[7, 30\]"):
            built(kind, points, 10)
