"""Every compute context of the package. A new one is one entry."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rxcore.contexts.base import ComputeContext
from rxcore.contexts.local import LocalContext
from rxcore.contexts.serial import SerialContext

CONTEXTS: dict[str, Callable[[], ComputeContext]] = {
    "serial": SerialContext,
    "local, 1 thread": partial(LocalContext, 1),
    "local, 2 threads": partial(LocalContext, 2),
    "local, 7 threads": partial(LocalContext, 7),
    "local, more threads than blocks": partial(LocalContext, 50),
}
