"""How Sphinx builds the documentation: ``make docs``, or ``sphinx-build -c docs . build/docs``.

The source folder is the repository itself, so that README, notebooks and results appear in the site as they are, and
every link leads to the same place in the site and in a clone.
"""

import toolkit

project = "BatchSampler toolkit"
author = "The contributors"
copyright = "MIT licence"
version = release = toolkit.__version__

root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "notebooks/*.ipynb",
    "benchmarks/README.md",
    "data/README.md",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
]
exclude_patterns = [".*", "build", "dist", "tests", "toolkit"]
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

nb_execution_mode = "off"  # the stored outputs are what `make notebooks` and nbval made of them
nb_ipywidgets_js = {}  # saved widgets are pictures
myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath", "colon_fence"]

default_role = "py:obj"
suppress_warnings = ["ref.python"]  # a bare `value` may be that of several results
_STOP = "Module, Sampler, VBox, Future, Callback, TrainerCallback, Trainer, RuntimeError"
autodoc_default_options = {"members": True, "show-inheritance": True, "inherited-members": _STOP}
autodoc_typehints = "none"  # docstrings state types
autodoc_member_order = "bysource"
napoleon_google_docstring = False  # Sphinx's own reader of numpydoc; the package of that name takes 10 s longer
napoleon_use_ivar = True
toc_object_entries = False

html_theme = "furo"
html_title = "BatchSampler toolkit"
html_extra_path = ["site"]
html_show_sphinx = False
html_copy_source = False
