"""The explorers with a map in a real browser: keyboard and mouse change the picture and the numbers."""

import pytest
from lab import CHROMIUM
from map_data import CELL, PIXELS

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]

MAP = ".tk-top"
DARK = "() => window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })"
# The contrast ratio of WCAG 2 between a text and the first ground behind it that is not transparent.
CONTRAST = """element => {
    const parts = color => color.match(/[\\d.]+/g).map(Number);
    const light = color => parts(color).slice(0, 3).reduce((sum, value, i) => {
        const share = value / 255;
        const linear = share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        return sum + [0.2126, 0.7152, 0.0722][i] * linear;
    }, 0.05);
    let ground = element;
    while (parts(getComputedStyle(ground).backgroundColor)[3] === 0) ground = ground.parentElement;
    const both = [getComputedStyle(element).color, getComputedStyle(ground).backgroundColor].map(light);
    return Math.max(...both) / Math.min(...both);
}"""
SHOWS = "([canvas, text]) => canvas.dataset.shown?.startsWith(text)"


@pytest.fixture
def show(lab, open_notebook):
    """Open a notebook that shows an explorer; return the notebook and the map."""

    def show_(name, code):
        notebook = open_notebook(lab.write(f"{name}.ipynb", [CELL, code]), height=1000)
        notebook.run_all()
        canvas = notebook.output(MAP)
        notebook.page.wait_for_function("canvas => canvas.dataset.shown", arg=canvas.element_handle())
        return notebook, canvas

    return show_


def wait_until_shown(notebook, canvas, text, seconds=60):
    notebook.page.wait_for_function(SHOWS, arg=[canvas.element_handle(), text], timeout=1000 * seconds)


def test_graph_by_keyboard_and_mouse(show):
    notebook, canvas = show("graph", "ProximityGraphExplorer(points, labels, images, projection='pca')")
    page, numbers = notebook.page, notebook.output(".widget-html-content:has-text('K / M')")
    side, charts = page.locator(".tk-side"), page.locator(".tk-charts canvas")
    wait_until_shown(notebook, canvas, "0 100 999")
    picture, chart = canvas.evaluate(PIXELS), charts.nth(1).evaluate(PIXELS)
    canvas.focus()
    notebook.press("ArrowRight")
    wait_until_shown(notebook, canvas, "1 100 999")
    assert canvas.evaluate(PIXELS) != picture
    assert charts.nth(1).evaluate(PIXELS) != chart
    assert "#1 · bag" in side.text_content()
    page.locator(".tk-side img").first.wait_for(timeout=30_000)

    notebook.press("ArrowRight", times=20)
    wait_until_shown(notebook, canvas, "21 ")
    page.wait_for_timeout(500)
    assert canvas.get_attribute("data-selected") == "21", "a burst of keys ends at the newest value"
    assert canvas.get_attribute("data-shown").startswith("21 ")

    notebook.press("ArrowDown")
    name = page.locator(".tk-item.tk-on").get_attribute("aria-label")
    notebook.press("Enter")
    followed = name.partition(" ")[0].removeprefix("#")
    wait_until_shown(notebook, canvas, f"{followed} ")
    page.locator(".tk-item").nth(2).click()
    page.wait_for_function("([c, old]) => c.dataset.selected !== old", arg=[canvas.element_handle(), followed])

    box, before = canvas.bounding_box(), canvas.get_attribute("data-selected")
    for x, y in ((0.3, 0.5), (0.5, 0.3), (0.6, 0.6), (0.4, 0.7)):
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.wait_for_function("([c, old]) => c.dataset.selected !== old", arg=[canvas.element_handle(), before])

    text = numbers.text_content()
    page.get_by_role("slider", name="n_neighbors").focus()
    notebook.press("ArrowLeft")
    assert "K / M = 5%" in notebook.wait_for_change(numbers, text)
    colour = page.locator(".tk-base").evaluate(PIXELS)
    page.get_by_label("colour").select_option("in-degree")
    page.wait_for_function("old => document.querySelector('.tk-base').toDataURL() !== old", arg=colour)
    assert "in-degree" in page.locator(".tk-legend").text_content()
    notebook.assert_clean()
    notebook.screenshot("graph")


