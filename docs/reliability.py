"""The table of `docs/reliability.md`, from the report of the tests: ``python -m docs.reliability build/faults.xml``."""

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

PAGE = Path(__file__).with_name("reliability.md")
BEGIN, END = "<!-- trials -->\n", "<!-- end of trials -->\n"


def tallies(report: Path) -> dict[str, Counter]:
    """Return how many trials of each kind came to which end."""
    found: dict[str, Counter] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        properties = [(each.get("name"), each.get("value")) for each in case.iter("property")]
        kinds = [value for name, value in properties if name == "tried"]
        if kinds:
            ends = Counter({name: int(value) for name, value in properties if name != "tried"})
            failed = case.find("failure") is not None or case.find("error") is not None
            found.setdefault(kinds[0], Counter()).update(ends + Counter({"failed": failed}))
    return found


def summary(report: Path) -> str:
    """Return a sentence on the whole report."""
    suite = next(ElementTree.parse(report).iter("testsuite"))
    tests, failed = int(suite.get("tests", 0)), int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    minutes = float(suite.get("time", 0)) / 60
    return f"The last run had {tests:,} tests, of which {failed} failed, and took {minutes:.0f} minutes.\n\n"


def table(found: dict[str, Counter]) -> str:
    """Return the trials as a table of Markdown."""
    lines = ["| tried | trials | outcomes |", "|---|---:|---|"]
    for kind, ends in found.items():
        words = ", ".join(f"{count:,} {end.replace('_', ' ')}" for end, count in ends.most_common())
        lines.append(f"| {kind} | {ends.total():,} | {words} |")
    return "\n".join(lines) + "\n"


def main(report: str) -> None:
    """Put the table into the page."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + summary(Path(report)) + table(tallies(Path(report))) + END + after)


if __name__ == "__main__":
    main(sys.argv[1])
