"""Join the JavaScript files of a widget into one module."""

import re
from graphlib import TopologicalSorter
from pathlib import Path

JS = Path(__file__).parent / "js"
_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w.]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:function|class|const) (\w+))", re.MULTILINE)
_NAME = re.compile(r"(\w+)(?: as \w+)?")
_OTHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def bundle(entry: Path) -> str:
    r"""Return an ES module joined with all modules that it imports, because a widget's module cannot import files.

    Each imported file becomes a function that returns what the file exports, so private names never clash. Files write
    ``import { a, b as c } from "./file.js";``, on one line or several, and ``export`` before a function, a class or a
    const. The entry also has an ``export default``.

    Parameters
    ----------
    entry : Path
        File of the view; the files that it imports lie next to it.

    Returns
    -------
    str
        A module without imports.

    Raises
    ------
    ValueError
        If a file imports or exports in another form, if it imports what another file does not export, or if files
        import each other in a cycle.

    Examples
    --------
    >>> from toolkit.explorers.bundle import JS, bundle
    >>> bundle(JS / "walk_player.js").rstrip().splitlines()[-1]
    'export default { render };'
    """
    texts, imports, waiting = {}, {}, [entry]
    while waiting:
        path = waiting.pop()
        texts[path] = path.read_text(encoding="utf-8")
        imports[path] = [path.with_name(name) for _, name in _IMPORT.findall(texts[path])]
        waiting += [other for other in imports[path] if other not in texts]
    for path, text in texts.items():
        for names, name in _IMPORT.findall(text):
            if missing := set(_NAME.findall(names)) - set(_EXPORT.findall(texts[path.with_name(name)])):
                raise ValueError(f"{path.name} imports {sorted(missing)}, which {name} does not export")
    *modules, _ = TopologicalSorter(imports).static_order()
    return "\n".join([*(_scope(path, texts[path]) for path in modules), _link(entry, texts[entry], "export default ")])


def _scope(path: Path, text: str) -> str:
    exported = ", ".join(_EXPORT.findall(text))
    body = _link(path, _EXPORT.sub("", text))
    return f"const {_variable(path.name)} = (() => {{\n{body}\nreturn {{ {exported} }};\n}})();"


def _link(path: Path, text: str, allowed: str = "") -> str:
    """Take the imports from the variables of the modules before."""
    linked = _IMPORT.sub(lambda found: f"const {{{found[1].replace(' as ', ': ')}}} = {_variable(found[2])};", text)
    for line in _OTHER.findall(linked):
        if not (allowed and line.startswith(allowed)):
            raise ValueError(
                f'{path.name} has {line!r}, which cannot be joined: write `import {{ ... }} from "./file.js";`, or '
                "`export` before a function, a class or a const"
            )
    return linked


def _variable(name: str) -> str:
    return "$" + re.sub(r"\W", "_", name.removesuffix(".js"))  # $ keeps it apart from the names of the files
