"""The modules of a widget joined into one, run by a browser's own JavaScript engine."""

import graphlib
import re

import pytest
from lab import CHROMIUM

from toolkit.explorers.bundle import JS, bundle

VIEWS = ["picture.js", "plain_map.js", "proximity_graph.js", "style_sheet.js", "walk_player.js"]
DEFAULT = """async text => {
    const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    return (await import(address)).default;
}"""
FILES = {
    "entry.js": """import {
  area,
  circumference as around,
} from "./circle.js";
import { side } from "./square.js";

const factor = 100;
export default [area(1), around(1), side(9), factor];
""",
    "circle.js": """import { round } from "./round.js";
const factor = Math.PI;
export const circumference = (radius) => round(2 * factor * radius);
export function area(radius) {
  return round(factor * radius ** 2);
}
""",
    "square.js": """import { round } from "./round.js";
const factor = 0.5;
export function side(area) {
  return round(area ** factor);
}
""",
    "round.js": """let factor = 1;
export function round(value) {
  factor = 10;
  return Math.round(factor * value) / factor;
}
""",
}


def write(folder, files):
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder / "entry.js"


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_files_keep_their_private_names_and_import_over_several_lines(browser, tmp_path):
    page = browser.new_page()
    assert page.evaluate(DEFAULT, bundle(write(tmp_path, FILES))) == [3.1, 6.3, 3, 100]
    page.close()


def test_shared_file_is_joined_once(tmp_path):
    text = bundle(write(tmp_path, FILES))
    assert text.count("function round") == 1
    assert text.index("function round") < min(text.index("function area"), text.index("function side"))


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("entry.js", 'import round from "./round.js";'),
        ("entry.js", 'import "./round.js";'),
        ("entry.js", 'import { render } from "https://example.org/render.js";'),
        ("round.js", "export default round;"),
        ("round.js", "export { round };"),
    ],
)
def test_form_that_cannot_be_joined_is_named(tmp_path, file, line):
    entry = write(tmp_path, FILES | {file: FILES[file] + line + "\n"})
    with pytest.raises(ValueError, match=re.escape(f"{file} has {line!r}")):
        bundle(entry)


def test_name_that_is_not_exported_is_named(tmp_path):
    entry = write(tmp_path, FILES | {"round.js": FILES["round.js"].replace("export ", "")})
    with pytest.raises(ValueError, match=r"imports \['round'\], which round.js does not export"):
        bundle(entry)


def test_cycle_is_refused(tmp_path):
    entry = write(tmp_path, FILES | {"round.js": 'import { area } from "./circle.js";\n' + FILES["round.js"]})
    with pytest.raises(graphlib.CycleError, match="cycle"):
        bundle(entry)


@pytest.mark.parametrize("name", VIEWS)
def test_view_imports_nothing_and_exports_its_render_function(name):
    text = bundle(JS / name)
    assert re.findall(r"^(?:import|export)\b.*", text, re.MULTILINE) == ["export default { render };"]
    assert "http" not in text


def test_all_files_belong_to_a_view():
    joined = "".join(bundle(JS / name) for name in VIEWS)
    for path in JS.glob("*.js"):
        assert path.name in (*VIEWS, "standalone.js") or f"const ${path.stem} = " in joined
