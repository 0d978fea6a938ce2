"""Escape and shorten texts from files, the environment and other programs for a terminal.

A name may contain a line break or a control sequence that moves the cursor, and so imitate the
output of perfkit.
"""

from __future__ import annotations

from perfkit.text import printable


def printable_lines(error: Exception) -> str:
    """Return the message of an error, with each line escaped for a terminal."""
    # Each line by itself: a message with several problems has a line for each of them.
    return "\n".join(printable(line) for line in str(error).split("\n"))


def shortened(text: str, longest: int) -> str:
    """Return `text` with the middle of each word removed that is longer than `longest`.

    Args:
        text: Words separated by spaces, such as a path.
        longest: The maximum length of a word in characters, at least 5.

    >>> shortened("file /srv/app/var/log/violations.jsonl", 20)
    'file /srv/app...ons.jsonl'
    """
    kept = longest - len("...")
    end = (kept + 1) // 2
    words = text.split(" ")
    return " ".join(
        word if len(word) <= longest else f"{word[: kept - end]}...{word[-end:]}" for word in words
    )
