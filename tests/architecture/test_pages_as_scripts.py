"""Whoever pastes the code of a page into a script gets what the page says, outside pytest too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.page_blocks import script_of
from tests.processes import environment

ROOT = Path(__file__).parents[2]
PAGES = {
    str(page.relative_to(ROOT)): script
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md")))
    if "_build" not in page.parts and (script := script_of(page.read_text(encoding="utf-8")))
}


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `script` as a program of its own, which knows nothing of pytest, in `folder`."""
    (folder / "app.py").write_text(script, encoding="utf-8")
    variables = environment()
    for name in [name for name in variables if name.startswith(("PYTEST", "OTEL_"))]:
        del variables[name]
    return subprocess.run(
        [sys.executable, "app.py"],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("page", [*PAGES])
def test_the_code_of_a_page_runs_as_a_script(page: str, tmp_path: Path) -> None:
    ended = run(PAGES[page], tmp_path)

    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_script_has_the_blocks_of_its_page_in_their_order_and_on_their_lines(
    tmp_path: Path,
) -> None:
    page = (
        "# A page\n\n```toml\n# some.toml\na = 1\n```\n\n"
        "```python\ntext = open('some.toml').read()\n```\n\n"
        "<!--- skip: next -->\n\n```python\nraise SystemExit(3)\n```\n\n"
        "```python\nprint(text)\n1 / 0\n```\n"
    )

    ended = run(script_of(page), tmp_path)

    assert ended.stdout == "# some.toml\na = 1\n\n"
    assert f'app.py", line {page.splitlines().index("1 / 0") + 1}' in ended.stderr
