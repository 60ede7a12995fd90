"""The README's code runs as printed, and the explorers' page calls them as they are."""

import ast
import inspect
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import Subset

import toolkit.explorers
from toolkit.commands import _parser
from toolkit.evaluation import RetrievalScores
from toolkit.training import train

REPOSITORY = Path(__file__).resolve().parents[1]
README = REPOSITORY / "README.md"
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README.read_text(), re.DOTALL)
EXPLORERS = (REPOSITORY / "docs" / "explorers.md").read_text()
CALLABLES = {name: getattr(toolkit.explorers, name) for name in toolkit.explorers.__all__} | {"train": train}


def calls(code):
    """Return the (name, call) of each call of a plain name."""
    nodes = (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call))
    return [(node.func.id, node) for node in nodes if isinstance(node.func, ast.Name)]


def write_pairs(path, n):
    """Write a file of pairs, as the README's comment reads it."""
    rows = ({"question": f"what is number {i}", "passage": f"the number {i}"} for i in range(n))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize(
    "code", [code for language, code in BLOCKS if language == "python"], ids=["loop", "pairs", "settings", "dashboard"]
)
def test_code_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    names = {
        "small": lambda views: Subset(views, range(256)),
        "embeddings": rng.normal(size=(128, 8)).astype(np.float32),
        "labels": rng.integers(3, size=128),
        "dataset": range(128),
        "images": rng.integers(256, size=(128, 1, 8, 8)).astype(np.uint8),
    }
    torch.manual_seed(0)
    code = code.replace("range(3)", "range(2)").replace("vision.bundled().views", "small(vision.bundled().views)")
    code = code.replace("steps=12_000", "steps=20")
    if own := re.search(r"pairs\.bundled\(\)  # or (pairs\.read\(.*\))", code):
        write_pairs(tmp_path / "pairs.jsonl", 6500)  # as few as n_candidates allows: loading the others takes 20 s
        code = code.replace("pairs.bundled()", own.group(1))
    *statements, last = ast.parse(code).body
    exec(ast.unparse(ast.Module(statements, [])), names)
    if isinstance(last, ast.Expr):  # what a notebook would show
        shown = eval(ast.unparse(last), names)
        if isinstance(shown, RetrievalScores):
            assert 0 <= shown.value <= 1
        else:
            shown.close()
    elif "found" in names:
        exec(ast.unparse(last), names)
        assert names["sampler"].n == 128
    else:
        exec(ast.unparse(last), names)
        assert not names["sampler"].warming_up
        assert names["sampler"].stats.batches == len(names["sampler"])
        assert torch.isfinite(names["loss"])


def test_all_code_is_marked_as_python():
    assert [code for language, code in BLOCKS if language != "python" and "import" in code] == []


@pytest.mark.parametrize("name", toolkit.explorers.__all__)
def test_page_of_explorers_calls_them_as_they_are(name):
    blocks = re.findall(rf"\n## {name}\n\n((?:    .*\n)+)", EXPLORERS)
    assert len(blocks) == 1
    found = calls(inspect.cleandoc(blocks[0]))
    assert name in dict(found)
    for called, call in found:
        signature = inspect.signature(CALLABLES[called])
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        bound = signature.bind(*call.args, **keywords).arguments
        if called in toolkit.explorers.__all__:
            assert [argument.id for argument in call.args] == list(bound)[: len(call.args)]


def test_links_lead_somewhere():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README.read_text())
    assert links
    for link in links:
        assert (README.parent / link).exists(), link


def test_the_command_lines_are_understood():
    lines = re.findall(r"^    python -m (.*)$", README.read_text(), re.MULTILINE)
    for line in lines:
        words = line.split()
        _parser().parse_args(words[words.index("toolkit") + 1 :])
    assert len(lines) == 3
