"""No file makes code run: the sources name no unpickling, and hostile files are tried wherever one is read."""

import json
import pickle
import re
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from training_runs import run

from toolkit import _cache
from toolkit.datasets import graphs, pairs, text, vision
from toolkit.models.text_encoders import pretrained, sentence_encoder
from toolkit.plots import Thumbnails, projection
from toolkit.training import Comparison, History

ROOT = Path(__file__).parents[2]
RUNS_CODE = re.compile(
    r"\bimport (pickle|marshal|shelve|joblib|dill|cloudpickle)\b|\bread_pickle\b|allow_pickle=True"
    r"|trust_remote_code=True|torch\.load\((?!.*weights_only=True)|yaml\.load\(|weights_only=False|(?<![.\w])(eval|exec)\("
)
SOURCES = [path for folder in ("toolkit", "benchmarks", "docs") for path in (ROOT / folder).rglob("*.py")]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_sources_name_nothing_that_runs_code(path):
    assert not RUNS_CODE.search(path.read_text())


class Hostile:
    """Makes a file when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def as_zip(path, mark):
    """Write a checkpoint of torch whose pickle is hostile."""
    run(2, checkpoint=path)
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in records.items():
            archive.writestr(name, pickle.dumps(Hostile(mark), 2) if name.endswith("data.pkl") else content)


def as_pickle(path, mark):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(Hostile(mark)))


def read_graphs(path):
    as_pickle(path.parent / "graphs" / "T" / "processed" / "data.pt", path.parent / "mark")
    graphs.tu("T", path.parent)


def read_cifar(path):
    for name in ("data_batch_1", "batches.meta", "test_batch"):
        as_pickle(path.parent / "cifar-10-batches-py" / name, path.parent / "mark")
    vision.cifar10(path.parent)


def read_encoder(read):
    """Return a reader of a folder with the weights of a transformers model in a hostile pickle."""

    def read_folder(path):
        config = {"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
        (path.parent / "config.json").write_text(json.dumps(config))
        as_pickle(path.parent / "pytorch_model.bin", path.parent / "mark")
        read(path.parent)

    return read_folder


def read_modules(path):
    """Name a module of the folder's own as a part of a sentence-transformers model."""
    (path.parent / "hostile.py").write_text(f"open({str(path.parent / 'mark')!r}, 'w')\nclass Part: pass\n")
    (path.parent / "modules.json").write_text(json.dumps([{"idx": 0, "name": "0", "path": "", "type": "hostile.Part"}]))
    (path.parent / "config_sentence_transformers.json").write_text("{}")
    sentence_encoder(path.parent)


READERS = {
    "checkpoint": (as_zip, lambda path: run(4, checkpoint=path)),
    "checkpoint, a bare pickle": (as_pickle, lambda path: run(4, checkpoint=path)),
    "history": (as_zip, History.load),
    "history, a bare pickle": (as_pickle, History.load),
    "results": (as_pickle, Comparison.read),
    "kept map": (as_pickle, lambda path: projection._known(path, 50)),
    "kept tokens": (as_pickle, lambda path: _cache.read(path, ids=(None,), lengths=(3,))),
    "graphs": (as_pickle, read_graphs),
    "CIFAR-10": (as_pickle, read_cifar),
    "pairs": (as_pickle, lambda path: pairs.read(path.rename(path.with_suffix(".parquet")))),
    "pairs, packed": (as_pickle, lambda path: pairs.read(path.rename(path.with_name("a.jsonl.gz")))),
    "sentences": (as_pickle, text.text_file),
    "images": (as_pickle, lambda path: Thumbnails([path]).pixels(0)),
    "transformers": (as_pickle, read_encoder(pretrained)),
    "transformers, pooled": (as_pickle, read_encoder(sentence_encoder)),
    "sentence-transformers": (as_pickle, read_modules),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reader", READERS)
def test_hostile_files_do_not_run(reader, tmp_path, monkeypatch, tally):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    write, read = READERS[reader]
    path, mark = tmp_path / "file.pt", tmp_path / "mark"
    write(path, mark)
    with suppress(Exception):
        read(path)
    assert not mark.exists(), "code of the file ran"
    tally("hostile pickles", did_not_run=1)


def test_the_hostile_file_is_hostile(tmp_path):
    path, mark = tmp_path / "file.pt", tmp_path / "mark"
    as_zip(path, mark)
    torch.load(path, weights_only=False)
    assert mark.exists()
