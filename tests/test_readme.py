"""The README's training loop runs as printed."""

import re
from pathlib import Path

import torch

README = Path(__file__).resolve().parents[1] / "README.md"


def test_loop_runs():
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    code = code.replace("range(3)", "range(2)").replace("vision.bundled().views", "SUBSET")
    from toolkit.datasets import vision

    images = vision.Images(vision.bundled().train.pixels[:512], None)
    names = {"SUBSET": vision.ImageViews(images)}
    torch.manual_seed(0)
    exec(code, names)
    assert not names["sampler"].warming_up
    assert names["sampler"].stats.batches == len(names["sampler"])
    assert torch.isfinite(names["loss"])


def test_links_lead_somewhere():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README.read_text())
    assert links
    for link in links:
        assert (README.parent / link).exists(), link
