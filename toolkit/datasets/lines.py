"""Many short texts in little memory."""

from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np


class Lines(Sequence):
    """Strings in one block of UTF-8 bytes: a million of them take little more memory than their file.

    Parameters
    ----------
    texts : iterable of str
        Read once.

    Examples
    --------
    >>> lines = Lines(["one", "zwölf"])
    >>> len(lines), lines[1]
    (2, 'zwölf')
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._bytes, ends = bytearray(), array("q", [0])
        for text in texts:
            self._bytes += text.encode()
            ends.append(len(self._bytes))
        self._ends = np.asarray(ends)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index):
        """Return the text at a position, or a list of those in a slice."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"index must lie in [{-len(self)}, {len(self)}), got {index}")
        index %= len(self)
        return self._bytes[self._ends[index] : self._ends[index + 1]].decode()

    def __repr__(self) -> str:
        return f"Lines(n={len(self)})"


def read_lines(path: str | Path, encoding: str = "utf-8", limit: int | None = None) -> Lines:
    """Return the lines of a text file that are not empty, without white space around them.

    The file is read as a stream. Line ends must be those of ASCII, as in UTF-8 and in all 8-bit encodings.

    Parameters
    ----------
    path : path
    encoding : str
    limit : int, optional
        Stop after as many lines.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a line is not in this encoding (the line is named), or no line has text.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}: give the path of a plain text file, one sentence a line")
    lines = Lines(_decoded(path, encoding, limit))
    if not len(lines):
        raise ValueError(f"{path} has no line with text in it")
    return lines


def _decoded(path: Path, encoding: str, limit: int | None) -> Iterable[str]:
    n = 0
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                text = line.decode(encoding).removeprefix("\ufeff").strip()
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"line {number} of {path} is not {encoding} (byte 0x{line[error.start]:02x} at position "
                    f"{error.start}): convert the file, or name its encoding, such as encoding='latin-1'"
                ) from error
            if text:
                yield text
                n += 1
            if n == limit:
                return
