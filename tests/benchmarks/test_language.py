"""The benchmark of sentences, on a corpus of a few lines."""

import pandas as pd
import pytest

from benchmarks import language, modality
from benchmarks.modality import main

pytest.importorskip("transformers")

PAIRS = "score\tsentence1\tsentence2\n5\ta cat sat\ta cat sat down\n4\ta dog\tthe dog\n1\ta cat\tthe sea is blue\n"


@pytest.fixture
def root(tmp_path):
    """A folder with a corpus of 200 lines and three STS files; STS13 lacks two subsets."""
    words = ["cat", "dog", "sea", "sat", "runs", "blue", "green", "the", "a", "is", "over", "under"]
    lines = [" ".join(words[(i * k + k) % len(words)] for k in range(1, 4 + i % 5)) for i in range(200)]
    files = {
        "text/wiki_sentences.txt": "\n".join(lines),
        "sts/STSBenchmark/dev.tsv": PAIRS,
        "sts/STSBenchmark/test.tsv": PAIRS,
        "sts/STS13/OnWN.tsv": PAIRS,
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def test_runs_are_compared_and_what_is_missing_stands_in_the_metrics_name(root, capsys):
    out = root / "results.csv"
    arguments = ["--data", str(root), "--steps", "8", "--seeds", "0", "--out", str(out), "--losses", "infonce", "dcl"]
    main(language.MODALITY, "", arguments)
    frame = pd.read_csv(out)
    metric = "STS Spearman, mean of STS13 without FNWN headlines, STSBenchmark"
    assert set(frame.metric) == {metric}
    assert frame.sampler.tolist() == ["untrained"] + 2 * ["uniform", "random_walk", "knn"]
    assert ((frame.value - (frame.STS13 + frame.STSBenchmark) / 2).abs() < 1e-9).all()
    assert frame.alignment.between(0, 4).all()
    assert (frame.uniformity <= 0).all()
    assert all("random weights" in settings for settings in frame.settings), "results say what they started from"
    assert metric in capsys.readouterr().out
    before = out.read_bytes()
    main(language.MODALITY, "", arguments)
    assert out.read_bytes() == before, "finished runs are not repeated"


def test_a_text_file_of_ones_own(root):
    own = root / "own.txt"
    own.write_text("one cat sat\ntwo dogs sat\n" * 100)
    task = language.make_task(str(own), "simcse", language.LANGUAGE["cpu-minute"], root)
    assert (task.name, len(task.dataset)) == ("own", 200)
    assert task.batch_size == 64
    assert task.sampler_settings["random_walk"] == {"refresh_every": 100}


def test_presets_name_what_they_start_from(root):
    for name, preset in language.LANGUAGE.items():
        if preset.encoder is None:
            task = language.make_task("wikipedia", "simcse", preset, root)
            start = f"random weights, {preset.n_layers} x {preset.width} without positions, {preset.pooling} pooling"
            assert task.settings.startswith(start), name
        else:
            assert preset.encoder == "bert-base-uncased"


def test_results_have_their_place():
    assert modality.RESULTS.name == "results"
    assert language.MODALITY.name == "language"
