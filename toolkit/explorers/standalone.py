"""An explorer's map as a page of its own, alive as far as the browser alone can keep it so."""

import base64
import html
import json
from collections.abc import Iterator

from toolkit.explorers.bundle import JS
from toolkit.explorers.picture_view import CSS
from toolkit.explorers.point_map import PointMap

_OWN = ("_", "layout", "tabbable", "tooltip")  # how the names of ipywidgets' own traits begin
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ margin: 16px auto; padding: 0 16px; max-width: 1400px; font: 14px/1.5 sans-serif; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #111111; color: #e0e0e0; }} }}
{css}
.tk-explorer {{ --tk-ground: #ffffff; --tk-ink: #222222; }}
.tk-explorer.tk-dark {{ --tk-ground: #111111; --tk-ink: #e0e0e0; }}
</style></head>
<body><h1 style="font-size:18px">{title}</h1>
<div class="tk-explorer"><div class="tk-parts tk-with-map widget-box">
<div class="tk-controls">{words}</div><div id="view"></div></div></div>
<script type="module">
{view}
{standalone}
const {{ state, bytes }} = JSON.parse(document.getElementById("state").textContent);
view.render({{ model: model(state, bytes), el: document.getElementById("view") }});
</script>
<script type="application/json" id="state">{state}</script>
</body></html>
"""


def page(canvas: PointMap, title: str, words: str, thumbnails: dict[int, str], tips: dict[int, dict]) -> str:
    """Return an HTML page that shows a map without a kernel and asks nothing of any other machine.

    Parameters
    ----------
    canvas : PointMap
    title : str
    words : str
        HTML that stands in the place of the controls.
    thumbnails : dict of instance to address
        Pictures that the map may show.
    tips : dict of instance to dict
        What is shown of an instance below the pointer, as `PointMap` sends it.
    """
    traits = {name: value for name, value in canvas.get_state().items() if not name.startswith(_OWN)}
    bytes_ = {path: base64.b64encode(value).decode() for path, value in _bytes(traits)}
    state = {"state": _plain(traits) | {"thumbnails": thumbnails, "tips": tips}, "bytes": bytes_}
    return _PAGE.format(
        title=html.escape(title),
        words=words,
        css=CSS,
        view=canvas._esm.replace("export default ", "const view = "),
        standalone=(JS / "standalone.js").read_text(encoding="utf-8").replace("export function", "function"),
        state=json.dumps(state).replace("<", r"\u003c"),  # no text of the user's may end the script or open a comment
    )


def _bytes(values: dict, path: str = "") -> Iterator[tuple[str, bytes]]:
    for name, value in values.items():
        if isinstance(value, bytes):
            yield path + name, value
        elif isinstance(value, dict):
            yield from _bytes(value, f"{path}{name}.")


def _plain(values: dict) -> dict:
    nested = {name: _plain(value) if isinstance(value, dict) else value for name, value in values.items()}
    return {name: value for name, value in nested.items() if not isinstance(value, bytes)}
