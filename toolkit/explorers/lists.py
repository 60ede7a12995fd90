"""Instances as HTML lists under the names of samplers, next to each other as far as there is room."""

import html
from collections.abc import Iterable

from toolkit.plots.thumbnails import Thumbnails


def item(thumbnails: Thumbnails, index: int) -> str:
    """Return an instance as HTML: its text in full width, or its picture."""
    if thumbnails.kind in ("text", "number"):
        return f'<div class="tk-words">{html.escape(thumbnails.text(index))}</div>'
    return thumbnails.html(index)


def entry(content: str, words: Iterable[str], look: str = "") -> str:
    """Return an entry of a list: HTML, with the words that are not empty below it; `look` is its class."""
    line = " · ".join(html.escape(each) for each in words if each)
    note = f'<div class="tk-note">{line}</div>' if line else ""
    return f'<li class="{look}">{content}{note}</li>'


def heading(title: str, color: str = "", below: str = "") -> str:
    """Return a title with a bar in a sampler's colour, and HTML below it."""
    own = f' style="--tk-own:{color}"' if color else ""
    return f'<div class="tk-name"{own}>{html.escape(title)}{below}</div>'


def column(head: str, name: str, entries: Iterable[str]) -> str:
    """Return a heading above a list; screen readers announce the list by its name."""
    return f'<div>{head}<ol aria-label="{html.escape(name)}">{"".join(entries)}</ol></div>'


def columns(parts: Iterable[str]) -> str:
    """Return columns next to each other."""
    return f'<div class="tk-columns">{"".join(parts)}</div>'
