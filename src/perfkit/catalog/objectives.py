"""Parse objectives and kinds of evidence from catalog data or arguments in code."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from perfkit.catalog.fields import (
    Field,
    field_table,
    read_duration,
    read_keys,
    read_share,
    read_whole,
    write_share,
)
from perfkit.catalog.problems import Problems, quoted, shown
from perfkit.errors import BudgetError
from perfkit.model import EVIDENCE_KINDS, Objective
from perfkit.model.budget import one_of


def parse_objective(value: object) -> Objective:
    """Parse an objective from an argument in code.

    Args:
        value: The ratio of good calls: text such as ``"99.9%"`` or a number such as 0.999. Or a
            mapping with the keys in `OBJECTIVE_KEYS`, where a period is text, seconds or a
            timedelta; or an `Objective`, which is returned unchanged.

    Raises:
        UnitError: If a quantity cannot be parsed.
        BudgetError: If a part is out of range, or a key is unknown. The message of either error
            lists every problem.

    >>> parse_objective({"ratio": "99.9%", "period": "7d"}).period
    604800.0
    """
    problems = Problems(("objective",), in_code=True)
    objective = read_objective(value, problems)
    if objective is None:
        raise problems.as_error()
    return objective


def read_objective(value: object, problems: Problems) -> Objective | None:
    """Parse an objective; add each problem to `problems`, and return None if there are any."""
    if isinstance(value, Objective):
        return value
    seen = len(problems.found)
    if isinstance(value, Mapping):
        if "ratio" not in value:
            problems.add(f'no ratio; write ratio = "{_EXAMPLE}"')
        parts = read_keys(value, OBJECTIVE_KEYS, problems)
    else:
        parts = {"ratio": read_share(value, problems, _EXAMPLE)}
    readable = {key: part for key, part in parts.items() if part is not None}
    try:
        # An invalid or missing ratio is replaced by a valid one, so that `Objective` still checks
        # the ranges of the other parts and one run reports all problems.
        objective = Objective(**({"ratio": 0.5} | readable))
    except BudgetError as error:
        problems.add(str(error))
        return None
    return objective if len(problems.found) == seen else None


def read_evidence(value: object, problems: Problems) -> tuple[str, ...]:
    """Return the items of a list that are in `EVIDENCE_KINDS`; report all others."""
    if not isinstance(value, list):
        example = value if value in EVIDENCE_KINDS else EVIDENCE_KINDS[0]
        problems.add(f'{quoted(value)} is not a list; write evidence = ["{example}"]')
        return ()
    for index, kind in enumerate(value):
        if kind not in EVIDENCE_KINDS:
            usual = f"write {one_of(EVIDENCE_KINDS)}"
            remedy = problems.remedy(shown(str(kind)), EVIDENCE_KINDS, usual)
            problems.below(index).add(f"{quoted(kind)} is no kind of evidence; {remedy}")
    return tuple(kind for kind in value if kind in EVIDENCE_KINDS)


_EXAMPLE: Final = "99.9%"
OBJECTIVE_KEYS: Final = field_table(
    Field("ratio", partial(read_share, example=_EXAMPLE), write=write_share),
    Field("period", read_duration),
    Field("min_samples", read_whole),
)
