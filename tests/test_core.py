"""The toolkit trains where Jupyter and everything that draws are missing: the dependency group `core`."""

import subprocess
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
FILE = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
CORE, ALL = set(FILE["dependency-groups"]["core"]), set(FILE["project"]["dependencies"])
IMPORTED_AS = {"umap-learn": "umap", "pillow": "PIL"}
WITHOUT_REST = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
"""
TRAIN = """
import numpy as np, pandas, torch
from toolkit.metrics import batch_hardness, suggest_settings
from toolkit.models import PairModel
from toolkit.samplers import SAMPLERS
from toolkit.training import train

class Points(torch.utils.data.Dataset):
    points = torch.randn(400, 8, generator=torch.Generator().manual_seed(0))

    def __len__(self):
        return len(self.points)

    def __getitem__(self, index):
        return index, self.points[index], self.points[index] + 0.1

data = Points()
for name, kind in SAMPLERS.items():
    if name != "graph_partition":  # of the extra `rivals`
        sampler = kind.make(len(data), 20)
        history = train(PairModel(torch.nn.Linear(8, 4)), data, sampler, steps=50, progress=False)
        print(name, len(history.to_frame()))
print(suggest_settings(data.points, 20).reason)
import toolkit.explorers
"""


def python(code):
    """Run Python without what `core` leaves out."""
    names = {text.partition(">")[0] for text in ALL - CORE}
    missing = {IMPORTED_AS.get(name, name) for name in names} | {"IPython"}
    script = WITHOUT_REST.format(missing=missing) + code
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)


def test_core_is_a_part_of_what_is_installed_by_default():
    assert CORE < ALL
    assert not {"jupyterlab", "ipywidgets", "matplotlib"} & {text.partition(">")[0] for text in CORE}


def test_every_sampler_trains_with_core_alone():
    done = python(TRAIN)
    *trained, reason = done.stdout.splitlines()
    assert len(trained) > 6, done.stderr
    assert all(line.endswith(" 50") for line in trained)
    assert reason.startswith(("Random walks", "Chains", "Clusters", "Shuffle"))
    assert "No module named" in done.stderr, "the explorers, which come last, cannot have been imported"
