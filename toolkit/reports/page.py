"""Reports as HTML: one file, pictures inside, no scripts."""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from string import Template

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from toolkit import plots
from toolkit._files import write_whole
from toolkit.metrics import Audit, Suggestion
from toolkit.plots.style import style

_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>$title</title><style>
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 860px; margin: 2em auto;
  padding: 0 1em; }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin-top: 2em }
table { border-collapse: collapse; margin: 1em 0 } th { text-align: left; font-weight: 600 }
td, th { padding: .25em .9em .25em 0; border-bottom: 1px solid #ddd; vertical-align: top }
td { font-variant-numeric: tabular-nums } img { max-width: 100% } code { background: #f3f3f3; padding: .15em .3em }
</style></head><body>
<h1>$title</h1>
$body
</body></html>
""")
_FORMS = {
    "false negatives": "{:.1%}",
    "estimated false negatives": "{:.1%}",
    "near-duplicates": "{:.2%}",
    "instances covered": "{:.1%}",
    "variety": "{:.1f}",
    "most batches with one instance": "{:.0f}",
}
_NOTES = {
    "labels": "Pairs with the same label count as false negatives.",
    "positives": "Without labels, a negative counts as false if it is at least 0.95 times as similar to a query as the "
    "query's own target: an estimate.",
    "clusters": "Without labels, pairs in one cluster of k-means count as false, averaged over several numbers of "
    "clusters: an estimate, good for ranking batches, but its level depends on how many classes there are.",
    "none": "Without labels, false negatives are estimated for 200 instances or more.",
}


def write_audit(audit: Audit, path: str | Path, items: Sequence[str] | None = None) -> None:
    """Write an audit as a page.

    Parameters
    ----------
    audit : Audit
    path : path
        File to write, whole or not at all.
    items : sequence of str, optional
        Texts of the instances, to show in the worst pairs.

    Raises
    ------
    ValueError
        For items that are not one per instance.
    """
    if items is not None and len(items) != audit.n_instances:
        raise ValueError(f"items must be one per instance, {audit.n_instances}, got {len(items)}")
    names = {"batches": "Batches", "shuffle": "Uniform"}
    hardness = {names[name]: found for name, found in audit.hardness.items()}
    parts = [
        _paragraph(audit.summary),
        _paragraph(f"{audit.n_batches:,} batches of {audit.n_instances:,} instances. {_NOTES[audit.method]}"),
        _table(_figures(audit)),
        _picture(lambda ax: plots.hardness(hardness, ax)),
        "<h2>Similarities</h2>",
        _table(audit.similarities.map("{:.3f}".format)),
        "<h2>Most similar pairs in one batch</h2>",
        _table(_with_items(audit.pairs, items), index=False),
    ]
    _write("Audit of batches", parts, path)


def write_suggestion(suggestion: Suggestion, path: str | Path) -> None:
    """Write a suggestion as a page: the summary, the code, the figure, and all settings tried."""
    points = suggestion.to_frame().sort_values("hardness", ascending=False)
    parts = [
        _paragraph(suggestion.reason),
        _paragraph(_NOTES[suggestion.method]),
        f"<p><code>{html.escape(suggestion.code)}</code></p>",
        _picture(lambda ax: plots.suggestion(suggestion, ax)),
        "<h2>Settings tried</h2>",
        _table(points.map(_written, na_action="ignore"), index=False),
    ]
    _write("Suggested settings", parts, path)


def _write(title: str, parts: Sequence[str], path: str | Path) -> None:
    content = _PAGE.substitute(title=html.escape(title), body="\n".join(parts))
    write_whole(Path(path), lambda file: file.write(content.encode("utf-8", "replace")))


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def _written(value) -> str:
    """Return a name as it is, and a number with four digits."""
    return value if isinstance(value, str) else f"{value:.4g}"


def _figures(audit: Audit):
    """Return the table with numbers as they are read."""
    forms = {name: _FORMS.get(name, "{:.3f}").format for name in audit.table.index}
    rows = {name: row.map(forms[name], na_action="ignore") for name, row in audit.table.iterrows()}
    return type(audit.table)(rows).T


def _with_items(pairs, items: Sequence[str] | None):
    """Return pairs with the texts of their instances."""
    shown = pairs.assign(similarity=pairs.similarity.map("{:.3f}".format))
    if items is not None:
        for name in ("first", "second"):
            shown[f"{name} item"] = [items[i] for i in pairs[name]]
    return shown


def _table(frame, index: bool = True) -> str:
    return frame.to_html(border=0, index=index, escape=True, na_rep="")


def _picture(draw) -> str:
    """Return a figure as an image inside the page."""
    with style():
        figure = Figure(figsize=(7.2, 4), dpi=144)
        ax: Axes = figure.subplots()
        draw(ax)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
    return f'<p><img alt="" src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"></p>'
