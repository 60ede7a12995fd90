"""The table of `docs/reliability.md`: counts of the tests' own reports."""

import subprocess
import sys
from pathlib import Path

import pytest

from docs import reliability

SUITE = """
import pytest

@pytest.fixture
def tally(record_property):
    def note(kind, **ends):
        record_property("tried", kind)
        for end, count in ends.items():
            record_property(end, count)
    return note

@pytest.mark.parametrize("n", [2, 1000])
def test_files(n, tally):
    tally("damaged files", refused_with_their_name=n, same=1)

def test_kills(tally):
    tally("kills", resumed=3)
    assert False

def test_other():
    pass
"""


@pytest.fixture
def report(tmp_path):
    """Run a small suite with one failure; return its report."""
    (tmp_path / "test_it.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "-o", "junit_family=xunit1", "--junitxml=report.xml"]
    done = subprocess.run([*command, "-p", "no:cacheprovider", "test_it.py"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 1, done.stdout
    return tmp_path / "report.xml"


def test_the_page_gets_a_line_for_each_kind_and_keeps_the_rest(report, tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    monkeypatch.setattr(reliability, "PAGE", page)
    page.write_text(f"Before.\n{reliability.BEGIN}an old table\n{reliability.END}After.\n")
    for _ in range(2):
        reliability.main(str(report))
    lines = page.read_text().splitlines()
    assert [lines[0], lines[-1]] == ["Before.", "After."]
    assert "an old table" not in lines
    assert "| damaged files | 1,004 | 1,002 refused with their name, 2 same |" in lines
    assert "| kills | 4 | 3 resumed, 1 failed |" in lines
    assert any("4 tests, of which 1 failed" in line for line in lines)


def test_the_page_has_a_place_for_the_table():
    text = Path(reliability.__file__).with_name("reliability.md").read_text()
    assert text.count(reliability.BEGIN) == text.count(reliability.END) == 1
