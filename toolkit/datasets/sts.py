"""Scored sentence pairs: STS12 to STS16, STS-Benchmark and SICK-R, for evaluation only.

The files are ``root/sts/TASK/SUBSET.tsv``: a header, then the score and two sentences, separated by tabs, not quoted.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit import _checks
from toolkit._files import write_whole
from toolkit.datasets._files import data_root

# The subsets of each year, as SentEval takes them (STS13 without SMT).
SUBSETS = {
    "STS12": ("MSRpar", "MSRvid", "SMTeuroparl", "OnWN", "SMTnews"),
    "STS13": ("FNWN", "headlines", "OnWN"),
    "STS14": ("deft-forum", "deft-news", "headlines", "images", "OnWN", "tweet-news"),
    "STS15": ("answers-forums", "answers-students", "belief", "headlines", "images"),
    "STS16": ("answer-answer", "headlines", "plagiarism", "postediting", "question-question"),
    "STSBenchmark": ("test",),
    "SICK-R": ("all",),
}
TASKS = tuple(SUBSETS)
# On the hub a year is one file; "all" holds every subset of it.
HUB = {task: f"mteb/{task.replace('-', '').lower()}-sts" for task in TASKS}
HUB_SPLITS = {"train": "train", "dev": "validation", "test": "test", "all": "test"}
HEADER = ("score", "sentence1", "sentence2")


@dataclass(frozen=True, repr=False)
class ScoredPairs:
    """Sentence pairs with human similarity scores.

    Attributes
    ----------
    name : str
    scores : tuple of float
        From 0, unrelated, to 5, the same.
    first, second : tuples of str
    missing : tuple of str
        Subsets that belong here but are not there.
    """

    name: str
    scores: tuple[float, ...]
    first: tuple[str, ...]
    second: tuple[str, ...]
    missing: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.scores)

    def __repr__(self) -> str:
        missing = f", without {', '.join(self.missing)}" if self.missing else ""
        return f"ScoredPairs({self.name}, n={len(self)}{missing})"


def sts(
    root: str | Path | None = None, tasks: Sequence[str] = TASKS, split: str = "test", download: bool = False
) -> list[ScoredPairs]:
    """Return the pairs of each task, all subsets of a year together ("all" setting).

    A task without any file comes without pairs, and all its subsets are named as missing.

    Parameters
    ----------
    root : path, optional
        Folder that holds ``sts/``; by default the variable ``TOOLKIT_DATA``, or ``~/.cache/toolkit``.
    tasks : sequence of str
        Names among STS12, ..., STS16, STSBenchmark, SICK-R.
    split : {"test", "dev", "train"}
        Split of STS-Benchmark. Choose settings on ``"dev"``.
    download : bool
        Whether to fetch what is missing from the hub, with the `datasets` library.

    Raises
    ------
    FileNotFoundError, ValueError
        If none of the tasks is there; for a line that is not a score and two sentences (it is named).
    """
    folder = data_root(root) / "sts"
    for task in tasks:
        _checks.choice("tasks", task, TASKS)
    _checks.choice("split", split, ("test", "dev", "train"))
    result = [_read_task(folder, task, split, download) for task in tasks]
    if not any(map(len, result)):
        raise FileNotFoundError(
            f"none of {', '.join(tasks)} under {folder}: pass download=True, or the folder that holds sts/ as root="
        )
    return result


def _read_task(folder: Path, task: str, split: str, download: bool) -> ScoredPairs:
    whole, subsets = ("all", SUBSETS[task]) if task != "STSBenchmark" else (split, (split,))
    whole = folder / task / f"{whole}.tsv"
    paths = [whole] if whole.is_file() else [folder / task / f"{subset}.tsv" for subset in subsets]
    if download and not all(path.is_file() for path in paths):
        _download(task, whole)
        paths = [whole]
    missing = tuple(path.stem for path in paths if not path.is_file())
    rows = [row for path in paths if path.is_file() for row in _read(path)]
    scores, first, second = zip(*rows, strict=True) if rows else ((), (), ())
    return ScoredPairs(task, scores, first, second, missing)


def _read(path: Path) -> list[tuple[float, str, str]]:
    lines = path.read_text(encoding="utf-8").split("\n")
    if tuple(lines[0].rstrip("\r").split("\t")) != HEADER:
        raise ValueError(f"{path} must begin with the line score<TAB>sentence1<TAB>sentence2, got {lines[0][:80]!r}")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if not line:
            continue
        score, *sentences = line.rstrip("\r").split("\t")
        try:
            value = float(score)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or len(sentences) != 2 or not all(map(str.strip, sentences)):
            raise ValueError(f"line {number} of {path} must be a score and two sentences, got {line[:80]!r}")
        rows.append((value, sentences[0], sentences[1]))
    return rows


def _download(task: str, path: Path) -> None:
    """Fetch a task from the hub and write it as the one file of it."""
    from datasets import load_dataset

    try:
        pairs = load_dataset(HUB[task], split=HUB_SPLITS[path.stem])
    except Exception as error:  # the library raises all kinds of errors without a network
        raise FileNotFoundError(f"{task} can't be fetched from the hub ({error}): put it at {path}") from error
    lines = ["\t".join(HEADER)]
    for score, *sentences in zip(*(pairs[column] for column in HEADER), strict=True):
        lines.append("\t".join([str(score), *(" ".join(sentence.split()) for sentence in sentences)]))
    write_whole(path, lambda file: file.write("\n".join([*lines, ""]).encode()))
