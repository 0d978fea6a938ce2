"""Count the marks of the prose in `src`; fail if a bound is violated.

Three numbers have a bound:

1. Docstring summaries that contain the word "what", in percent of all summaries. The summary is the
   first sentence of the docstring of a module, a class or a function.
2. Marker words in each 1,000 words of docstrings and comments. Markers are verbs of speech and
   stance (say, tell, hear, stand, hold), the verbs that plain names replace (give, take, hand, ask,
   answer, know, keep, come, go), in all their forms, the word "what", and "no" after a form of
   "be". Text between backticks is code and counts neither as a word nor as a marker.
3. Whole-line comments in percent of all lines, blank ones included. Pragmas such as ``# noqa`` and
   ``# type:`` are not comments.

The set of markers was calibrated: see `MARKERS` for its figures in perfkit and in other projects.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

ROOT: Final = Path(__file__).parents[1]
MOST_WHAT_PERCENT: Final = 1.0
MOST_MARKERS: Final = 15.0
LEAST_COMMENT_PERCENT: Final = 1.5

# Calibration: of 1,000 words at 8d7c660, the prose that the bound is meant for, 55.6 are in this
# set; in stamina 26.1 3.8, in structlog 26.1 5.2, in svcs 26.2 7.0, in the OpenTelemetry SDK 1.45
# 5.0. The five verbs of speech and stance alone are 16, so a bound of 15 on them would have little
# effect. Verbs that plain technical prose needs (make, see, find, wait) are excluded.
_MARKERS: Final = """
    say says said saying tell tells told telling hear hears heard hearing
    stand stands stood standing hold holds held holding
    give gives gave given giving take takes took taken taking hand hands handed handing
    ask asks asked asking answer answers answered answering
    know knows knew known knowing keep keeps kept keeping
    come comes came coming go goes went gone going
    what
