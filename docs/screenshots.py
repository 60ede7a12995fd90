"""Take pictures of the explorers in a real browser: JupyterLab, headless Chromium, the bundled data.

Each explorer becomes NAME.png, and looks/NAME_WIDTH_THEME.png for pages 900 and 1,600 pixels wide in both themes. The
tabs of the dashboard, which hold the same explorers, become looks/dashboard_TAB_900_THEME.png.

usage: python docs/screenshots.py [NAME ...]     (none: all of them)
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))
IMAGES = """import numpy as np
import torch
from toolkit import RandomWalkBatchSampler, UniformBatchSampler, explorers
from toolkit.datasets import vision
from toolkit.evaluation import embed, knn_probe
from toolkit.models import SimCLR
from toolkit.models.encoders import SmallConvNet
from toolkit.training import train

data = vision.bundled()
names, images, size = np.array(data.classes)[data.train.labels], data.train.pixels, 128
monitor = explorers.TrainingMonitor()
walk = RandomWalkBatchSampler(8000, size, n_candidates=500, n_neighbors=100, restart=0.1, refresh_every=40)
for name, sampler in {"Random walk": walk, "Uniform": UniformBatchSampler(8000, size)}.items():
    torch.manual_seed(0)
    model = SimCLR(SmallConvNet(in_channels=1, width=16), temperature=0.2)
    train(
        model, data.views, sampler, 186, labels=data.train.labels, progress=False,
        probe=lambda model: knn_probe(model, data.train, data.test), probe_every=62,
        on_step=monitor.follow(name, sampler),
    )
embeddings, _ = embed(model, data.train, projected=True)
torch.manual_seed(0)
before, _ = embed(SimCLR(SmallConvNet(in_channels=1, width=16)), data.train, projected=True)"""
SENTENCES = """import numpy as np
import torch
from toolkit import UniformBatchSampler, explorers
from toolkit.datasets import text as language
from toolkit.evaluation import embed
from toolkit.models import SimCSE
from toolkit.models.text_encoders import small_bert
from toolkit.training import train

sentences = language.bundled(max_length=16)
torch.manual_seed(0)
encoder = small_bert(len(sentences.tokenizer), n_layers=1, width=128, positions=False)
model = SimCSE(encoder, pooling="mean", temperature=0.05)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
sampler = UniformBatchSampler(len(sentences), 64)
train(model, sentences, sampler, 312, optimizer=optimizer, progress=False)
embeddings, labels = embed(model, sentences)
fields = np.array(sentences.classes)[labels]"""
MOLECULES = """import numpy as np
import torch
from toolkit import UniformBatchSampler, explorers, plots
from toolkit.datasets import graphs
from toolkit.evaluation import embed
from toolkit.models import GraphCL
from toolkit.models.graph_encoders import GIN
from toolkit.training import train

data = graphs.bundled()
torch.manual_seed(0)
model = GraphCL(GIN(data.n_features), temperature=0.2)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
sampler = UniformBatchSampler(len(data), 64)
train(model, graphs.GraphViews(data), sampler, 120, optimizer=optimizer, progress=False)
embeddings, labels = embed(model, data)
solubility = np.array(data.classes)[labels]
draw = lambda index, ax: plots.molecule(data.graphs[index], graphs.ELEMENTS, ax)"""
PAIRS = """import numpy as np
import torch
from toolkit import UniformBatchSampler, explorers
from toolkit.datasets import pairs
from toolkit.evaluation.embedding import encode_all
from toolkit.models import PairModel
from toolkit.models.text_encoders import static
from toolkit.training import train

data = pairs.bundled()
torch.manual_seed(0)
model = PairModel(static(data.train.queries.tokenizer), temperature=0.1)
optimizer = torch.optim.SparseAdam(list(model.parameters()), lr=0.003)
train(model, data.train, UniformBatchSampler(len(data.train), 64), 1500, optimizer=optimizer, progress=False)
some = np.random.default_rng(0).permutation(len(data.train))[:8000]
definitions, words = (np.asarray(side.texts)[some] for side in (data.train.queries, data.train.targets))
embeddings = encode_all(model, model.encode_queries, data.train.queries)[some]
targets = encode_all(model, model.encode_targets, data.train.targets)[some]
given = {"items": definitions, "targets": targets, "target_items": words, "batch_size": 64}"""
RETRIEVAL = """import torch
from toolkit import RandomWalkBatchSampler, UniformBatchSampler, explorers
from toolkit.datasets import pairs
from toolkit.evaluation import retrieve
from toolkit.models import PairModel
from toolkit.models.text_encoders import static
from toolkit.training import train

data = pairs.bundled()
few, n, groups = data.dev.first(1000), len(data.train), data.train.groups
settings = {"n_candidates": 2000, "n_neighbors": 10, "restart": 0.5, "fresh": 0.2, "refresh_every": 1000}
walk = RandomWalkBatchSampler(n, 32, coverage="partition", groups=groups, **settings)
monitor = explorers.TrainingMonitor()
for name, sampler in {"Random walk": walk, "Uniform": UniformBatchSampler(n, 32, groups=groups)}.items():
    torch.manual_seed(0)
    tokenizer = data.train.queries.tokenizer
    model = PairModel(static(tokenizer), static(tokenizer), temperature=0.2)
    optimizer = torch.optim.SparseAdam(list(model.parameters()), lr=0.003)
    train(
        model, data.train, sampler, 6000, optimizer=optimizer, progress=False,
        probe=lambda model: retrieve(model, few).value, probe_every=1000,
        on_step=monitor.follow(name, sampler),
    )
