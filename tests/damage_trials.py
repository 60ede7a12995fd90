"""Damaged files of every kind that the toolkit reads, and what became of reading each.

``python -m damage_trials N KIND...`` prints a line of JSON for each of N damaged files of each kind: "refused" by an
error that names the file, the "same" as the whole file, "other" content, or "unclear". It runs in a process of its own,
because reading a file might crash the interpreter.
"""

import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from damage import flipped
from PIL import Image
from toy_task import make_task
from training_runs import run

from toolkit import _cache
from toolkit.datasets import _files, graphs, pairs, text, vision
from toolkit.plots import projection
from toolkit.training import History, compare, results


@dataclass
class Kind:
    """A kind of file: how to make one in a folder, how to read it back, whether damage to it shows."""

    make: Callable[[Path], Path]
    read: Callable[[Path], object]
    checked: bool = True  # by checksums, so that no other content is ever read
    damage: Callable[[bytes, np.random.Generator], bytes] = lambda content, rng: flipped(
        content, int(rng.integers(8 * len(content)))
    )


def truncated(content: bytes, rng) -> bytes:
    """Return the begin of a file."""
    return content[: int(rng.integers(len(content)))]


def damaged_text(content: bytes, rng) -> bytes:
    """Return a text file with a bit flipped, a line lost, or its end."""
    kind = rng.integers(3)
    if kind == 0:
        return flipped(content, int(rng.integers(8 * len(content))))
    lines = content.splitlines(keepends=True)
    del lines[int(rng.integers(len(lines)))]
    return b"".join(lines) if kind == 1 else truncated(content, rng)


def make_checkpoint(folder: Path) -> Path:
    run(3, "walk, partition", checkpoint=folder / "run.pt")
    return folder / "run.pt"


def resumed(path: Path) -> list:
    history, model = run(6, "walk, partition", seed=9, checkpoint=path)
    return [history.columns["loss"], *(value.tolist() for value in model.state_dict().values())]


def make_history(folder: Path) -> Path:
    run(3)[0].save(folder / "run.json")
    return folder / "run.json"


def make_results(folder: Path) -> Path:
    compare(make_task(), ["uniform", "knn"], ["square"], [0, 1], folder / "runs.csv", progress=False)
    return folder / "runs.csv"


def first_rows(path: Path) -> list:
    """Return whether each row that is read is what it was; a file cut short has fewer."""
    whole = results.read(path.with_name("whole.csv")) if path.with_name("whole.csv").exists() else None
    rows = results.read(path)
    return [] if whole is None or rows == whole[: len(rows)] else rows


def make_map(folder: Path) -> Path:
    _cache.write(folder / "map.npz", projection=np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32))
    return folder / "map.npz"


def read_map(path: Path) -> list:
    found = projection._known(path, 50)
    if found is None:
        raise ValueError(f"{path} is computed again")
    return found.tolist()


def make_bundled(folder: Path) -> Path:
    source = _files.bundled_folder() / "solubility"
    for path in source.iterdir():
        (folder / "solubility").mkdir(exist_ok=True)
        (folder / "solubility" / path.name).write_bytes(path.read_bytes())
    return folder / "solubility" / "positions.npy"


def read_bundled(path: Path) -> list:
    _files.bundled_folder = lambda: path.parents[1]
    return _files.bundled_array("solubility", path.name).tolist()


def make_graphs(folder: Path) -> Path:
    raw = folder / "graphs" / "T" / "raw"
    raw.mkdir(parents=True)
    parts = {"A": "1, 2\n2, 1\n3, 4\n4, 3\n", "graph_indicator": "1\n1\n2\n2\n", "graph_labels": "0\n1\n"}
    for name, content in parts.items():
        (raw / f"T_{name}.txt").write_text(content)
    return raw / "T_A.txt"


def read_graphs(path: Path) -> list:
    return [graph.edge_index.tolist() for graph in graphs.tu("T", path.parents[3]).graphs]


def make_pairs(folder: Path) -> Path:
    path = folder / "pairs.jsonl"
    rows = [{"query": f"capital of country {i}", "target": f"city {i}"} for i in range(60)]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    return path


def read_pairs(path: Path) -> list:
    return list(pairs.read(path).train.queries.texts)


def make_sentences(folder: Path) -> Path:
    path = folder / "sentences.txt"
    path.write_text("\n".join(f"sentence number {i}" for i in range(60)) + "\n")
    return path


def read_sentences(path: Path) -> list:
    return list(text.text_file(path, progress=False).texts)


def make_images(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for name in ("cat", "dog"):
            (folder / split / name).mkdir(parents=True)
            pixels = rng.integers(0, 255, (16, 16, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / split / name / "a.png")
    return folder / "train" / "cat" / "a.png"


def read_images(path: Path) -> list:
    return vision.image_folder(path.parents[2], size=8).views.images.load([0]).tolist()


KINDS = {
    "checkpoints": Kind(make_checkpoint, resumed),
    "histories": Kind(make_history, lambda path: repr(vars(History.load(path)))),
    "results cut short": Kind(make_results, first_rows, damage=truncated),
    "cached maps": Kind(make_map, read_map),
    "bundled data": Kind(make_bundled, read_bundled),
    "graphs (TU)": Kind(make_graphs, read_graphs, checked=False, damage=damaged_text),
    "pairs (JSON lines)": Kind(make_pairs, read_pairs, checked=False, damage=damaged_text),
    "sentences": Kind(make_sentences, read_sentences, checked=False, damage=damaged_text),
    "images (PNG)": Kind(make_images, read_images, checked=False),
}


def trials(kind: Kind, number: int, seed: int) -> Iterator[dict]:
    """Yield the outcome of reading a file with each damage."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = kind.make(Path(folder))
        content = path.read_bytes()
        path.with_name("whole.csv").write_bytes(content)
        right = kind.read(path)
        for _ in range(number):
            damaged = kind.damage(content, rng)
            path.write_bytes(damaged)
            yield outcome(kind, path, right)


def outcome(kind: Kind, path: Path, right) -> dict:
    """Return what became of reading a file."""
    try:
        found = kind.read(path)
    except Exception as error:
        told = "refused" if path.name in str(error) or str(path.parent) in str(error) else "unclear"
        return {"outcome": told, "detail": f"{type(error).__name__}: {error}"[:300]}
    return {"outcome": "same" if found == right else "other"}


if __name__ == "__main__":
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for name in sys.argv[2:]:
        for told in trials(KINDS[name], int(sys.argv[1]), seed=0):
            print(json.dumps({"kind": name} | told), flush=True)
