"""Sinks load what they need when they are made, not when they deliver.

A child that is forked while another thread loads a module cannot load that one any more. So no
thread of perfkit's loads anything while the application may fork.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.programs import assert_quiet, run
from tests.receivers.certificates import make_certificate
from tests.receivers.webhook import WebhookReceiver, answer, closed_port, reset

pytest.importorskip("tenacity")

_CATALOG = """
[settings]
sinks = ["log", "json", "lines", "broken", "posts", "template", "down", "refused", "reset",
         "secure", "untrusted", "alerts", "evidence", "github", "several", "metrics", "otel"]

[sinks.json]
type = "log"
form = "json"

[sinks.lines]
type = "jsonl"
path = "{folder}/lines.jsonl"
max_size = "1kB"

[sinks.broken]
type = "jsonl"
path = "{folder}/perfkit.toml/lines.jsonl"

[sinks.posts]
type = "webhook"
url = "{url}"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

[sinks.template]
type = "webhook"
url = "http://localhost:{port}/hook?key=${{KEY}}"
body = {{ text = "{{line}} ${{KEY}}" }}

[sinks.down]
type = "webhook"
url = "http://127.0.0.1:{closed}/"
max_attempts = 1

[sinks.refused]
type = "webhook"
url = "{refusing}?key=${{KEY}}"
max_attempts = 2
batch_size = 2
batch_wait = "100ms"

[sinks.reset]
type = "webhook"
url = "{resetting}"
max_attempts = 1

[sinks.secure]
type = "webhook"
url = "{secure}"
ca_file = "{ca_file}"

[sinks.untrusted]
type = "webhook"
url = "{secure}"
max_attempts = 1

[sinks.alerts]
type = "alertmanager"
url = "http://127.0.0.1:{port}"
repeat_interval = "1h"

[sinks.evidence]
folder = "{folder}/evidence"

[sinks.github]

[sinks.several]
type = "fan_out"
sinks = ["log", "metrics"]
"""

_PROGRAM = """
    logging.getLogger("perfkit").addHandler(logging.NullHandler())
    logging.getLogger("perfkit").propagate = False
    os.environ["KEY"] = "s3cr3tkey"
    perfkit.configure("{catalog}", delivery="background", unknown_budgets="ignore",
                      spans="never")
    perfkit.sink_stats()  # which the application's own thread loads
    before = set(sys.modules)
    break_budgets(3)
    while any(each.waiting for each in perfkit.sink_stats()):
        perfkit.flush_sinks(5)
    loaded = sorted(set(sys.modules) - before)
    tell([loaded, {{each.sink: [each.delivered, each.dropped] for each in perfkit.sink_stats()}}])
"""


def test_no_delivery_loads_a_module(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    with (
        WebhookReceiver() as receiver,
        WebhookReceiver() as refusing,
        WebhookReceiver() as resetting,
        WebhookReceiver(certificate) as secure,
    ):
        refusing.always(answer(500, body=b"s3cr3tkey"))
        resetting.always(reset(b"HTTP/1.1 2"))
        catalog = tmp_path / "perfkit.toml"
        catalog.write_text(
            _CATALOG.format(
                folder=tmp_path,
                url=receiver.url,
                port=receiver.port,
                closed=closed_port(),
                refusing=refusing.url,
                resetting=resetting.url,
                secure=secure.url,
                ca_file=certificate.ca_file,
            )
        )
        ended = run(_PROGRAM.format(catalog=catalog))
    assert ended.code == 0, ended.errors
    ((loaded, outcomes),) = ended.told
    assert loaded == []
    assert {sink for sink, (delivered, _) in outcomes.items() if delivered} >= {
        *("json", "lines", "posts", "template", "secure", "alerts", "several"),
    }
    assert {sink for sink, (_, dropped) in outcomes.items() if dropped} >= {
        *("broken", "down", "refused", "reset", "untrusted"),
    }
    assert_quiet(ended)
