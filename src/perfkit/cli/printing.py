"""Write what comes from files, the environment and other programs, so that it stays in its place.

A name may hold what moves the cursor of a terminal or begins a new line, and so look like
something that perfkit says.
"""

from __future__ import annotations

from perfkit.text import printable


def printable_lines(error: Exception) -> str:
    """Return what an error says, each of its lines as a terminal can show it."""
    return "\n".join(printable(line) for line in str(error).split("\n"))


def shortened(text: str, longest: int) -> str:
    """Return `text` with the middle of each word left out that is longer than `longest`.

    Args:
        text: Of words with spaces between them, such as a path.
        longest: In characters, at least 5.

    >>> shortened("file /srv/app/var/log/violations.jsonl", 20)
    'file /srv/app...ons.jsonl'
    """
    return " ".join(_shortened_word(word, longest) for word in text.split(" "))


def _shortened_word(word: str, longest: int) -> str:
    if len(word) <= longest:
        return word
    kept = longest - len(_LEFT_OUT)
    end = (kept + 1) // 2
    return f"{word[: kept - end]}{_LEFT_OUT}{word[-end:]}"


_LEFT_OUT = "..."
