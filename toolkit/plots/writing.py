"""The users' own texts in figures: in any script, never read as mathematics, shortened to fit."""

import logging
import textwrap
from collections.abc import Iterator
from functools import lru_cache
from unicodedata import east_asian_width

from matplotlib import font_manager
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text

# Fonts with the most characters come first; most systems have a font for each script.
_FAMILIES = (
    *("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "PingFang SC"),
    *("Hiragino Sans GB", "Microsoft YaHei", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "SimHei"),
    *("Droid Sans Fallback", "Hiragino Sans", "Yu Gothic", "MS Gothic", "IPAexGothic", "IPAGothic"),
    *("Apple SD Gothic Neo", "Malgun Gothic", "NanumGothic", "Arial Unicode MS", "Nirmala UI", "Leelawadee UI"),
    *("Segoe UI Symbol", "Noto Emoji"),
)
_BOX = "□"
_LONGEST = 300  # characters: more do not fit, and thousands take seconds to draw


def write(text: Text, words) -> Text:
    """Set a text in a figure literally, in fonts that have its characters.

    Nothing is read as mathematics. Characters that no installed font has become boxes, without a warning. Texts are cut
    after 300 characters.

    Parameters
    ----------
    text : matplotlib.text.Text
        Text, title or label in a figure.
    words : object
        Text to show; converted to a string.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> write(Figure().text(0, 0, ""), "from $5 to $7").get_text()
    'from $5 to $7'
    """
    words = str(words)
    words = words if len(words) <= _LONGEST else words[:_LONGEST] + "…"
    words = "".join(" " if letter.isspace() and letter != "\n" else letter for letter in whole(words))
    look = text.get_fontproperties().copy()
    families = list(text.get_fontfamily())
    missing = set(words) - {"\n"}
    missing = missing.difference(*(_characters(family, look) for family in families))
    for family in _fallbacks() if missing else ():
        found = missing & _characters(family, look)
        if found or family == _FAMILIES[0]:  # DejaVu Sans has the box
            families.append(family)
            missing -= found
    text.set(fontfamily=families, parse_math=False, usetex=False)
    text.set_text("".join(_BOX if letter in missing else letter for letter in words))
    return text


def whole(words: str) -> str:
    """Return the text with lone surrogates (halves of characters) replaced, since fonts and browsers reject them."""
    return words.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def wrap(words: str, width: int, n_lines: int) -> str:
    """Wrap a text into lines of at most `width` columns; end with an ellipsis if it needs more than `n_lines`.

    Chinese, Japanese and Korean characters take two columns, and lines break between them.

    Examples
    --------
    >>> wrap("A man is playing a flute.", 12, 2)
    'A man is\\nplaying a …'
    >>> wrap("鱼在水里游来游去", 6, 2)
    '鱼在水\\n里游 …'
    """
    padded = "".join(letter + "\0" * (east_asian_width(letter) in "WF") for letter in words.strip())
    lines = textwrap.wrap(padded, width)
    if len(lines) > n_lines:
        lines = lines[:n_lines]
        if len(lines[-1]) > width - 2:
            at_a_space = lines[-1][: width - 1].rpartition(" ")[0]
            lines[-1] = at_a_space if len(at_a_space) > width / 3 else lines[-1][: width - 2]
        lines[-1] += " …"
    return "\n".join(lines).replace("\0", "")


def _fallbacks() -> Iterator[str]:
    """Yield the installed font families in which to look for missing characters."""
    installed = font_manager.get_font_names()
    yield from (family for family in _FAMILIES if family in installed)
    yield from sorted(family for family in installed if family.startswith("Noto Sans ") and family not in _FAMILIES)


@lru_cache(1024)
def _characters(family: str, look: FontProperties) -> frozenset[str]:
    """Return the characters of the font that Matplotlib uses for a family."""
    wanted = look.copy()
    wanted.set_family(family)
    logger = logging.getLogger(font_manager.__name__)
    level = logger.level
    logger.setLevel(logging.ERROR)  # no warning about a missing bold face; drawing uses the cached font
    try:
        font = font_manager.get_font(font_manager.findfont(wanted, fallback_to_default=False))
    except (ValueError, RuntimeError):  # not installed or not readable
        return frozenset()
    finally:
        logger.setLevel(level)
    return frozenset(map(chr, font.get_charmap()))
