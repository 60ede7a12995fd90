"""The guides' code runs as printed: the blocks of a page one after the other, in an empty folder."""

import re
from pathlib import Path

import pytest
import torch

from toolkit.samplers import SAMPLERS

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = sorted([*DOCS.glob("guides/*.md"), DOCS / "start.md", DOCS / "will_it_help.md"])
NEEDS = {"lightning": "lightning", "accelerate": "accelerate", "transformers": "transformers"}
NEEDS |= {"sentence_transformers": "sentence_transformers", "torch_geometric": "torch_geometric"}
NEEDS |= {"loaders": "torchdata", "pairs": "transformers"}
INDENT = re.compile(r"^ *")


def blocks(page):
    """Return the Python code of a page, without the indent that it has in lists."""
    found = re.findall(r"^( *)```python\n(.*?)^ *```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return ["\n".join(line.removeprefix(indent) for line in code.splitlines()) for indent, code in found]


@pytest.fixture(autouse=True)
def registry():
    """Forget the samplers that a page registers."""
    before = dict(SAMPLERS)
    yield
    SAMPLERS.clear()
    SAMPLERS.update(before)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_code_runs(page, tmp_path, monkeypatch, one_thread):
    if page.stem in NEEDS:
        pytest.importorskip(NEEDS[page.stem])
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    names = {"__name__": "__main__"}
    code = blocks(page)
    assert code
    for block in code:
        exec(compile(block, page.name, "exec"), names)
