"""Pairs of a docstring and its code, from Python sources that are parsed and never run."""

import ast
import gc
import importlib.metadata
import platform
import re
import sysconfig
import textwrap
import tokenize
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from toolkit import _checks
from toolkit.datasets.pair_sets import PairData, split_pairs

PROJECT = "batchsampler-toolkit"
SKIPPED = {"test", "tests", "testing", "_testing", "idle_test", "lib2to3", "site-packages", "dist-packages"}
LEAST_WORDS = 4
CHARACTERS = 6  # kept per token of `max_length`: a token of code has fewer on average
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


def code(
    source: str | Path | Sequence[str | Path] | None = None,
    tokenizer=None,
    max_length: int = 64,
    *,
    limit: int | None = 40_000,
    n_dev: int | None = None,
    n_test: int | None = None,
    seed: int = 0,
    progress: bool = False,
) -> PairData:
    """Return pairs of a docstring and its code: functions, methods and classes of Python sources.

    The query is the docstring's first paragraph, of four words or more; the target is the source without docstrings,
    name and signature included. Pairs with the same docstring or the same code, such as overrides and copies, are in
    one group and on one side of the split; all code with the same docstring is right for it. Sources are only parsed.
    Tests are left out.

    Parameters
    ----------
    source : str, path or sequence of these, optional
        Folders and names of installed packages; by default the standard library and the toolkit's own dependencies, as
        far as they are installed.
    tokenizer : str, path or transformers tokenizer, optional
        Tokenizer of both sides, as for `Sentences`; by default one trained on the training pairs, without special
        tokens at the ends.
    max_length : int
        Largest number of tokens of a text; longer ones are cut.
    limit : int or None
        Largest number of pairs: files are read in a random order until there are as many. All with None.
    n_dev, n_test : int, optional
        Number of distinct queries to hold out; by default 3,000, or a tenth of all queries if that is fewer.
    seed : int
        Random seed for the order of the files and for the split.
    progress : bool
        Whether to show a progress bar while parsing.

    Returns
    -------
    PairData
        Its `source` names the versions that were read, and the number of files that could not be.

    Raises
    ------
    ValueError
        If a source is neither a folder nor an installed package, or too few pairs are found.

    Examples
    --------
    >>> from toolkit.datasets import pairs
    >>> data = pairs.code("tqdm", n_dev=10, n_test=20)
    >>> data.source.split()[0], len(data.dev.queries), len(data.test.queries)
    ('tqdm', 10, 20)
    """
    if limit is not None:
        limit = _checks.integer("limit", limit, 1)
    max_length = _checks.integer("max_length", max_length, 4)
    names, files = [], []
    for name, paths in _sources(source):
        names.append(name)
        files += paths
    seed, progress = _checks.seed(seed), _checks.flag("progress", progress)
    order = np.random.default_rng(seed).permutation(len(files))
    docs, codes, n_failed = [], [], 0
    with _no_garbage_collection():
        for i in tqdm(order, desc="parse", unit="file", disable=not progress):
            found = _parsed(files[i])
            n_failed += found is None
            for doc, text in found or ():
                docs.append(doc[: CHARACTERS * max_length])
                codes.append(text[: CHARACTERS * max_length])
            if limit is not None and len(codes) >= limit:
                break
    about = ", ".join(names) + (f" ({n_failed} files not readable)" if n_failed else "")
    if not codes:
        raise ValueError(f"source must hold docstrings of {LEAST_WORDS} words or more, got none in {about}")
    _, first, copy_of = np.unique([" ".join(text.split()) for text in codes], return_index=True, return_inverse=True)
    same = [codes[i] for i in first[copy_of]]  # one text for all that differ in white space only
    return split_pairs(
        docs[:limit], same[:limit], tokenizer, max_length, n_dev=n_dev, n_test=n_test, seed=seed, source=about
    )


@contextmanager
def _no_garbage_collection() -> Generator[None]:
    """Leave out collections, which take a third of the time of parsing and find nothing: trees hold no cycles."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _sources(source) -> Iterator[tuple[str, list[Path]]]:
    """Yield a description and the files of each source."""
    if source is None:
        yield _of_folder(Path(sysconfig.get_path("stdlib")))
        needed = importlib.metadata.requires(PROJECT) or []
        for name in sorted({re.split(r"[^\w.-]", text)[0] for text in needed if not re.search("extra == .dev", text)}):
            try:
                yield _of_distribution(name)
            except importlib.metadata.PackageNotFoundError:
                continue
        return
    several = [source] if isinstance(source, (str, Path)) else _checks.listed("source", source, "folders and packages")
    for one in several:
        if not isinstance(one, (str, Path)):
            raise TypeError(f"source must be folders and names of packages, got {one!r}")
        folder = Path(one).expanduser()
        yield _of_folder(folder) if folder.is_dir() else _of_package(str(one))


def _of_package(name: str) -> tuple[str, list[Path]]:
    try:
        return _of_distribution(name)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        owners = importlib.metadata.packages_distributions().get(name)
    if owners is None:
        raise ValueError(f"source must be a folder or the name of an installed package, got {name!r}")
    return _of_distribution(owners[0])


def _of_distribution(name: str) -> tuple[str, list[Path]]:
    found = importlib.metadata.distribution(name)
    files = sorted(file for file in found.files or () if _wanted(file))
    return f"{name} {found.version}", [Path(str(file.locate())) for file in files]


def _of_folder(folder: Path) -> tuple[str, list[Path]]:
    is_library = folder == Path(sysconfig.get_path("stdlib"))
    name = f"Python {platform.python_version()}" if is_library else folder.resolve().name
    return name, sorted(path for path in folder.rglob("*.py") if _wanted(path.relative_to(folder)))


def _wanted(path) -> bool:
    """Whether a file, by its path inside the source, is Python and not a test."""
    name = path.name
    return (
        name.endswith(".py")
        and not name.startswith("test_")
        and not name.endswith("_test.py")
        and name != "conftest.py"
        and SKIPPED.isdisjoint(path.parts)
    )


def _parsed(path: Path) -> list[tuple[str, str]] | None:
    """Return (docstring, code) of each definition of a file that has both, or None if it can't be read."""
    try:
        with tokenize.open(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the parser, on escapes
            text = file.read()
            definitions = list(_definitions(ast.parse(text)))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    lines = text.split("\n")
    docs = {}
    for node in definitions:
        doc = ast.get_docstring(node)
        if doc and re.match(r"""\s*[rRuU]?["']""", lines[node.body[0].lineno - 1]):
            docs[node] = doc
    hidden = {row for node in docs for row in _rows(node.body[0])}
    pairs = []
    for node, doc in docs.items():
        query = " ".join(re.split(r"\n\s*\n", doc, maxsplit=1)[0].split())
        if len(query.split()) >= LEAST_WORDS:
            rows = sorted({row for part in (*node.decorator_list, node) for row in _rows(part)} - hidden)
            pairs.append((query, textwrap.dedent("\n".join(lines[row - 1] for row in rows)).strip()))
    return pairs


def _rows(node: ast.stmt | ast.expr) -> range:
    """Return the numbers of a node's lines, from 1."""
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _definitions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Yield all functions and classes; only statements are searched, which is faster than `ast.walk`."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node
        stack += [child for block in BLOCKS for child in getattr(node, block, ())]