def test_walk_by_keyboard_and_mouse(show):
    code = "player = WalkPlayer(points, labels, images, projection='pca'); player.batch_size.value = 32; player"
    notebook, canvas = show("walk", code)
    page, numbers = notebook.page, notebook.output(".widget-html-content:has-text('hardness')")
    side, say = page.locator(".tk-side"), page.locator(".tk-say")
    page.wait_for_function("() => document.querySelectorAll('.tk-charts canvas')[1].dataset.restart === '0.2'")
    canvas.focus()
    notebook.press("Home")
    wait_until_shown(notebook, canvas, "0 0.2 0 1")
    assert "At the seed #0 · boot" in say.text_content()
    assert side.locator(".tk-item").count() == 1
    picture = canvas.evaluate(PIXELS)
    notebook.press("ArrowRight", times=20)
    wait_until_shown(notebook, canvas, "0 0.2 20 ")
    assert canvas.evaluate(PIXELS) != picture
    members = int(canvas.get_attribute("data-shown").split()[3])
    assert 1 < members <= 21
    assert side.locator(".tk-item").count() == members
    assert f"{members} of 32 members" in side.text_content()
    assert say.text_content().startswith("Step 20: ")
    notebook.press("ArrowLeft")
    wait_until_shown(notebook, canvas, "0 0.2 19 ")

    page.get_by_role("slider", name="step", exact=True).press("Home")
    wait_until_shown(notebook, canvas, "0 0.2 0 1")
    page.get_by_label("speed").select_option("60")
    page.get_by_role("button", name="Play or pause").click()
    page.wait_for_function("c => c.dataset.shown.endsWith(' 32')", arg=canvas.element_handle(), timeout=60_000)
    assert page.get_by_role("button", name="Play or pause").text_content() == "Play", "it stops at the end"

    text, chart = numbers.text_content(), page.locator(".tk-charts canvas").nth(2).evaluate(PIXELS)
    page.get_by_role("slider", name="restart").focus()
    notebook.press("ArrowRight", times=8)
    wait_until_shown(notebook, canvas, "0 0.6")
    notebook.wait_for_change(numbers, text)
    page.wait_for_function(
        "old => document.querySelectorAll('.tk-charts canvas')[2].toDataURL() !== old", arg=chart, timeout=60_000
    )
    canvas.focus()
    notebook.press("ArrowDown", times=20)
    wait_until_shown(notebook, canvas, "20 0.6")
    page.wait_for_timeout(500)
    assert canvas.get_attribute("data-shown").startswith("20 0.6"), "a burst of keys ends at the newest value"
    box = canvas.bounding_box()
    for x, y in ((0.3, 0.5), (0.5, 0.3), (0.6, 0.6), (0.4, 0.7)):
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.wait_for_function("c => !c.dataset.shown.startsWith('20 ')", arg=canvas.element_handle(), timeout=60_000)
    notebook.assert_clean()
    notebook.screenshot("walk")


def test_step_set_from_code_is_shown_and_stays(show):
    code = "player = WalkPlayer(points, labels, images, projection='pca'); player.batch_size.value = 32"
    notebook, canvas = show("step", f"{code}; player.step = 5; player")
    assert canvas.get_attribute("data-shown").startswith("0 0.2 5 ")
    notebook.page.wait_for_timeout(1000)  # longer than the view waits before it tells the kernel of a step
    assert canvas.get_attribute("data-shown").startswith("0 0.2 5 ")
    assert notebook.output(".tk-player").get_by_text("5 / ").is_visible()
    notebook.assert_clean()


def test_instances_without_a_label_are_shown(show):
    some = "labels = [None if i % 3 == 0 else label for i, label in enumerate(labels.tolist())]"
    notebook, canvas = show("some", f"{some}; ProximityGraphExplorer(points, labels, images, projection='pca')")
    assert "#0 · no label" in notebook.output(".tk-side").text_content()
    canvas.focus()
    notebook.press("ArrowRight")
    wait_until_shown(notebook, canvas, "1 100 999")
    assert "#1 · bag" in notebook.output(".tk-side").text_content()
    notebook.assert_clean()
    notebook.screenshot("some")


def test_all_text_can_be_read_in_the_dark_theme(show):
    notebook, _canvas = show("dark", "ProximityGraphExplorer(points, labels, images, projection='pca')")
    notebook.page.evaluate(DARK)
    notebook.page.wait_for_function("() => document.body.dataset.jpThemeLight === 'false'")
    notebook.page.wait_for_timeout(1000)
    kinds = (
        "label, .widget-label, .widget-readout, .widget-html-content b, input[type=number], select, button, .tk-title"
    )
    texts = notebook.page.locator(".tk-explorer").locator(kinds)
    assert texts.count() > 20
    contrasts = {text.text_content(): text.evaluate(CONTRAST) for text in texts.all() if text.is_visible()}
    assert min(contrasts.values()) >= 4.5, contrasts
    notebook.screenshot("dark")
