"""A disk that fails at the k-th change of a file, as a full one does."""

import builtins
import errno
import io
import os
from contextlib import contextmanager

OPEN, FSYNC, REPLACE, LINK = open, os.fsync, os.replace, os.link
READING = {"r", "rb", "rt"}


class Disk:
    """Counts the changes of files; number `fails` of them raises."""

    def __init__(self, fails):
        self.fails, self.changes = fails, 0

    def change(self, what):
        self.changes += 1
        if self.changes == self.fails:
            raise OSError(errno.ENOSPC, f"No space left on device ({what})")

    def open(self, file, mode="r", *arguments, **settings):
        if mode in READING or isinstance(file, int):
            return OPEN(file, mode, *arguments, **settings)
        self.change("open")
        return File(self, OPEN(file, mode, *arguments, **settings))

    def fsync(self, number):
        self.change("fsync")
        return FSYNC(number)

    def replace(self, source, target):
        self.change("replace")
        return REPLACE(source, target)

    def link(self, source, target):
        self.change("link")
        return LINK(source, target)


class File:
    """A file of which the failing write leaves the first half."""

    def __init__(self, disk, file):
        self._disk, self._file = disk, file

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()

    def write(self, content):
        try:
            self._disk.change("write")
        except OSError:
            self._file.write(memoryview(content)[: len(content) // 2] if not isinstance(content, str) else content[:1])
            raise
        return self._file.write(content)

    def truncate(self, size=None):
        self._disk.change("truncate")
        return self._file.truncate(size)


@contextmanager
def failing(k, monkeypatch):
    """Let the k-th change of a file fail; yield the disk."""
    disk = Disk(k)
    with monkeypatch.context() as patch:
        for module in (builtins, io):
            patch.setattr(module, "open", disk.open)
        for name in ("fsync", "replace", "link"):
            patch.setattr(os, name, getattr(disk, name))
        yield disk
