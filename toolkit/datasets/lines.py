"""Lines of text files."""

import codecs
from itertools import islice
from pathlib import Path

import numpy as np

from toolkit import _checks


def read_lines(path: str | Path, encoding: str = "utf-8", limit: int | None = None) -> np.ndarray:
    """Return the lines of a text file that are not empty, without white space around them.

    The file is read as a stream. Line ends must be those of ASCII, as in UTF-8 and in all 8-bit encodings.

    Parameters
    ----------
    path : path
        A plain text file.
    encoding : str
        Name of its encoding.
    limit : int, optional
        Largest number of lines to return.

    Returns
    -------
    array of numpy's `StringDType`, shape (N,)
        Its items are str. A million lines take little more memory than their file.

    Raises
    ------
    FileNotFoundError, ValueError
        For no such file, an unknown encoding, a line in another one (the line is named), and no line with text.
    """
    limit = None if limit is None else _checks.integer("limit", limit, 1)
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise ValueError(f"encoding must be one that Python knows, such as 'latin-1', got {encoding!r}") from None
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}: give the path of a plain text file with one sentence per line")
    with open(path, "rb") as file:
        texts = (_decoded(path, encoding, number, line) for number, line in enumerate(file, start=1))
        lines = np.fromiter(islice(filter(None, texts), limit), np.dtypes.StringDType())
    if not len(lines):
        raise ValueError(f"path must be a text file with one sentence per line, got {str(path)!r}, which has no text")
    return lines


def _decoded(path: Path, encoding: str, number: int, line: bytes) -> str:
    try:
        return line.decode(encoding).removeprefix("\ufeff").strip()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"line {number} of {path} is not {encoding} (byte 0x{line[error.start]:02x} at position {error.start}): "
            "convert the file, or name its encoding, such as encoding='latin-1'"
        ) from error