monitor.window.value = 100"""
EXPLORERS = {
    "proximity_graph": (
        IMAGES,
        """graph = explorers.ProximityGraphExplorer(embeddings, names, images)
graph.positions.wait()
graph""",
    ),
    "walk": (
        IMAGES,
        """player = explorers.WalkPlayer(embeddings, names, images)
player.positions.wait()
player""",
    ),
    "embedding": (
        IMAGES,
        """embedding = explorers.EmbeddingExplorer(embeddings, names, images)
embedding.positions.wait()
embedding.instance.value = 11
embedding""",
    ),
    "compare": (
        IMAGES,
        """compare = explorers.CompareExplorer(before, names, images, other=embeddings, projection="pca")
compare.selection = np.flatnonzero(names == names[0])
compare""",
    ),
    "selection": (
        IMAGES,
        """similar = np.argsort(-np.asarray(embeddings @ embeddings[11]))[:60]
explorers.SelectionExplorer(embeddings, names, images, selection=similar)""",
    ),
    "hardness": (IMAGES, "explorers.HardnessExplorer(embeddings, names, images)"),
    "false_negatives": (IMAGES, "explorers.FalseNegativeExplorer(embeddings, names, images)"),
    "training": (RETRIEVAL, "monitor"),
    "dashboard": (
        IMAGES,
        """dashboard = explorers.Dashboard(embeddings, names, images, history=monitor.histories, projection="pca")
dashboard""",
    ),
    "pairs": (
        PAIRS,
        """some_pairs = explorers.PairExplorer(embeddings, n_candidates=2000, n_neighbors=10, **given)
some_pairs.query.value = 17
some_pairs""",
    ),
    "tuner": (
        PAIRS,
        """tuner = explorers.TunerExplorer(embeddings, max_false_negatives=0.005, **given)
tuner.png()  # waits for the suggestion
tuner.pin.click()
tuner.budget.value = 0.02
tuner""",
    ),
    "sentences": (
        SENTENCES,
        """settings = dict(n_candidates=2000, n_neighbors=10, batch_size=64)
explorers.SentenceExplorer(embeddings, fields, sentences.texts, **settings)""",
    ),
    "molecules": (
        MOLECULES,
        """molecules = explorers.GraphBatchExplorer(
    embeddings, solubility, draw, n_candidates=500, n_neighbors=20, restart=0.6, batch_size=64
)
molecules""",
    ),
}


LOOKS = [(width, theme) for width in (900, 1600) for theme in ("Light", "Dark")]
COLORS = 96  # of a look
THEME = """theme => {
    const dark = String(theme === 'Light');
    window.jupyterapp.commands.execute('apputils:change-theme', { theme: `JupyterLab ${theme}` });
    return new Promise(done => {
        const look = () => (document.body.dataset.jpThemeLight === dark ? done() : requestAnimationFrame(look));
        look();
    });
}"""
SHOW = """number => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = number;
    return notebook.scrollToItem(number, 'start');
}"""


def main(chosen: list[str]) -> None:
    """Write the pictures of the explorers named."""
    from lab import Notebook, chromium, jupyter_lab

    with tempfile.TemporaryDirectory() as folder, jupyter_lab(Path(folder) / "lab") as lab, chromium() as browser:
        for data in dict.fromkeys(EXPLORERS[name][0] for name in chosen):
            shown = {name: code for name, (needed, code) in EXPLORERS.items() if needed == data and name in chosen}
            page = browser.new_page(viewport={"width": 1000, "height": 1200}, device_scale_factor=1.5)
            notebook = Notebook(page, lab.address(lab.write("explorers.ipynb", [data, *shown.values()])))
            notebook.run_all(900)
            for number, name in enumerate(shown, 1):
                save(bring(page, number).screenshot(), HERE / f"{name}.png", 256)
            for width, theme in LOOKS:
                page.set_viewport_size({"width": width, "height": 1500})
                page.evaluate(THEME, theme)
                for number, name in enumerate(shown, 1):
                    if name != "dashboard" or width == LOOKS[0][0]:
                        take_looks(page, bring(page, number), name, f"{width}_{theme.lower()}")
            page.close()


def bring(page, number: int):
    """Scroll to the output of a cell, and return it."""
    page.evaluate(SHOW, number)
    page.wait_for_timeout(3000)
    return page.locator(f".jp-Cell[data-windowed-list-index='{number}'] .jp-OutputArea-output > .jupyter-widgets")


def take_looks(page, explorer, name: str, look: str) -> None:
    """Write how an explorer looks, and if it has tabs, each of them."""
    tabs = explorer.get_by_role("tab").all()
    for tab in tabs:
        tab.click()
        page.wait_for_timeout(4000)
        page.wait_for_function("() => !document.querySelector('.tk-busy')", timeout=300_000)  # what the tuner measures
        page.wait_for_timeout(1000)  # its picture follows
        title = tab.text_content().strip().lower().replace(" ", "_")
        save(explorer.screenshot(scale="css"), HERE / "looks" / f"{name}_{title}_{look}.png", COLORS)
    if not tabs:
        save(explorer.screenshot(scale="css"), HERE / "looks" / f"{name}_{look}.png", COLORS)


def save(png: bytes, path: Path, n_colors: int) -> None:
    """Write a picture in few colours, rare ones among them, which keeps the file small."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    path.parent.mkdir(exist_ok=True)
    image.quantize(n_colors, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(HERE)}: {path.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(EXPLORERS))
