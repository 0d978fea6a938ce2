"""The receiver of `docs/sinks.md` takes what is genuine, and answers every forgery with False."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from email.message import Message
from pathlib import Path
from typing import Any, Final

import pytest

from perfkit.sinks.builtin.webhook import signature

PAGE: Final = Path(__file__).parents[2] / "docs" / "sinks.md"
SECRET: Final = "whsec_c2VjcmV0IG9mIGJvdGg="  # noqa: S105 - the one of the page
BODY: Final = b'{"violations": []}'
NAMES: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")

IsGenuine = Callable[[Any, bytes, str], bool]


@pytest.fixture
def is_genuine() -> IsGenuine:
    """The function as it stands on the page."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (block,) = [block for block in blocks if "def is_genuine" in block]
    names: dict[str, Any] = {}
    exec(block, names)  # noqa: S102 - the page's own code
    function: IsGenuine = names["is_genuine"]
    return function


def signed(**changes: str | None) -> dict[str, str]:
    """Return the headers of a genuine post; None leaves one out."""
    headers = signature(b"secret of both", "msg_1", int(time.time()), BODY)
    changed = {f"webhook-{name}": text for name, text in changes.items()}
    return {name: text for name, text in {**headers, **changed}.items() if text is not None}


def as_a_server_has_them(headers: Mapping[str, str]) -> Message:
    message = Message()
    for name, text in headers.items():
        message[name] = text
    return message


def test_what_is_genuine_is_taken(is_genuine: IsGenuine) -> None:
    headers = signed()

    assert is_genuine(headers, BODY, SECRET) is True
    assert is_genuine(as_a_server_has_them(headers), BODY, SECRET) is True


def test_one_good_signature_of_several_is_enough(is_genuine: IsGenuine) -> None:
    headers = signed()
    headers["webhook-signature"] = f"v1,AAAA v2,x {headers['webhook-signature']}"

    assert is_genuine(headers, BODY, SECRET) is True


FORGERIES: Final[Mapping[str, Mapping[str, str | None]]] = {
    "no headers": {"id": None, "timestamp": None, "signature": None},
    "no id": {"id": None},
    "no timestamp": {"timestamp": None},
    "no signature": {"signature": None},
    "an empty signature": {"signature": ""},
    "a signature that is none": {"signature": "v1,"},
    "a signature without its version": {
        "signature": signed()["webhook-signature"].removeprefix("v1,")
    },
    "another signature": {"signature": "v1,AAAA"},
    "a signature beyond ASCII": {"signature": "v1,é"},
    "an id beyond ASCII": {"id": "é"},
    "an id that is no text": {"id": "\udcff"},
    "another id": {"id": "msg_2"},
    "a time that is a word": {"timestamp": "x"},
    "a time with a sign": {"timestamp": "-1"},
    "a time in other digits": {"timestamp": "\u0661"},
    "a time without end": {"timestamp": "9" * 5000},
    "a time that is over": {"timestamp": "1"},
}


@pytest.mark.parametrize("changes", FORGERIES.values(), ids=FORGERIES)
def test_a_forgery_is_not_genuine(is_genuine: IsGenuine, changes: Mapping[str, str | None]) -> None:
    headers = signed(**changes)

    assert is_genuine(headers, BODY, SECRET) is False
    if "\udcff" not in headers.get("webhook-id", ""):
        assert is_genuine(as_a_server_has_them(headers), BODY, SECRET) is False


def test_another_body_and_another_secret_are_not_genuine(is_genuine: IsGenuine) -> None:
    assert is_genuine(signed(), b"{}", SECRET) is False
    assert is_genuine(signed(), BODY, "whsec_b3RoZXI=") is False
