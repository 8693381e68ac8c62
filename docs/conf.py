"""Configuration of the documentation; `make docs` builds it without the network."""

import csv
import inspect
from pathlib import Path

import scalinglaws
from scalinglaws.training import COLUMNS, STATUSES

project = "scalinglaws"
author = "The scalinglaws developers"
copyright = author
version = release = scalinglaws.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "auto_examples/**/*.ipynb", "auto_examples/GALLERY_HEADER.rst"]

autosummary_generate = True
# What every scikit-learn estimator has; scikit-learn documents it.
autosummary_context = {
    "inherited_from_sklearn": [
        "__init__",
        "get_metadata_routing",
        "get_params",
        "score",
        "set_fit_request",
        "set_params",
        "set_score_request",
        "set_split_request",
    ]
}
# The pages of scalinglaws.training need no PyTorch, and do not list what its modules inherit.
autodoc_mock_imports = ["submitit", "torch"]
numpydoc_show_class_members = False
default_role = "autolink"

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("scalinglaws",),
    "image_srcset": ["2x"],
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "abort_on_example_error": True,
}

# Tables of the user guide that the code has already.
_generated = Path(__file__).parent / "generated"
_generated.mkdir(exist_ok=True)
for _name, _meanings in (("columns", COLUMNS), ("statuses", STATUSES)):
    with open(_generated / f"training_{_name}.csv", "w", newline="", encoding="utf-8") as _file:
        csv.writer(_file).writerows((f"``{name}``", text) for name, text in _meanings.items())

# What the studies found, from the committed results: one table per experiment.
_results = Path(__file__).parents[1] / "benchmarks" / "results"
_RULES = {
    "relative": "within {:.2g} relative",
    "absolute": "within {:.2g}",
    "at most": "not above",
    "at least": "not below",
    "factor": "within a factor of {:.3g}",
    "none": "shown only",
}
for _path in sorted(_results.glob("*/comparison.csv")):
    with open(_path, newline="", encoding="utf-8") as _file:
        _rows = list(csv.DictReader(_file))
    for _name in dict.fromkeys(row["experiment"] for row in _rows):
        _table = _generated / f"{_path.parent.name}_{_name}.csv"
        with open(_table, "w", newline="", encoding="utf-8") as _file:
            _writer = csv.writer(_file)
            for _row in (row for row in _rows if row["experiment"] == _name):
                _asked = _RULES[_row["rule"]].format(float(_row["tolerance"] or "nan"))
                _met = {"True": "yes", "False": "**no**"}[_row["met"]]
                _writer.writerow(
                    (
                        _row["quantity"], _row["where"], _row["n"],
                        f"{float(_row['published'] or 'nan'):.8g}",
                        f"{float(_row['ours'] or 'nan'):.8g}",
                        _asked, "" if _row["rule"] == "none" else _met, _row["note"],
                    )
                )  # fmt: skip

html_theme = "pydata_sphinx_theme"
html_title = "scalinglaws"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"whats_new": [], "references": []}


def _signature(app, what, name, obj, options, signature, annotation):
    """Give a class whose base is mocked the signature of its own `__init__`."""
    if what == "class" and signature == "(*args: Any, **kwargs: Any)":
        parameters = list(inspect.signature(obj.__init__).parameters.values())
        return str(inspect.Signature(parameters[1:])), annotation
    return None


def setup(app):
    app.connect("autodoc-process-signature", _signature)
