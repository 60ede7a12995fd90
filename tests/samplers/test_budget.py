"""Budgets: the walk keeps to them, through a training and a resume, and says so where it can't."""

import copy
import warnings

import numpy as np
import pytest

from toolkit import RandomWalkBatchSampler
from toolkit.metrics import batch_hardness, false_negative_rate
from toolkit.samplers import Budget, Choice

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 30, 3000)
POINTS = (RNG.normal(size=(30, 24))[LABELS] + RNG.normal(size=(3000, 24))).astype(np.float32)
COVERAGES = ["independent", "partition"]


def sampler(budget, coverage="partition", **settings):
    sizes = {"n_candidates": 500, "n_neighbors": 150} | settings
    return RandomWalkBatchSampler.from_embeddings(POINTS, 50, restart=budget, coverage=coverage, **sizes)


@pytest.mark.parametrize("coverage", COVERAGES)
@pytest.mark.parametrize("rate", [0.06, 0.1, 0.2])
def test_false_negatives_stay_within_a_fifth_of_the_budget(coverage, rate):
    one = sampler(Budget(rate, labels=LABELS), coverage)
    found = false_negative_rate([batch for _ in range(3) for batch in one], LABELS).value
    assert found == pytest.approx(rate, rel=0.2)
    assert one.chosen.false_negative_rate <= rate


@pytest.mark.parametrize("coverage", COVERAGES)
def test_hardness_stays_within_a_fifth_of_the_budget(coverage):
    one = sampler(Budget(hardness=0.1), coverage)
    assert batch_hardness(list(one), POINTS).value == pytest.approx(0.1, rel=0.2)


def test_both_limits_hold():
    one = sampler(Budget(0.2, 0.05, labels=LABELS))
    assert one.chosen.hardness <= 0.05
    assert one.chosen.false_negative_rate < 0.1


@pytest.mark.parametrize("coverage", COVERAGES)
def test_a_budget_without_labels_keeps_to_its_estimate(coverage):
    one = sampler("auto", coverage)
    counter = one.budget.counter(one.bank.vectors, False, 0)
    rate, hardness = one.budget.limits(counter.prior, 50, False)
    assert rate == pytest.approx(counter.prior + 0.1 * (1 - counter.prior))
    assert hardness == 1
    assert counter.rates([np.array(batch) for batch in one]).mean() < 1.1 * rate
    assert batch_hardness(list(one), POINTS).value > 0.05


def test_settings_follow_embeddings_that_change():
    """The classes come together: fewer neighbours of them may share a batch."""
    one = sampler(Budget(0.1, labels=LABELS), refresh_every=20)
    first = one.chosen
    near = POINTS + 2 * RNG.normal(size=(30, 24))[LABELS]
    rates = []
    for _ in range(4):
        for batch in one:
            rates.append(false_negative_rate([batch], LABELS).value)
            one.update(batch, near[batch])
    assert one.chosen != first
    assert np.mean(rates[-60:]) == pytest.approx(0.1, rel=0.2)


@pytest.mark.parametrize("refresh", ["blocking", "background"])
def test_a_resumed_sampler_chooses_the_same(refresh):
    def new():
        settings = {"restart": Budget(0.1, labels=LABELS), "refresh_every": 10, "refresh": refresh}
        return RandomWalkBatchSampler(3000, 50, n_candidates=300, n_neighbors=60, coverage="partition", **settings)

    one, state, rest = new(), None, []
    for epoch in range(3):
        for number, batch in enumerate(one):
            one.update(batch, POINTS[batch])
            if state is not None:
                rest.append(batch)
            if (epoch, number) == (1, 33):
                state = copy.deepcopy(one.state_dict())
    other, again = new(), []
    other.load_state_dict(state)
    assert isinstance(other.chosen, Choice)
    for _ in range(2):
        for batch in other:
            other.update(batch, POINTS[batch])
            again.append(batch)
    assert again == rest
    assert other.chosen == one.chosen


def test_a_state_of_another_budget_is_refused():
    state = sampler(Budget(0.1, labels=LABELS)).state_dict()
    with pytest.raises(ValueError, match=r"its restart is 'Budget\(false_negatives=0\.1"):
        sampler(Budget(0.1, labels=LABELS[::-1].copy())).load_state_dict(state)
    state["shared"]["chosen"]["n_neighbors"] = 1000
    with pytest.raises(ValueError, match="state is damaged: n_neighbors must be between"):
        sampler(Budget(0.1, labels=LABELS)).load_state_dict(state)


