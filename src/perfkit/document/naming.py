"""Make names for budgets and categories from titles of a document."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final


def snake_case(text: str) -> str:
    """Return a title in snake case; ``"Disk I/O"`` is ``disk_io``."""
    text = _LETTER_SLASH_LETTER.sub(r"\1\2", text).replace("'", "").replace("\u2019", "")
    return "_".join(_WORD.findall(text.lower()))


def unique_names(titles: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Return a unique name for each row.

    Args:
        titles: For each row its title and the headings above it, outermost first.

    Returns:
        The title in snake case. If two are equal, or one begins with a digit, as many headings
        before it as make it unique; if all headings are equal too, a number after it.
    """
    # Each round adds one more heading, to the names that are not unique yet only.
    names = [snake_case(title) for title, _ in titles]
    most = max((len(sections) for _, sections in titles), default=0)
    for depth in range(1, most + 1):
        counts = Counter(names)
        for index, (title, sections) in enumerate(titles):
            name = names[index]
            if counts[name] > 1 or not name or (depth == 1 and name[0].isdigit()):
                names[index] = snake_case(" ".join((*sections[-depth:], title)))
    return _numbered(names)


def _numbered(names: Sequence[str]) -> list[str]:
    taken = set(names)
    last: Counter[str] = Counter()
    result = []
    for name in names:
        new = base = name or "budget"
        last[base] += 1
        while last[base] > 1 and new in taken:
            new = f"{base}_{last[base]}"
            last[base] += new in taken
        taken.add(new)
        result.append(new)
    return result


_WORD: Final = re.compile(r"[^\W_]+")
_LETTER_SLASH_LETTER: Final = re.compile(r"\b(\w)/(\w)\b")
