"""Docstrings and their code."""

import importlib.metadata
import platform

import pytest

from toolkit.datasets import pairs

pytest.importorskip("transformers")

MODULE = '''"""A module's own docstring is no pair."""

import os


@property
def first(self):
    """Return the first of all
    elements there are.

    More than that.
    """
    # A comment.
    return self[0]


def short():
    """Too short."""


def one_line(): "Say nothing on a line of its own"; return 1


class Shape:
    r"""Something with an area and a name."""

    def area(self):
        """Return the area in square metres."""
        raise NotImplementedError


if os.name:
    class Square(Shape):
        def area(self):
            """Return the area in square metres."""
            return self.side ** 2

        async def wait(self):
            """Wait until the square is there."""
            def inner():
                """Return what is inside of it."""
                return 5
            return inner()
'''


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "shapes.py").write_text(MODULE)
    (tmp_path / "copied.py").write_text(MODULE.split("class")[0].replace("    return", "    return "))
    (tmp_path / "broken.py").write_text("def f(:\n")
    (tmp_path / "latin.py").write_bytes(b'def f():\n    """Return \xf6 and nothing else."""\n')
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "more.py").write_text('def f():\n    """Return what a test would want."""\n')
    (tmp_path / "test_it.py").write_text('def f():\n    """Return what a test would like."""\n')
    numbers = (f'def number_{i}():\n    """Return the number {i} of many."""\n    return {i}\n' for i in range(20))
    (tmp_path / "numbers.py").write_text("\n".join(numbers))
    return tmp_path


def everything(data):
    """Return the targets of each query, from all parts."""
    found = {}
    for query, target in zip(data.train.queries.texts, data.train.targets.texts, strict=True):
        found.setdefault(query, set()).add(target)
    for part in (data.dev, data.test):
        for query, rows in zip(part.queries.texts, part.relevant, strict=True):
            found[query] = {part.targets.texts[row] for row in rows}
    return found


def test_definitions_with_a_docstring(folder):
    data = pairs.code(folder)
    found = everything(data)
    numbers = {query for query in found if "of many" in query}
    assert len(numbers) == 20
    assert set(found) - numbers == {
        "Return the first of all elements there are.",
        "Something with an area and a name.",
        "Return the area in square metres.",
        "Wait until the square is there.",
        "Return what is inside of it.",
    }
    (first,) = found["Return the first of all elements there are."]
    assert first.split("\n") == ["@property", "def first(self):", "    # A comment.", "    return self[0]"]
    (shape,) = found["Something with an area and a name."]
    assert shape == "class Shape:\n\n    def area(self):\n        raise NotImplementedError"
    (wait,) = found["Wait until the square is there."]
    assert wait == "async def wait(self):\n    def inner():\n        return 5\n    return inner()"
    assert data.source == f"{folder.name} (2 files not readable)"


def test_overrides_share_a_group_and_are_both_right(folder):
    for seed in range(20):
        data = pairs.code(folder, seed=seed)
        area = "Return the area in square metres."
        assert everything(data)[area] == {
            "def area(self):\n    raise NotImplementedError",
            "def area(self):\n    return self.side ** 2",
        }
        groups = [
            group for group, query in zip(data.train.groups, data.train.queries.texts, strict=True) if query == area
        ]
        assert len(groups) in (0, 2)
        assert len(set(groups)) < 2
        assert len(data.dev.queries) == len(data.test.queries) == 2


def test_a_limit_and_long_code(tmp_path):
    for i in range(30):
        body = f"    return {i}\n" * 500
        (tmp_path / f"file{i}.py").write_text(f'def number_{i}():\n    """Return the number {i} of many."""\n{body}')
    data = pairs.code(tmp_path, limit=20, max_length=16)
    assert len(data.test.targets) == 20
    assert set(data.test.targets.lengths) == {16}
    assert max(map(len, data.test.targets.texts)) <= 16 * 6
    again, other = pairs.code(tmp_path, limit=20), pairs.code(tmp_path, limit=20, seed=1)
    assert set(data.test.targets.texts) != set(other.test.targets.texts)
    assert everything(data).keys() == everything(again).keys() != everything(other).keys()


def test_packages_by_either_name(folder):
    version = importlib.metadata.version("pillow")
    data = pairs.code(["pillow", folder], n_dev=10, n_test=10)
    assert data.source == f"pillow {version}, {folder.name} (2 files not readable)"
    assert pairs.code("PIL", n_dev=10, n_test=10).source == f"pillow {version}"
    texts = data.train.targets.texts
    assert any("Image" in text for text in texts)


def test_bad_sources(tmp_path):
    with pytest.raises(
        ValueError, match="source must be a folder or the name of an installed package, got 'absent_one'"
    ):
        pairs.code("absent_one")
    with pytest.raises(
        ValueError, match=f"source must hold docstrings of 4 words or more, got none in {tmp_path.name}"
    ):
        pairs.code(tmp_path)
    with pytest.raises(ValueError, match="limit must be at least 1, got 0"):
        pairs.code(tmp_path, limit=0)


def test_own_dependencies_by_default(monkeypatch):
    from toolkit.datasets import code_pairs

    found = dict(code_pairs._sources(None))
    names = [about.split()[0] for about in found]
    assert names[0] == "Python"
    assert f"Python {platform.python_version()}" in found
    assert {"numpy", "torch", "transformers", "scikit-learn"} <= set(names)
    assert not {"pytest", "ruff", "hypothesis", "batchsampler-toolkit"} & set(names)
    parts = {part for paths in found.values() for path in paths for part in path.parts[-3:]}
    assert {"tests", "test", "idle_test", "conftest.py"}.isdisjoint(parts)
    files = [path for paths in found.values() for path in paths]
    assert len(files) == len(set(files)) > 1000
