"""What README and docs tell a person to run or to read is there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from perfkit.cli.group import command as perfkit_command

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("**/*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def commands_on(page: Path) -> Iterator[list[str]]:
    """Yield the words of each command, without the comments, in the console blocks of a page."""
    text = page.read_text(encoding="utf-8").replace("\\\n", "")
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for line in re.findall(r"^\$ (.*)", block, re.MULTILINE):
            yield shlex.split(line, comments=True)


COMMANDS = [
    pytest.param(words, id=f"{name_of(page)}: {shlex.join(words)}")
    for page in PAGES
    for words in commands_on(page)
]


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_on_a_page_exists(words: list[str]) -> None:
    program, *arguments = words
    if program == "make":
        targets = [word for word in arguments if "=" not in word]
        assert all(re.search(rf"^{target}:", MAKEFILE, re.MULTILINE) for target in targets)
    elif Path(program).name == "perfkit":
        understand(perfkit_command, arguments)


def understand(command: click.Command, arguments: list[str]) -> None:
    """Parse as click would, without running anything; raises click.UsageError."""
    with command.make_context(command.name, list(arguments)) as context:
        if isinstance(command, click.Group):
            rest = [*context._protected_args, *context.args]
            _, subcommand, rest = command.resolve_command(context, rest)
            assert subcommand is not None
            understand(subcommand, rest)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_links_only_to_files_that_are_there(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)", page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []
