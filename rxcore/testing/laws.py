"""How laws are kept: each is a function of one case, registered in a book that can run them all.

A law that is broken raises :class:`LawBroken`, an ``AssertionError``, so the kit works with any test runner or none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import wraps
from typing import Generic, Protocol, TypeVar


class LawBroken(AssertionError):  # noqa: N818 - named for what happened
    """A law does not hold; the message says which, for what case, and what was seen."""


class LawDoesNotApply(Exception):  # noqa: N818 - not an error: the case lacks what the law needs, or waived it
    """The case gives no ground to test this law on, or waived it by name; the message says why."""


class Case(Protocol):
    """What every case has: a name for messages, and the laws it waives, each with a reason."""

    @property
    def name(self) -> str:
        """The name that messages use."""
        ...

    @property
    def waived(self) -> Mapping[str, str]:
        """Law name to reason."""
        ...


CaseT = TypeVar("CaseT", bound=Case)
Law = Callable[[CaseT], None]


def require(condition: bool, message: str) -> None:
    """Raise ``LawBroken(message)`` unless the condition holds (``assert`` would vanish under ``python -O``)."""
    if not condition:
        raise LawBroken(message)


@dataclass(frozen=True, slots=True)
class Report:
    """What running a whole book over one case showed.

    Attributes
    ----------
    case : str
    passed : tuple of str
        Names of the laws that hold.
    broken : mapping of str to str
        Law name to what was seen.
    not_applicable : mapping of str to str
        Law name to why it was not tested: nothing passes silently.
    """

    case: str
    passed: tuple[str, ...]
    broken: Mapping[str, str]
    not_applicable: Mapping[str, str]

    def __str__(self) -> str:
        lines = [f"{self.case}: {len(self.passed)} laws hold, {len(self.broken)} broken"]
        lines += [f"  BROKEN {name}: {seen}" for name, seen in self.broken.items()]
        lines += [f"  not tested {name}: {reason}" for name, reason in self.not_applicable.items()]
        return "\n".join(lines)


class LawBook(Generic[CaseT]):
    """The laws of one kind of thing, by name and in order."""

    def __init__(self, about: str) -> None:
        self.about = about
        self._laws: dict[str, Law[CaseT]] = {}

    def law(self, function: Law[CaseT]) -> Law[CaseT]:
        """Register a law. Whatever else goes wrong inside it is also a broken law, told with the case's name."""
        name = function.__name__

        @wraps(function)
        def wrapped(case: CaseT) -> None:
            if name in case.waived:
                raise LawDoesNotApply(f"waived: {case.waived[name]}")
            try:
                function(case)
            except LawDoesNotApply:
                raise
            except LawBroken as broken:
                raise LawBroken(f"{case.name} breaks the {self.about} law {name!r}: {broken}") from broken
            except Exception as error:
                seen = f"{type(error).__name__}: {error}"
                raise LawBroken(f"{case.name} breaks the {self.about} law {name!r}: it raised {seen}") from error

        self._laws[name] = wrapped
        return wrapped

    @property
    def names(self) -> tuple[str, ...]:
        """Every law, in the order of the book."""
        return tuple(self._laws)

    def __iter__(self) -> Iterator[str]:
        return iter(self._laws)

    def __len__(self) -> int:
        return len(self._laws)

    def __getitem__(self, name: str) -> Law[CaseT]:
        if name not in self._laws:
            closest = get_close_matches(name, self._laws, n=1)
            hint = f" Closest: {closest[0]!r}." if closest else ""
            raise KeyError(f"there is no {self.about} law {name!r}.{hint} Laws: {', '.join(self._laws)}")
        return self._laws[name]

    def examine(self, case: CaseT) -> Report:
        """Run every law and report; never raises for a broken one."""
        for name in case.waived:
            self[name]
        passed: list[str] = []
        broken: dict[str, str] = {}
        not_applicable: dict[str, str] = {}
        for name, law in self._laws.items():
            try:
                law(case)
            except LawDoesNotApply as reason:
                not_applicable[name] = str(reason)
            except LawBroken as seen:
                broken[name] = str(seen)
            else:
                passed.append(name)
        return Report(case.name, tuple(passed), broken, not_applicable)

    def check(self, case: CaseT) -> Report:
        """Run every law; raise :class:`LawBroken` naming all that do not hold."""
        report = self.examine(case)
        require(not report.broken, str(report))
        return report
