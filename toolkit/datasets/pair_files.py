"""Pairs of texts from your own files: TSV, CSV, JSON lines, Parquet, or a Hugging Face `Dataset`."""

import csv
import glob
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from toolkit import _checks
from toolkit.datasets.pair_sets import PairData, split_pairs

CHUNK = 10_000  # rows read at a time
JSON = (".jsonl", ".ndjson", ".json")
SUFFIXES = (".tsv", ".csv", *JSON, ".parquet")
PACKED = (".gz", ".bz2", ".xz")


def read(
    path,
    query: str = "query",
    target: str = "target",
    group: str | None = None,
    tokenizer=None,
    max_length: int = 64,
    *,
    n_dev: int | None = None,
    n_test: int | None = None,
    seed: int = 0,
) -> PairData:
    """Return the pairs of texts in two columns of a file.

    Files are read in parts, so memory stays close to the size of the texts. Pairs with the same query, target or group
    stay on the same side of the split, and every target of a query counts as correct.

    Parameters
    ----------
    path : path or datasets.Dataset
        File whose name ends in .tsv, .csv, .jsonl, .ndjson, .json (all three JSON lines) or .parquet; text files may
        also be compressed (.gz, .bz2, .xz). Or a Hugging Face `datasets.Dataset`. TSV and CSV files begin with the
        names of the columns; TSV is read without quoting.
    query, target : str
        Names of the columns that hold the texts.
    group : str, optional
        Name of the column that holds the group, such as a document's or a product's identifier.
    tokenizer : str, path or transformers tokenizer, optional
        Tokenizer of both sides, as for `Sentences`; by default one trained on the training pairs, without special
        tokens at the ends.
    max_length : int
        Maximum number of tokens per text; longer texts are cut.
    n_dev, n_test : int, optional
        Number of distinct queries to hold out; by default 3,000, or a tenth of all queries if that is fewer.
    seed : int
        Random seed for the split.

    Raises
    ------
    FileNotFoundError, ValueError
        For a missing file, a file of another kind, a missing column, an empty text (the row is named, counted
        from 0 without the header), and too few pairs.

    Examples
    --------
    >>> import tempfile
    >>> from toolkit.datasets import pairs
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "capitals.tsv"
    ...     rows = (f"capital of country {i}\\tcity {i}\\n" for i in range(100))
    ...     _ = path.write_text("question\\tanswer\\n" + "".join(rows))
    ...     pairs.read(path, query="question", target="answer")
    PairData(train=80, dev=10, test=10, targets=100)
    """
    max_length, seed = _checks.integer("max_length", max_length, 4), _checks.seed(seed)
    for name, column in (("query", query), ("target", target), ("group", group)):
        if not isinstance(column, str) and not (name == "group" and column is None):
            raise TypeError(f"{name} must be the name of a column, got {column!r}")
    names = [query, target] if group is None else [query, target, group]
    parts, start = [], 0
    for columns in _readable(_chunks(path, names), _name(path)):
        parts.append([_texts(_name(path), name, values, start) for name, values in zip(names, columns, strict=True)])
        start += len(columns[0])
    if not start:
        raise ValueError(f"{_name(path)} must have rows, got none")
    queries, targets, *groups = map(np.concatenate, zip(*parts, strict=True))
    return split_pairs(
        queries,
        targets,
        tokenizer,
        max_length,
        groups=groups[0] if groups else None,
        n_dev=n_dev,
        n_test=n_test,
        seed=seed,
        source=_name(path),
    )


def _readable(chunks: Iterator[list], where: str) -> Iterator[list]:
    """Yield the chunks; an error of the libraries that read them names the file."""
    try:
        yield from chunks
    except Exception as error:
        if where in str(error):
            raise
        raise ValueError(f"{where} can't be read, is it damaged? {type(error).__name__}: {error}") from error


def _chunks(path, names: list[str]) -> Iterator[list]:
    """Yield the columns `names` of some rows at a time."""
    if hasattr(path, "column_names"):  # a Dataset
        yield from _of_dataset(path, _name(path), names)
        return
    path = Path(path).expanduser()
    suffix = next((ending for ending in reversed(path.suffixes) if ending not in PACKED), "")
    if suffix not in SUFFIXES or (suffix == ".parquet" and path.suffix != suffix):
        raise ValueError(f"path must end in {', '.join(SUFFIXES)}, or be a datasets.Dataset, got {path.name!r}")
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}: give the path of a file of pairs")
    if not path.stat().st_size:
        return
    if suffix in (".tsv", ".csv"):
        yield from _of_table(path, suffix, names)
        return
    from datasets import load_dataset

    kind = "parquet" if suffix == ".parquet" else "json"
    files = glob.escape(str(path))  # datasets takes a name for a pattern
    yield from _of_dataset(load_dataset(kind, data_files=files, split="train", streaming=True), str(path), names)


def _of_table(path: Path, suffix: str, names: list[str]) -> Iterator[list]:
    import pandas as pd

    layout: dict[str, Any] = {"sep": "\t", "quoting": csv.QUOTE_NONE} if suffix == ".tsv" else {}
    _check_columns(str(path), pd.read_csv(path, nrows=0, **layout).columns.tolist(), names)
    layout |= {"dtype": str, "keep_default_na": False, "index_col": False}
    # All columns are read: with only some of them, pandas takes rows with too many fields, and cuts their texts.
    with pd.read_csv(path, chunksize=CHUNK, **layout) as reader:
        while (chunk := _next_rows(reader)) is not None:
            yield [chunk[name].tolist() for name in names]


def _next_rows(reader):
    """Return the reader's next rows, None at the end, or raise if one has too many fields."""
    from pandas.errors import ParserWarning

    with warnings.catch_warnings():
        warnings.simplefilter("error", ParserWarning)  # which pandas makes of too many fields in the first row
        return next(reader, None)


def _of_dataset(dataset, where: str, names: list[str]) -> Iterator[list]:
    columns = dataset.column_names
    if columns is None:  # of a stream whose columns show with its first row
        columns = list(next(iter(dataset), {}))
    _check_columns(where, columns, names)
    for chunk in dataset.select_columns(names).iter(CHUNK):
        yield [chunk[name] for name in names]


def _check_columns(where: str, columns: list[str], names: list[str]) -> None:
    absent = [name for name in names if name not in columns]
    if absent:
        raise ValueError(
            f"{where} has no column {absent[0]!r}, only {', '.join(map(repr, columns))}: name the columns with query=, "
            "target= and group="
        )


def _texts(where: str, name: str, values: list, start: int) -> np.ndarray:
    for row, value in enumerate(values, start):
        if not isinstance(value, (str, int)) or not str(value).strip():
            raise ValueError(
                f"column {name!r} of {where} must have a text in each row, got {value!r} in row {row}: fill it or drop "
                "the row"
            )
    return np.array([str(value) for value in values], np.dtypes.StringDType())


def _name(path) -> str:
    return repr(path) if hasattr(path, "column_names") else Path(path).name
