"""Selections in a real browser: lasso, box, keys, search, legend, pointer; two maps; saved pages; access."""

import json

import pytest
from lab import CHROMIUM
from map_data import CELL, PIXELS

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]

CODE = """from toolkit.explorers import CompareExplorer, Dashboard
columns = {"fold": np.arange(1000) % 3}
"""
CHOSEN = "([node, text]) => node.textContent.startsWith(text)"
SQUARE = ((0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.3))


def drag(page, canvas, places):
    box = canvas.bounding_box()
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=6)
    page.mouse.up()


def selected(notebook, code="explorer.selection.tolist()"):
    """Return what the kernel says is selected."""
    expression = f"import json; print(json.dumps({code}))"
    answer = notebook.page.evaluate(
        """code => new Promise(resolve => {
            const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const future = kernel.requestExecute({ code });
            let text = "";
            future.onIOPub = message => { text += message.content.text ?? ""; };
            future.done.then(() => resolve(text));
        })""",
        expression,
    )
    return json.loads(answer)


@pytest.fixture
def show(lab, open_notebook):
    def show_(name, code):
        notebook = open_notebook(lab.write(f"{name}.ipynb", [CELL, CODE, code]), width=1300, height=1000)
        notebook.run_all()
        canvas = notebook.output(".tk-top")
        notebook.page.wait_for_function("canvas => canvas.dataset.shown", arg=canvas.element_handle())
        return notebook, canvas

    return show_


def test_lasso_box_keys_search_legend_and_pointer(show):
    notebook, canvas = show(
        "selection",
        "explorer = ProximityGraphExplorer(points, labels, images, projection='pca', columns=columns); explorer",
    )
    page, base = notebook.page, notebook.output(".tk-base")
    chosen = page.locator(".tk-chosen").first
    whole = base.evaluate(PIXELS)
    page.get_by_role("button", name="Draw around instances").click()
    drag(page, canvas, SQUARE)
    page.wait_for_function("node => node.textContent.includes('selected')", arg=chosen.element_handle())
    inside = selected(notebook)
    assert 20 < len(inside) < 980
    assert chosen.text_content() == f"{len(inside)} selected ✕"
    assert base.evaluate(PIXELS) != whole, "the others are pale"

    canvas.focus()
    notebook.press("Escape")
    page.wait_for_function("node => node.hidden", arg=chosen.element_handle())
    assert selected(notebook) == []
    notebook.press("b")
    drag(page, canvas, (SQUARE[0], SQUARE[2]))
    page.wait_for_function("node => !node.hidden", arg=chosen.element_handle())
    assert selected(notebook) == inside, "a box with the lasso's corners"
    notebook.press("a")
    page.wait_for_function(CHOSEN, arg=[chosen.element_handle(), "1,000"])
    assert selected(notebook) == list(range(1000))

    page.get_by_role("textbox", name="search").fill("bag")
    notebook.press("Enter")
    page.wait_for_function(CHOSEN, arg=[chosen.element_handle(), "200 "])
    bags = selected(notebook)
    assert bags == list(range(1, 1000, 5))
    page.get_by_role("button", name="bag", exact=True).click()
    canvas.focus()
    notebook.press("a")
    page.wait_for_function(CHOSEN, arg=[chosen.element_handle(), "800 "])
    assert not set(bags) & set(selected(notebook)), "a class that is left out cannot be selected"
    page.get_by_role("button", name="bag", exact=True).click()

    tip, box = page.locator(".tk-tip").first, canvas.bounding_box()
    for share in (0.5, 0.45, 0.55, 0.4, 0.6):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + 0.5 * box["height"], steps=8)
        if tip.is_visible():
            break
    tip.locator("img").wait_for()
    assert "fold: " in tip.text_content()
    page.get_by_label("colour").select_option("fold")
    page.wait_for_function("() => document.querySelector('.tk-legend').textContent.includes('fold')")
    assert page.locator(".tk-legend").first.text_content() == "colour: fold012"
    notebook.assert_clean()
    notebook.screenshot("selection")


def test_two_maps_share_a_selection(show):
    code = "explorer = CompareExplorer(points, labels, images, other=points[:, :6], projection='pca'); explorer"
    notebook, canvas = show("compare", code)
    page, maps = notebook.page, notebook.page.locator(".tk-top")
    page.keyboard.down("Shift")
    drag(page, canvas, SQUARE)
    page.keyboard.up("Shift")
    page.wait_for_function(
        """() => {
            const counts = [...document.querySelectorAll(".tk-top")].map((node) => node.dataset.shown.split(" ")[1]);
            return counts[0] > 20 && counts[0] === counts[1];
        }"""
    )
    assert len(selected(notebook)) == int(maps.first.get_attribute("data-shown").split()[1])
    maps.nth(1).focus()
    notebook.press("ArrowRight", times=3)
    page.wait_for_function("() => document.querySelector('.tk-top').dataset.shown.startsWith('3 ')")
    notebook.assert_clean()
    notebook.screenshot("compare")


@pytest.mark.parametrize("name", ["WalkPlayer", "ProximityGraphExplorer"])
def test_saved_page_lives_without_a_kernel(name, browser, tmp_path):
    import numpy as np

    from toolkit import explorers

    rng = np.random.default_rng(0)
    labels = np.array(["boot </script>", "<b>bag <!-- <script>"])[np.arange(10_000) % 2]
    points, images = rng.normal(size=(10_000, 8)), rng.integers(0, 256, (10_000, 8, 8), np.uint8)
    columns = {"half": np.arange(10_000) // 5000}
    explorer = getattr(explorers, name)(points, labels, images, projection="pca", columns=columns)
    explorer.save(tmp_path / "page.html")
    explorer.close()
    assert (tmp_path / "page.html").stat().st_size < 3_000_000
    page, errors, asked = browser.new_page(), [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "page.html").as_uri())
    canvas = page.locator(".tk-top")
    page.wait_for_function("() => document.querySelector('.tk-top').dataset.shown")
    page.locator(".tk-items img").first.wait_for()
    if name == "WalkPlayer":
        before = page.locator(".tk-say").text_content()
        canvas.focus()
        page.keyboard.press("ArrowLeft")
        page.wait_for_function("text => document.querySelector('.tk-say').textContent !== text", arg=before)
    page.keyboard.down("Shift")
    drag(page, canvas, SQUARE)
    page.keyboard.up("Shift")
    page.wait_for_function("() => document.querySelector('.tk-chosen').textContent.includes('selected')")
    canvas.click(position={"x": 250, "y": 200})
    assert not errors
    assert all(address.startswith(("file:", "data:", "blob:")) for address in asked)
    page.close()


def test_no_serious_barrier_to_access(show):
    code = "dashboard = Dashboard(points, labels, images, projection='pca', batch_size=64); dashboard"
    notebook, _ = show("access", code)
    page = notebook.page
    for tab in range(7):
        page.locator(".lm-TabBar-tab, .p-TabBar-tab").locator("visible=true").filter(
            has_text=("Graph", "Walk", "Hardness", "False negatives", "Tuner", "Selection", "Training")[tab]
        ).last.click()
        notebook.wait_idle()
        notebook.assert_accessible()
    notebook.assert_clean()
