"""Suggestions: what they say and make, how one sampler is chosen among several, and when the advice is to shuffle."""

import re
import warnings

import numpy as np
import pytest
import torch

from toolkit import UniformBatchSampler
from toolkit.datasets import vision
from toolkit.evaluation import embed
from toolkit.metrics import false_negative_rate, loss_gap, suggest_settings
from toolkit.models import SimCLR
from toolkit.samplers import SAMPLERS

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 50, 3000)
CENTRES = RNG.normal(size=(50, 24))
POINTS = (CENTRES[LABELS] + 0.7 * RNG.normal(size=(3000, 24))).astype(np.float32)
TARGETS = (CENTRES[LABELS] + 0.7 * RNG.normal(size=(3000, 24))).astype(np.float32)
ALONE = RNG.normal(size=(3000, 24)).astype(np.float32)
NAMES = ("chain", "cluster", "random_walk")
WALK = ["random_walk"]


def test_on_the_bundled_images_with_labels_and_without():
    data = vision.bundled()
    torch.manual_seed(0)
    points, names = embed(SimCLR("tiny"), data.train, projected=True)
    for labels in (None, names):
        found = suggest_settings(points, 128, labels=labels)
        assert found.method == ("clusters" if labels is None else "labels")
        assert found.false_negative_rate <= found.limit
        assert found.hardness > found.points.hardness.iloc[0]


def test_a_shuffle_is_suggested_where_a_limit_leaves_nothing_else():
    found = suggest_settings(POINTS, 50, labels=LABELS % 2, max_false_negatives=0.4)
    assert (found.sampler, found.settings) == ("uniform", {})
    assert isinstance(found.make(3000), UniformBatchSampler)
    tried = len(found.points) - 1
    assert found.reason.startswith(
        f"Shuffle: none of the {tried} settings tried (chain, clusters and random walk) gives"
    )
    assert "limit 40.0%" in found.reason
    assert repr(found).startswith("Suggestion(shuffle; ")
    assert found.compared.sampler.tolist() == ["uniform"]