"""
MARKERS: Final = frozenset(_MARKERS.split())
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z']*")
_IS_NO: Final = re.compile(r"\b(?:is|are|was|were|be|been|being) no\b(?! longer)", re.IGNORECASE)
_CODE: Final = re.compile(r"``.*?``|`[^`]*`", re.DOTALL)
_PRAGMA: Final = re.compile(r"#\s*(?:noqa|type:|pragma:|pyright:|mypy:|ruff:|fmt:)")


@attrs.frozen
class Text:
    """A docstring or a comment, and its first line."""

    line: int
    text: str


@attrs.define
class Prose:
    """The counts of one file, or of several."""

    lines: int = 0
    summaries: int = 0
    words: int = 0
    comments: int = 0
    what: list[str] = attrs.field(factory=list)
    markers: list[str] = attrs.field(factory=list)

    def add(self, other: Prose) -> None:
        """Add the counts of `other`."""
        for field in attrs.fields(Prose):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    @property
    def what_percent(self) -> float:
        """The share of summaries that contain "what"."""
        return 100 * len(self.what) / max(self.summaries, 1)

    @property
    def markers_per_thousand(self) -> float:
        """The number of marker words in each 1,000 words."""
        return 1000 * len(self.markers) / max(self.words, 1)

    @property
    def comment_percent(self) -> float:
        """The share of lines that are comments."""
        return 100 * self.comments / max(self.lines, 1)


def main(arguments: list[str] | None = None) -> int:
    """Print the numbers; return 1 if a bound is violated."""
    parser = argparse.ArgumentParser(description="Count the marks of the prose in src.")
    parser.add_argument("root", nargs="?", type=Path, default=ROOT / "src")
    parser.add_argument("--rooms", action="store_true", help="print a row for each package")
    parser.add_argument("--places", action="store_true", help="list every summary and marker")
    options = parser.parse_args(arguments)
    total = Prose()
    rooms: defaultdict[str, Prose] = defaultdict(Prose)
    for path in sorted(options.root.rglob("*.py")):
        name = path.relative_to(options.root)
        prose = count(path.read_text("utf-8"), _shown(path))
        total.add(prose)
        rooms[name.parts[1].removesuffix(".py") if len(name.parts) > 1 else name.stem].add(prose)
    print(f"{'':16} {'lines':>7} {'words':>7} {'what %':>7} {'markers':>8} {'comments %':>11}")
    for room, prose in [*(sorted(rooms.items()) if options.rooms else ()), ("all", total)]:
        print(
            f"{room:16} {prose.lines:7} {prose.words:7} {prose.what_percent:7.1f} "
            f"{prose.markers_per_thousand:8.1f} {prose.comment_percent:11.2f}"
        )
    violated = violated_bounds(total)
    faults = [place for _, places in violated for place in places]
    for place in [*total.what, *total.markers] if options.places else faults:
        print(place)
    for message, _ in violated:
        print(message, file=sys.stderr)
    return int(bool(violated))


def violated_bounds(prose: Prose) -> list[tuple[str, list[str]]]:
    """Return a message for each violated bound, with the places that violate it."""
    violated: list[tuple[str, list[str]]] = []
    if prose.what_percent > MOST_WHAT_PERCENT:
        message = f'{prose.what_percent:.1f} % of docstring summaries contain "what"'
        violated.append((f"{message}; the bound is {MOST_WHAT_PERCENT:g} %", prose.what))
    if prose.markers_per_thousand > MOST_MARKERS:
        message = f"{prose.markers_per_thousand:.1f} marker words in 1,000"
        violated.append((f"{message}; the bound is {MOST_MARKERS:g}", prose.markers))
    if prose.comment_percent < LEAST_COMMENT_PERCENT:
        message = f"{prose.comment_percent:.2f} % of lines are comments"
        violated.append((f"{message}; the bound is at least {LEAST_COMMENT_PERCENT:g} %", []))
    return violated


def count(source: str, name: str) -> Prose:
    """Count the prose of one file, whose places are reported under `name`."""
    docstrings = list(_docstrings(ast.parse(source)))
    whole, comments = _comments(source)
    prose = Prose(lines=len(source.splitlines()), summaries=len(docstrings), comments=whole)
    for docstring in docstrings:
        summary = _summary(docstring.text)
        if "what" in _words(summary):
            prose.what.append(f"{name}:{docstring.line}: summary: {summary}")
    for text in [*docstrings, *comments]:
        plain = _CODE.sub(_blank, text.text)
        prose.words += len(_words(plain))
        found = [(match.start(), match[0]) for match in _marks(plain)]
        for start, marker in sorted(found):
            row = plain.count("\n", 0, start)
            line = text.text.split("\n")[row].strip()
            prose.markers.append(f"{name}:{text.line + row}: {marker}: {line}")
    return prose


def _docstrings(tree: ast.Module) -> Iterator[Text]:
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(tree):
        if isinstance(node, kinds) and (text := ast.get_docstring(node, clean=False)):
            yield Text(node.body[0].lineno, text)


def _comments(source: str) -> tuple[int, list[Text]]:
    """Return the number of whole-line comments, and the text of all comments but pragmas."""
    whole = 0
    texts = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not _PRAGMA.match(token.string):
            whole += not token.line[: token.start[1]].strip()
            texts.append(Text(token.start[0], token.string.lstrip("# ")))
    return whole, texts


def _marks(text: str) -> Iterator[re.Match[str]]:
    yield from (word for word in _WORD.finditer(text) if word[0].lower() in MARKERS)
    yield from _IS_NO.finditer(text)


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _summary(docstring: str) -> str:
    paragraph = " ".join(docstring.strip().split("\n\n", 1)[0].split())
    return re.split(r"(?<=[.?!]) ", paragraph, maxsplit=1)[0]


def _blank(code: re.Match[str]) -> str:
    """Replace code by as many line ends, so that the lines of the rest are unchanged."""
    return " " + "\n" * code[0].count("\n")


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


if __name__ == "__main__":
    sys.exit(main())
