"""Configuration of the documentation; `make docs` builds it without the network."""

import scalinglaws

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
    ]
}
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
