"""The tests of CPython that a measured module cannot pass, whoever measures it, each with why."""

from __future__ import annotations

import sys
from typing import Final

COUNTS_FRAMES: Final = (
    "compares a whole traceback; a measured function adds one frame to it, and has to"
)
NAMES_CALLER: Final = (
    "expects a warning to name the caller; `stacklevel` counts frames, so that the one of the"
    " measured function is named instead"
)
ASKS_FOR_CALLER: Final = (
    "expects a function to find its caller's module one frame up; there it finds the frame of the"
    " measuring"
)

TAKES_ANY_KEYWORD: Final = (
    "passes keywords that are not strings; a function in C accepts them, one in Python cannot"
)

GETTEXT: Final = "test.test_gettext.GNUTranslations"

KNOWN_DIFFERENCES: Final[dict[str, str]] = {
    "test.test_contextlib.TestExitStack.test_exit_exception_traceback": COUNTS_FRAMES,
    "test.test_contextlib_async.TestAsyncExitStack.test_exit_exception_traceback": COUNTS_FRAMES,
    "test.test_dataclasses.TestMakeDataclass.test_module_attr": ASKS_FOR_CALLER,
    "test.test_dataclasses.TestMakeDataclass.test_pickle_support": ASKS_FOR_CALLER,
    **{
        f"{GETTEXT}{case}PluralFormsTestCase.{test}": NAMES_CALLER
        for case in ("", "Class", "WithDomain")
        for test in (
            "test_plural_context_forms",
            "test_plural_forms",
            "test_plural_wrong_context_forms",
        )
    },
}
"""By the id of the test; some are there in some versions of Python only."""

if sys.version_info >= (3, 13):  # where these tests began to look at who is named
    KNOWN_DIFFERENCES |= {
        **{
            f"{GETTEXT}{case}": NAMES_CALLER
            for case in (
                "ClassPluralFormsTestCase.test_plural_context_forms_null_translations",
                "ClassPluralFormsTestCase.test_plural_forms_null_translations",
                "WithDomainPluralFormsTestCase.test_plural_context_forms_wrong_domain",
                "WithDomainPluralFormsTestCase.test_plural_forms_wrong_domain",
            )
        },
    }

if sys.version_info[:2] == (3, 13):  # later ones do not warn any more
    KNOWN_DIFFERENCES |= {
        "test.test_functools.TestPartialPy.test_partial_as_method": NAMES_CALLER,
        "test.test_functools.TestPartialPySubclass.test_partial_as_method": NAMES_CALLER,
    }

if sys.version_info >= (3, 14):
    KNOWN_DIFFERENCES |= {
        "test.test_argparse.TestFileTypeDeprecation.test": NAMES_CALLER,
        "test.test_ast.test_ast.ASTConstructorTests.test_non_str_kwarg": TAKES_ANY_KEYWORD,
        "test.test_urlparse.UrlParseTestCase.test_parse_qsl_false_value": NAMES_CALLER,
    }

if sys.version_info >= (3, 15):
    KNOWN_DIFFERENCES |= {
        "test.test_ast.test_ast.CopyTests.test_replace_non_str_kwarg": TAKES_ANY_KEYWORD,
        "test.test_http_cookies.MorselTests.test_basecookie_js_output_warns_once": NAMES_CALLER,
        "test.test_http_cookies.MorselTests.test_morsel_js_output_deprecated": NAMES_CALLER,
    }
