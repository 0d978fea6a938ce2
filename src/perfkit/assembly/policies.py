"""What usually stands before each type of sink, where its table in the catalog is silent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from perfkit.model import Policy

_PLAIN: Final = Policy(
    rate_limit=0.0,
    burst=1,
    cooldown=0.0,
    quiet=0.0,
    repeat=0.0,
    batch_size=1,
    batch_wait=5.0,
    attempts=1,
    time_limit=0.0,
    failures=0,
    failure_cooldown=30.0,
    queue_size=1000,
    when_full="drop_oldest",
)
"""Everything is handed on, once."""

_OVER_THE_NETWORK: Final = Policy(attempts=3, failures=5).over(_PLAIN)
_FOR_PEOPLE: Final = Policy(cooldown=300.0, rate_limit=0.2, burst=5, time_limit=30.0)

_USUAL: Final[Mapping[str, Policy]] = {
    "log": Policy(rate_limit=20.0, burst=100).over(_PLAIN),
    "webhook": Policy(rate_limit=5.0, burst=50).over(_OVER_THE_NETWORK),
    "alertmanager": Policy(quiet=300.0, repeat=60.0).over(_OVER_THE_NETWORK),
    "notify": _FOR_PEOPLE.over(_OVER_THE_NETWORK),
    "sentry": Policy(rate_limit=1.0, burst=20).over(_PLAIN),
    "github": Policy(cooldown=3600.0).over(_PLAIN),
}


def usual_policy(kind: str) -> Policy:
    """Return the policy of a type of sink; of one that is not ours it is to hand everything on."""
    return _USUAL.get(kind, _PLAIN)
