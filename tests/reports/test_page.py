"""Reports: one file that holds everything, whatever the texts."""

import base64
import re

import numpy as np
import pytest

from toolkit import KNNBatchSampler
from toolkit.metrics import audit, suggest_settings
from toolkit.reports import write_audit, write_suggestion
from toolkit.samplers import SAMPLERS

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 20, 1500)
POINTS = RNG.normal(size=(20, 16))[LABELS] + 0.7 * RNG.normal(size=(1500, 16))
BATCHES = list(KNNBatchSampler.from_embeddings(POINTS, 30))


def read(path):
    """Return the text of a page, after what all pages must hold to."""
    text = path.read_text("utf-8")
    assert text.startswith("<!doctype html>")
    assert "<script" not in text
    assert not re.search(r'(src|href)="(?!data:)', text), "nothing outside of the file"
    for picture in re.findall(r'data:image/png;base64,([^"]+)"', text):
        assert base64.b64decode(picture).startswith(b"\x89PNG")
    return text


def test_an_audit_holds_its_figures_its_picture_and_the_worst_pairs(tmp_path):
    found = audit(BATCHES, POINTS, labels=LABELS)
    write_audit(found, tmp_path / "audit.html")
    text = read(tmp_path / "audit.html")
    assert found.summary in text
    assert f"{found.table.batches['false negatives']:.1%}" in text
    assert f"{found.pairs.similarity.iloc[0]:.3f}" in text
    assert text.count("data:image/png") == 1


def test_an_audit_of_few_instances_leaves_out_what_is_not_estimated(tmp_path):
    found = audit([range(20)], POINTS[:20])
    write_audit(found, tmp_path / "audit.html")
    text = read(tmp_path / "audit.html")
    assert "False negatives are not estimated, because 20 instances" in text
    assert "nan" not in re.sub('base64,[^"]*', "", text).lower()


def test_items_are_shown_as_they_are_and_nothing_of_them_runs(tmp_path):
    items = [f"<script>alert({i})</script> $x_{i}" for i in range(1500)]
    found = audit(BATCHES, POINTS)
    write_audit(found, tmp_path / "audit.html", items)
    text = read(tmp_path / "audit.html")
    first = found.pairs["first"].iloc[0]
    assert f"&lt;script&gt;alert({first})&lt;/script&gt; $x_{first}" in text


def test_items_must_be_one_per_instance(tmp_path):
    with pytest.raises(ValueError, match="items must be one per instance, 1500, got 2"):
        write_audit(audit(BATCHES, POINTS), tmp_path / "audit.html", ["a", "b"])
    assert not list(tmp_path.iterdir())


def test_a_suggestion_holds_the_sentence_the_code_and_all_settings(tmp_path):
    found = suggest_settings(POINTS, 30, labels=LABELS)
    write_suggestion(found, tmp_path / "settings.html")
    text = read(tmp_path / "settings.html")
    assert found.reason in text
    assert f"{SAMPLERS[found.sampler].cls.__name__}(len(dataset), batch_size=30" in text
    assert text.count("<tr") == len(found.points) + 1
    assert "<td>cluster</td>" in text
    assert "nan" not in text.lower().partition("settings tried</h2>")[2], "what a sampler does not have is left empty"
