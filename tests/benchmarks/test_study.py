"""The study: its doses, its order, its tables, and what it predicts from what was known before."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from toy_task import make_task

from benchmarks import study, study_pictures, study_tables
from benchmarks.doses import CONSTANT, LABELS, doses
from toolkit.metrics import batch_hardness
from toolkit.training.comparison import Comparison

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(40, 16))[RNG.integers(0, 40, 3000)] + RNG.normal(size=(3000, 16))


def test_doses_get_harder():
    kinds = doses(3000, 50, 200)
    assert list(kinds) == list(LABELS)
    hardness = {}
    for name in ("uniform", "walk_50_1000", "walk_20_2000", "knn"):
        sampler = kinds[name].from_embeddings(POINTS, 50, seed=0)
        hardness[name] = batch_hardness([batch for batch in sampler if len(batch) > 1], POINTS).value
    assert list(hardness.values()) == sorted(hardness.values())
    assert hardness["walk_20_2000"] > hardness["uniform"] + 0.1


@pytest.mark.parametrize("n", [30, 188, 5000])
def test_every_dose_fits_a_small_set(n):
    for name, kind in doses(n, 8, 40).items():
        sampler = kind.from_embeddings(RNG.normal(size=(n, 4)), 8, seed=0)
        assert len(next(iter(sampler))) == 8, name


@pytest.mark.parametrize("model", ["graphcl", "mvgrl"])
def test_graphs_of_both_models_are_evaluated(model, data_root):
    task = study.molecules("MUTAG", model, data_root("graphs"))
    found = task.evaluate(task.make_model("jsd" if model == "mvgrl" else "infonce"))
    assert 0.5 < found["linear probe, ten folds"] <= 1


def test_curricula_change_and_constant_doses_do_not():
    kinds = doses(3000, 50, 100)
    for name in ("published", "easy_to_hard", "hard_to_easy"):
        restart = kinds[name].settings["restart"]
        assert restart(0) != restart(100)
    assert kinds["easy_to_hard"].settings["restart"](100) == kinds["hard_to_easy"].settings["restart"](0) == 0.9
    assert kinds["warm_up"].make(3000, 50).warmup_epochs == 2
    assert not {"easy_to_hard", "hard_to_easy", "warm_up"} & set(CONSTANT)


def test_runs_go_seed_by_seed():
    found = list(study.runs(["dictionary", "wikipedia"], None))
    assert found[:4] == [("dictionary", 0), ("wikipedia", 0), ("dictionary", 1), ("wikipedia", 1)]
    assert [seed for name, seed in found if name == "wikipedia"] == [0, 1, 2]
    assert len(list(study.runs(["MUTAG"], 1))) == 1


def test_a_study_that_was_stopped_goes_on(tmp_path, monkeypatch):
    calls = []
    task = make_task(calls, samplers=doses(48, 8, 6))
    monkeypatch.setattr(study, "task_of", lambda name, root: task)
    monkeypatch.setattr(study, "TRIALS", {"toy": study.Trial(None, seeds=2, doses=("uniform", "knn"))})
    arguments = ["--trials", "toy", "--out", str(tmp_path / "study.csv")]
    study.main([*arguments, "--seeds", "1"])
    assert len(calls) == 2
    study.main(arguments)
    assert len(calls) == 4
    assert len(Comparison.read(tmp_path / "study.csv").to_frame()) == 4


@pytest.fixture
def results():
    """Made-up trials whose gain is what a dose takes off the loss gap, minus five times its false negatives."""
    runs, known = [], []
    for trial, chance in zip(["dictionary", "code", "MUTAG", "NCI1"], (0.0, 0.02, 0.3, 0.5), strict=True):
        for place, dose in enumerate(CONSTANT):
            rate, gap = chance + 0.01 * place**2, 5 - 0.3 * place
            known.append((trial, dose, 0.1 * place, np.nan, rate, gap, 10.0))
            for seed in range(3):
                value = 0.5 * (1 + 0.01 * ((5 - gap) * 4 - 30 * (rate - chance) + 0.01 * seed))
                row = (trial, "static", "infonce", "study", dose, seed, 100, "MRR", value, 0.1, rate, 1.0, 2.0)
                runs.append(row)
    columns = (
        "set model loss settings sampler seed steps metric value hardness false_negative_rate sampler_seconds seconds"
    )
    names = "trial sampler hardness false_negatives estimated_false_negatives loss_gap variety"
    return Comparison(pd.DataFrame(runs, columns=columns.split())), pd.DataFrame(known, columns=names.split())


def test_the_table_holds_each_dose_with_its_gain(results):
    found = study_tables.gains(*results)
    text = study_tables.table(found)
    assert text.count("**") == 8
    for dose in CONSTANT:
        assert f"| {LABELS[dose]} |" in text
    row = found[(found.trial == "code") & (found.sampler == "walk_20_2000")].iloc[0]
    assert row.percent == pytest.approx(0.9 * 4 - 30 * 0.09, abs=0.01)
    assert f"{row.percent:+.1f} % ({row.percent_low:+.1f} to {row.percent_high:+.1f})" in text


def test_what_was_known_before_predicts_gains_that_follow_from_it(results):
    some = study_tables.known_before(study_tables.gains(*results))
    names = list(study_tables.FEATURES)
    predicted = study_tables.leave_one_out(some, names)
    assert np.mean((predicted > 0) == (some.percent > 0)) > 0.9
    text = study_tables.prediction(study_tables.gains(*results))
    assert "Leave-one-task-out (4 tasks)" in text
    assert "| always a gain |" in text


def test_the_picture_shows_each_dose(results):
    found = study_tables.gains(*results)
    rows = found[found.trial == "code"]
    shuffles = pd.Series([0.50, 0.51, 0.52])
    ax, beside, _ = study_pictures.draw("code", rows, shuffles).axes
    assert len(ax.collections[-1].get_offsets()) == len(CONSTANT)
    assert [text.get_text() for text in ax.texts] == [LABELS[dose] for dose in rows.sampler]
    boxes = [text.get_window_extent().extents for text in ax.texts]
    assert not any(study_pictures.overlap(a, b) for a, b in combinations(boxes, 2))
    assert not beside.get_xticks().size
    best = rows.loc[rows["mean"].idxmax()]
    assert ax.get_title(loc="left").startswith(f"code: {LABELS[best.sampler]}, +")


def test_the_title_claims_a_gain_only_where_an_interval_excludes_zero(results):
    rows = study_tables.gains(*results).query("trial == 'code'")
    wide = rows.assign(percent_low=-1.0, percent_high=1.0)
    assert study_pictures.title("code", wide) == "code: no interval excludes zero"
    single = rows.assign(percent_low=np.nan, percent_high=np.nan)
    assert study_pictures.title("code", single) == "code: one run of each dose"


def test_each_version_of_the_code_pairs_has_a_baseline_of_its_own(results):
    first, known = results
    runs = first.to_frame()
    code = runs[runs["set"] == "code"]
    runs.loc[code.index, "settings"] = "study, 54208 instances, B=32"
    later = code.assign(settings="study, 55607 instances, B=32", value=code.value + 0.1)
    whole = Comparison(pd.concat([runs, later], ignore_index=True))
    found = study_tables.gains(study_tables.pooled(whole), known).query("trial == 'code'")
    assert set(found.settings) == {"study, 54208 to 55607 instances, B=32"}
    assert found.runs.eq(6).all()
    alone = study_tables.gains(first, known).query("trial == 'code'")
    np.testing.assert_allclose(found.difference.dropna(), alone.difference.dropna(), atol=1e-12)