def test_says_once_that_no_settings_keep_to_the_budget():
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        one = sampler(Budget(0.01, labels=LABELS), refresh_every=10)
        for _ in range(2):
            for batch in one:
                one.update(batch, POINTS[batch])
    (said,) = [str(each.message) for each in record if "no settings of the walk stay within" in str(each.message)]
    assert "allows 1.0% false negatives" in said


def test_a_negative_limit_of_hardness_is_kept_without_a_warning():
    away, settings = 5 * np.eye(24)[0], {"n_candidates": 500, "n_neighbors": 100, "coverage": "partition"}
    queries, targets = POINTS + away, POINTS - away
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "RandomWalkBatchSampler: no settings")
        one = RandomWalkBatchSampler.from_embeddings(
            queries, 50, targets=targets, restart=Budget(hardness=-0.25), **settings
        )
    assert -0.275 < one.chosen.hardness <= -0.25


def test_a_budget_holds_where_few_instances_have_labels():
    rng = np.random.default_rng(1)
    labels = rng.integers(10, size=10_000)
    points = (rng.normal(size=(10, 32))[labels] * 0.5 + rng.normal(size=(10_000, 32))).astype(np.float32)
    some = np.where(rng.random(10_000) < 0.03, labels, -1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = RandomWalkBatchSampler.from_embeddings(points, 32, restart=Budget(0.2, labels=some))
    assert one.chosen.false_negative_rate == pytest.approx(0.2, rel=0.1)
    assert false_negative_rate(list(one), labels).value == pytest.approx(0.2, rel=0.1)


def test_says_once_that_labels_are_too_few():
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        one = sampler(Budget(0.1, labels=np.where(np.arange(3000) < 5, LABELS[:3000], -1)), refresh_every=10)
        for batch in one:
            one.update(batch, POINTS[batch])
    (said,) = [str(each.message) for each in record if issubclass(each.category, (UserWarning, RuntimeWarning))]
    assert "RandomWalkBatchSampler: so few labels are known" in said
    assert "leave labels out" in said


def test_pairs_are_counted_by_their_targets():
    queries, targets = RNG.normal(size=(30, 24))[LABELS] + 0.3 * RNG.normal(size=(2, 3000, 24))
    settings = {"n_candidates": 500, "n_neighbors": 100, "coverage": "partition"}
    one = RandomWalkBatchSampler.from_embeddings(queries, 50, targets=targets, restart=Budget(0.1), **settings)
    counter = one.budget.counter(one.bank.vectors, True, 0)
    assert counter.method == "positives"
    assert counter.rates([np.array(batch) for batch in one]).mean() == pytest.approx(0.1, rel=0.2)


@pytest.mark.parametrize(("batch_size", "share"), [(2, 0.1), (31, 0.1), (61, 0.05), (301, 0.01)])
def test_by_default_each_pair_may_lose_three_negatives(batch_size, share):
    assert Budget().limits(0.02, batch_size, True)[0] == pytest.approx(0.02 + 0.98 * share)
    assert Budget().limits(0.02, batch_size, False)[0] == pytest.approx(0.02 + 0.98 * 0.1)
    assert Budget(0.4).limits(0.02, batch_size, True)[0] == 0.4


def test_members_of_large_batches_of_pairs_have_about_three_false_negatives_more_than_in_a_shuffle():
    queries, targets = RNG.normal(size=(30, 24))[LABELS] + 0.3 * RNG.normal(size=(2, 3000, 24))
    settings = {"n_candidates": 500, "n_neighbors": 100, "coverage": "partition"}
    one = RandomWalkBatchSampler.from_embeddings(queries, 150, targets=targets, restart="auto", **settings)
    counter = one.budget.counter(one.bank.vectors, True, 0)
    lost = counter.rates([np.array(batch) for batch in one]).mean() - counter.prior
    assert 149 * lost == pytest.approx(3, rel=0.2)


def test_without_a_budget_nothing_is_chosen():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = sampler(0.5, n_neighbors=20)
        next(iter(one))
    assert one.chosen is None
    assert one.budget is None
    assert one.restart_at(3) == 0.5
    assert np.isnan(RandomWalkBatchSampler(100, 10).restart_at(0))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"false_negatives": 0}, r"false_negatives must be a number in \(0, 1\], got 0"),
        ({"hardness": 2}, r"hardness must be a number in \(-1, 1\], got 2"),
        ({"labels": ["a", 1]}, "labels must"),
        ({"labels": ["a", None]}, "labels must be known for 2 instances or more"),
    ],
)
def test_limits_out_of_range_are_refused(settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Budget(**settings)


def test_labels_must_be_one_per_instance():
    with pytest.raises(ValueError, match="budget with one label for each of the"):
        RandomWalkBatchSampler(100, 10, restart=Budget(labels=LABELS))
