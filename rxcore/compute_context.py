"""The compute contexts that users name, and which of them is current."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rxcore.errors import OptionError


@dataclass(frozen=True, slots=True)
class RxComputeContext:
    """Base of every compute context: where analyses run."""

    description: str = ""


@dataclass(frozen=True, slots=True)
class RxLocalSeq(RxComputeContext):
    """This machine. The default.

    As in revoscalepy "sequential" speaks of ``rx_exec``: analyses use as many threads as ``RxOptions numCoresToUse``
    says, -1 being every core. The number of threads never changes a bit of a result.

    Examples
    --------
    >>> previous = rx_set_compute_context(RxLocalSeq())
    """

    description: str = "local sequential"


@dataclass(frozen=True, slots=True)
class RxLocalParallel(RxComputeContext):
    """This machine, and ``rx_exec`` runs its calls side by side. Analyses run as under :class:`RxLocalSeq`."""

    description: str = "local parallel"


_ALIASES: dict[str, type[RxComputeContext]] = {
    "local": RxLocalSeq,
    "rxlocalseq": RxLocalSeq,
    "localpar": RxLocalParallel,
    "rxlocalparallel": RxLocalParallel,
}
_current: RxComputeContext = RxLocalSeq()


def as_compute_context(compute_context: RxComputeContext | str | None) -> RxComputeContext:
    """A context object from itself, its name or alias; None is the current one."""
    if compute_context is None:
        return _current
    if isinstance(compute_context, RxComputeContext):
        return compute_context
    kind = _ALIASES.get(str(compute_context).lower())
    if kind is None:
        raise OptionError(
            f"compute_context: got {compute_context!r}; allowed are a compute context object or one of "
            f"{', '.join(sorted(_ALIASES))}"
        )
    return kind()


def rx_get_compute_context() -> RxComputeContext:
    """The current compute context."""
    return _current


def rx_set_compute_context(compute_context: RxComputeContext | str) -> RxComputeContext:
    """Make a context current; returns the one that was.

    Parameters
    ----------
    compute_context : RxComputeContext or str
        An object, a class name, or an alias: ``"local"``, ``"localpar"``.

    Raises
    ------
    OptionError
        When it is neither.

    Examples
    --------
    >>> previous = rx_set_compute_context("local")
    """
    global _current
    previous = _current
    _current = as_compute_context(compute_context)
    return previous


@contextmanager
def rx_set_temp_compute_context(compute_context: RxComputeContext | str) -> Iterator[RxComputeContext]:
    """Make a context current for the length of a ``with`` block.

    Parameters
    ----------
    compute_context : RxComputeContext or str
        As for :func:`rx_set_compute_context`.

    Examples
    --------
    >>> with rx_set_temp_compute_context("localpar") as context:
    ...     context.description
    'local parallel'
    """
    previous = rx_set_compute_context(compute_context)
    try:
        yield _current
    finally:
        rx_set_compute_context(previous)