def test_the_limit_holds_where_few_instances_have_labels():
    rng = np.random.default_rng(1)
    labels = rng.integers(10, size=20_000)
    points = (rng.normal(size=(10, 32))[labels] * 0.5 + rng.normal(size=(20_000, 32))).astype(np.float32)
    some = np.where(rng.random(20_000) < 0.05, labels, -1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = suggest_settings(points, 32, labels=some, max_false_negatives=0.2, samplers=WALK)
    rate = false_negative_rate(list(found.from_embeddings(points)), labels).value
    assert 0.18 < rate < 0.21


def test_too_few_labels_are_named():
    some = np.where(np.arange(3000) < 20, LABELS, -1)
    with pytest.warns(UserWarning, match="suggest_settings: so few labels are known") as record:
        suggest_settings(POINTS, 50, labels=some)
    assert {each.filename for each in record} == {__file__}


def test_without_classes_the_pickiest_graph_is_suggested():
    found = suggest_settings(ALONE, 30, samplers=WALK)
    assert found.settings["n_candidates"] == 2999
    assert found.settings["n_neighbors"] < 150
    assert found.hardness > 0.1
    assert found.loss_gap < np.log(3000 / 30)


@pytest.mark.parametrize("name", NAMES)
def test_the_suggestion_can_be_used_and_read(name):
    found = suggest_settings(POINTS, 50, labels=LABELS, samplers=[name])
    kind = SAMPLERS[name]
    sampler = found.make(3000, seed=3)
    assert found.sampler == name
    assert type(sampler) is kind.cls
    assert {key: getattr(sampler, key) for key in found.settings} == found.settings
    assert f"hardness {found.hardness:.3f}" in found.reason
    assert "nats" not in found.reason, "there is nothing to compare with"
    assert repr(found).startswith(f"Suggestion({name}, ")
    assert found.seconds > 0
    assert found.interval()[0] < found.value < found.interval()[1]
    assert found.values.mean() == pytest.approx(found.value)
    assert 1 <= found.variety <= 50
    assert found.compared.sampler.tolist() == ["uniform", name]
    tried = found.to_frame()
    assert tried.sampler.tolist() == ["uniform"] + [name] * (len(tried) - 1)
    own = tried[tried.hardness == found.hardness].iloc[-1]
    shown = {"n_candidates", "n_neighbors", "cluster_size"} & found.settings.keys()
    assert {key: own[key] for key in shown} == {key: found.settings[key] for key in shown}


@pytest.mark.parametrize("name", NAMES)
def test_the_code_makes_the_same_batches_as_the_suggestion(name):
    found = suggest_settings(POINTS, 50, labels=LABELS, samplers=[name])
    copied = eval(found.code, {SAMPLERS[name].cls.__name__: SAMPLERS[name].cls, "dataset": POINTS})
    epochs = []
    for sampler in (copied, found.make(POINTS)):
        for batch in sampler:
            sampler.update(batch, POINTS[batch])
        epochs.append(list(sampler))
    assert epochs[0] == epochs[1]
    members = [index for batch in epochs[0] for index in batch]
    assert len(set(members)) == len(members) == 3000


@pytest.mark.parametrize("kind", ["labels", "estimated", "pairs"])
def test_the_batches_with_the_smallest_loss_gap_are_chosen(kind):
    data = {"targets": TARGETS} if kind == "pairs" else {}
    settings = {"labels": LABELS} if kind == "labels" else {}
    found = suggest_settings(POINTS, 50, **data, **settings)
    gaps = {}
    for name in NAMES:
        alone = suggest_settings(POINTS, 50, **data, **settings, samplers=[name])
        batches = [batch for batch in alone.from_embeddings(POINTS, **data, seed=5) if len(batch) == 50]
        gaps[alone.sampler] = loss_gap(batches, POINTS, data.get("targets")).value
    gaps["uniform"] = loss_gap(list(UniformBatchSampler(3000, 50)), POINTS, data.get("targets")).value
    compared = found.compared.set_index("sampler")
    assert set(compared.index) == set(gaps)
    for name, gap in gaps.items():
        assert compared.loss_gap[name] == pytest.approx(gap, rel=0.1), name
    closed = {name: gaps["uniform"] - gap for name, gap in gaps.items()}
    assert closed[found.sampler] >= 0.88 * max(closed.values())
    said = [float(number) for number in re.findall(r"(?:gap, |: )(\d\.\d\d)(?: nats|[,;)])", found.reason)]
    assert sorted(said) == sorted(compared.loss_gap.round(2))


@pytest.mark.parametrize("names", [NAMES, NAMES[::-1]])
def test_of_samplers_that_are_alike_the_first_is_chosen(monkeypatch, names):
    monkeypatch.setattr("toolkit.metrics.suggestion._TIED", 0.0)
    found = suggest_settings(POINTS, 50, labels=LABELS, samplers=names)
    assert found.compared.sampler.tolist() == ["uniform", *names]
    assert found.sampler == names[0]
    smallest = "the smallest" if found.compared.loss_gap.idxmin() == 1 else "close to the smallest"
    assert f"nats, is {smallest} among the samplers compared" in found.reason


def test_the_best_walk_does_not_depend_on_other_samplers():
    alone, among = (suggest_settings(POINTS, 50, labels=LABELS, samplers=names) for names in (WALK, NAMES[::-1]))
    walk = among.compared.set_index("sampler").loc["random_walk"]
    assert (walk.hardness, walk.false_negative_rate) == (alone.hardness, alone.false_negative_rate)


def test_more_instances_than_are_tried(monkeypatch):
    monkeypatch.setattr("toolkit.metrics.suggestion._INSTANCES", 1000)
    found = suggest_settings(POINTS, 50, labels=LABELS, samplers=WALK)
    assert found.settings["refresh_every"] == 30
    assert found.settings["n_candidates"] <= 999
    some = suggest_settings(POINTS, 50, labels=LABELS, samplers=NAMES[:2])
    monkeypatch.undo()
    whole = suggest_settings(POINTS, 50, labels=LABELS, samplers=NAMES[:2])
    columns = ["hardness", "false_negative_rate"]
    assert some.points[columns][1:].equals(whole.points[columns][1:]), "chains and clusters are of all instances"


def test_the_same_seed_gives_the_same_settings():
    first, second = (suggest_settings(POINTS, 50, seed=4) for _ in range(2))
    assert first.settings == second.settings
    assert first.points.equals(second.points)
    assert first.compared.equals(second.compared)


def test_few_instances():
    points = RNG.normal(size=(12, 4))
    for batch_size in (2, 5, 12):
        found = suggest_settings(points, batch_size, max_false_negatives=1.0)
        assert len(found.batch) == batch_size


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_false_negatives": 0}, "max_false_negatives must be a number in"),
        ({"batch_size": 3001}, "batch_size must be"),
        ({"labels": LABELS[:5]}, "labels must have shape"),
        ({"targets": TARGETS[:5]}, "targets must have shape"),
        ({"samplers": ["knn"]}, "samplers must be one of 'chain', 'cluster', 'random_walk', got 'knn'"),
        ({"samplers": []}, "samplers must name at least one of 'chain', 'cluster', 'random_walk', got none"),
    ],
)
def test_bad_input(settings, message):
    with pytest.raises(ValueError, match=message):
        suggest_settings(POINTS, **{"batch_size": 50} | settings)


def test_samplers_must_be_several_names():
    with pytest.raises(TypeError, match="samplers must be names of samplers, got 'chain'"):
        suggest_settings(POINTS, 50, samplers="chain")
