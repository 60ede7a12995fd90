"""The documentation builds without a warning, its links lead somewhere, and every public name is in the reference."""

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
import zlib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from test_project import public_modules

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
LOADED = {"script": "src", "img": "src", "link": "href", "source": "src", "iframe": "src"}
NEEDED = "myst_nb", "furo", "lightning", "sentence_transformers", "torch_geometric"


class Page(HTMLParser):
    """The links, the files that are loaded and the places to jump to, of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loaded, self.places = [], [], {""}
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.places |= {attributes.get("id"), attributes.get("name")} - {None}
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        elif tag in LOADED and attributes.get(LOADED[tag]):
            self.loaded.append(attributes[LOADED[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    for module in NEEDED:
        pytest.importorskip(module)
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "-c", "docs", "."]
    doctrees = ["-d", str(tmp_path_factory.mktemp("doctrees"))]
    result = subprocess.run([*command, *doctrees, str(folder)], capture_output=True, text=True, cwd=REPOSITORY)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in site.rglob("*.html")}


@pytest.fixture(scope="module")
def documented(site):
    """Return the names in the site's inventory of Python objects."""
    content = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    lines = zlib.decompress(content).decode().splitlines()
    return {line.split(" ", 1)[0] for line in lines if " py:" in line}


def used():
    """Yield the (module, name) of what README, pages and notebooks import from the toolkit."""
    texts = [REPOSITORY / "README.md", *DOCS.rglob("*.md")]
    code = [block for path in texts for block in re.findall(r"```python\n(.*?)```", path.read_text("utf-8"), re.DOTALL)]
    for path in (REPOSITORY / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        code += ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    lines = [
        line for block in code for line in re.findall(r"^\s*(from toolkit.* import [\w, ]+)$", block, re.MULTILINE)
    ]
    for node in (ast.parse(line.strip()).body[0] for line in lines):
        yield from ((node.module, alias.name) for alias in node.names)


def test_every_link_leads_to_a_place(site, pages):
    broken, checked = [], 0
    for path, page in pages.items():
        for link in [*page.links, *page.loaded]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            checked += 1
            if not target.is_file() or (target in pages and unquote(parts.fragment) not in pages[target].places):
                broken.append((str(path.relative_to(site)), link))
    assert broken == []
    assert checked > 2000


def test_site_opens_from_disk(site, pages):
    away = {link for page in pages.values() for link in page.loaded if re.match(r"https?:|//|/", link)}
    assert away == set(), "nothing is fetched from elsewhere"
    assert "docs/index.html" in (site / "index.html").read_text()


def test_every_page_is_in_the_menu(site, pages):
    menu = {(site / "docs" / unquote(urlsplit(link).path)).resolve() for link in pages[site / "docs/index.html"].links}
    documents = {path for folder in ("docs", "notebooks", "benchmarks") for path in (site / folder).rglob("*.html")}
    assert len(documents) > 40
    reference = {path for path in documents if path.parent.name == "reference"}
    assert documents - reference - {site / "docs/index.html"} - menu == set()


def test_every_public_name_is_in_the_reference(documented):
    names = [(module.__name__, name) for module in public_modules() for name in getattr(module, "__all__", ())]
    assert len(names) > 100
    known = {id(member) for member in map(resolved, documented) if member is not None}
    missing = []
    for module, name in {*names, *used()}:
        member = getattr(importlib.import_module(module), name, None) or importlib.import_module(f"{module}.{name}")
        found = f"{module}.{name}" in documented if not callable(member) else id(member) in known
        if not found and not inspect.ismodule(member):
            missing.append(f"{module}.{name}")
    assert missing == []


def resolved(name):
    """Return the function or class of a documented name, None for methods and attributes."""
    module, _, member = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), member, None)
    except (ImportError, ValueError):  # a class, or a module itself
        return None
    return found if callable(found) else None
