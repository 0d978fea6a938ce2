"""Keep secrets out of what other people's libraries log while a sink uses them."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from perfkit.sinks.delivery.signals import is_signal_exception
from perfkit.sinks.redaction.redactor import Redactor

_mask_here: Final[ContextVar[Redactor | None]] = ContextVar("perfkit_mask", default=None)


@contextmanager
def masking(mask: Redactor) -> Iterator[None]:
    """Mask what is logged meanwhile by the watched loggers, in this thread or task and no other."""
    token = _mask_here.set(mask)
    try:
        yield
    finally:
        _mask_here.reset(token)


def watch(*loggers: str) -> None:
    """Let loggers be masked where `masking` asks for it; what others log stays as it is.

    The filter stays for good. To put one up and take it down for each delivery would change a list
    that other threads go through meanwhile, so that they would miss a filter.
    """
    for name in loggers:
        logging.getLogger(name).addFilter(_mask_record)


def _mask_record(record: logging.LogRecord) -> bool:
    mask = _mask_here.get()
    if mask is None:
        return True
    try:
        record.msg = mask(record.getMessage())
        record.args = ()
    except Exception as error:  # its arguments may not fit, and may have methods of their own
        if is_signal_exception(error):
            raise
        record.msg, record.args = "(what was logged cannot be printed)", ()
    if record.exc_info:
        # A handler would write the exception itself; in its place it finds what was written.
        written = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        record.exc_info, record.exc_text = None, mask(written)
    if record.stack_info:
        record.stack_info = mask(record.stack_info)
    return True
