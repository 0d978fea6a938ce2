"""How Sphinx builds the documentation."""

from importlib.metadata import version as version_of

project = "perfkit"
author = "The perfkit developers"
copyright = author  # noqa: A001 - the name that Sphinx gives it
version = release = version_of("perfkit")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
default_role = "code"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
add_module_names = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 120

html_theme = "furo"
html_title = "perfkit"
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"sidebar_hide_name": False}
