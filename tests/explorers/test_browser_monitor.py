"""The training monitor in a real browser, while the kernel is busy with training."""

import re

import pytest
from lab import ALL_RUN, CHROMIUM, KERNEL_IDLE

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]

STEPS = 100_000
RUN_ALL = "() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }"  # and don't wait for the end
CELLS = [
    """import torch
from toolkit import RandomWalkBatchSampler
from toolkit.datasets import vision
from toolkit.explorers import TrainingMonitor
from toolkit.models import SimCLR
from toolkit.models.encoders import SmallConvNet
from toolkit.training import train

data = vision.bundled()
model = SimCLR(SmallConvNet(in_channels=1, width=4))
sampler = RandomWalkBatchSampler(len(data.views), 32, n_candidates=100, n_neighbors=10, restart=0.2, refresh_every=50)
monitor = TrainingMonitor()
monitor""",
    f"""history = train(
    model, data.views, sampler, {STEPS}, labels=data.train.labels, progress=False,
    on_step=monitor.follow("Random walk", sampler),
)
print("ended after", len(history), "steps, interrupted:", history.interrupted)""",
]


def test_training_shows_live_and_the_stop_button_ends_it_cleanly(lab, open_notebook):
    notebook = open_notebook(lab.write("monitor.ipynb", CELLS))
    page = notebook.page
    page.evaluate(RUN_ALL)
    picture = notebook.output("img.tk-picture")
    numbers = page.locator(".widget-html-content", has_text="of 100000").first
    numbers.wait_for(timeout=120_000)
    seen = [(numbers.text_content(), picture.get_attribute("src"))]
    for _ in range(2):
        notebook.wait_for_change(numbers, seen[-1][0])
        page.wait_for_timeout(300)
        seen.append((numbers.text_content(), picture.get_attribute("src")))
    steps = [int(re.search(r"step (\d+) of 100000", text).group(1)) for text, _ in seen]
    assert steps == sorted(set(steps)), "the numbers go on while the kernel trains"
    assert len({src for _, src in seen}) == 3
    assert not page.evaluate(KERNEL_IDLE)
    notebook.screenshot("monitor_live")
    button = page.get_by_role("button", name="Stop training")
    button.focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Stopped").wait_for(timeout=30_000)
    page.wait_for_function(ALL_RUN, timeout=60_000)
    ended = int(re.search(r"step (\d+) of 100000", numbers.text_content()).group(1))
    assert steps[-1] < ended < STEPS
    notebook.page.locator(".jp-Cell").last.scroll_into_view_if_needed()
    printed = page.locator(".jp-OutputArea-output", has_text="ended after").last
    printed.wait_for()
    assert printed.text_content().strip() == f"ended after {ended} steps, interrupted: True"
    notebook.assert_clean()
