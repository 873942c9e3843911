"""Settings of this process, by revoscalepy's names. Look-up ignores case."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rxcore.errors import OptionError


@dataclass(frozen=True, slots=True)
class _Option:
    default: Any
    kinds: tuple[type, ...]
    what: str


def _default_sample_folder() -> str:
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return str(Path(base) / "rxcore" / "samples")


def _default_budget() -> int:
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        memory = 8 << 30
    return int(min(memory // 2, 4 << 30))


_OPTIONS: dict[str, _Option] = {
    "sampleDataDir": _Option(_default_sample_folder(), (str,), "folder of the sample data that `rx samples` builds"),
    "blocksPerRead": _Option(1, (int,), "blocks handed over at a time"),
    "reportProgress": _Option(2, (int,), "0 silent, 1 rows, 2 rows and seconds, 3 rows and all timings"),
    "rowDisplayMax": _Option(-1, (int,), "rows printed of a long table, -1 for all"),
    "numCoresToUse": _Option(-1, (int,), "threads of the local contexts, -1 for every core"),
    "numDigits": _Option(7, (int,), "significant digits printed"),
    "dataPath": _Option(".", (str, list, tuple), "folders searched for input files"),
    "outDataPath": _Option(".", (str, list, tuple), "folder of output files: the first that exists"),
    "xdfCompressionLevel": _Option(1, (int,), "-1 .. 9; 0 stores plain"),
    "fileSystem": _Option("native", (str,), "file system of relative paths"),
    "dropMain": _Option(True, (bool,), "drop main effects before interactions in a singular model"),
    "coefLabelStyle": _Option("Revo", (str,), "'Revo' (X=level) or 'R' (Xlevel)"),
    "useSparseCube": _Option(False, (bool,), "leave out empty cells"),
    "rowsPerBlock": _Option(500_000, (int,), "rows of a block where the source has no blocks of its own"),
    "memoryBudget": _Option(_default_budget(), (int,), "bytes for blocks in flight, states and caches"),
    "footerStatistics": _Option(True, (bool,), "answer from the statistics that .xdf files keep, without a pass"),
    "missingIntegers": _Option("nullable", (str,), "'nullable' or 'sentinel' (-2147483648, as revoscalepy)"),
    "defaultDecimalColType": _Option("numeric", (str,), "'numeric' or 'float32' for decimals read from text"),
    "defaultMissingColType": _Option(
        "numeric", (str,), "'numeric', 'float32' or 'character' for all-missing text columns"
    ),
    "traceLevel": _Option(0, (int,), "0 off .. 7 trace"),
}
_CANONICAL = {name.lower(): name for name in _OPTIONS} | {
    "defaultdecimalcolumntype": "defaultDecimalColType",
    "defaultmissingcolumntype": "defaultMissingColType",
}
_values: dict[str, Any] = {name: option.default for name, option in _OPTIONS.items()}


def _canonical(name: str) -> str:
    try:
        return _CANONICAL[name.lower().replace("_", "")]
    except KeyError:
        closest = get_close_matches(name.lower(), _CANONICAL, n=1)
        hint = f" Closest: {_CANONICAL[closest[0]]!r}." if closest else ""
        raise OptionError(
            f"RxOptions: option {name!r} does not exist.{hint} Options: {', '.join(sorted(_OPTIONS))}"
        ) from None


class RxOptions:
    """Settings of this process.

    Names are revoscalepy's, in any case. The settings are read when a function is called, so changing one affects later
    calls only.

    Examples
    --------
    >>> RxOptions.get_option("numDigits")
    7
    >>> RxOptions.set_option("reportProgress", 0)
    """

    @staticmethod
    def get_option(name: str) -> Any:
        """The value of an option.

        Raises
        ------
        OptionError
            When the name is unknown; the message names the closest one.
        """
        return _values[_canonical(name)]

    @staticmethod
    def set_option(name: str, value: Any) -> None:
        """Change an option of this process.

        Raises
        ------
        OptionError
            When the name is unknown or the value has the wrong type.
        """
        key = _canonical(name)
        kinds = _OPTIONS[key].kinds
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            wanted = " or ".join(kind.__name__ for kind in kinds)
            raise OptionError(f"RxOptions: {key} must be {wanted} ({_OPTIONS[key].what}); got {value!r}")
        _values[key] = value

    @staticmethod
    def names() -> list[str]:
        """Every option, sorted."""
        return sorted(_OPTIONS)


@contextmanager
def options(**changes: Any) -> Iterator[None]:
    """Set options for the length of a ``with`` block."""
    before = {name: RxOptions.get_option(name) for name in changes}
    try:
        for name, value in changes.items():
            RxOptions.set_option(name, value)
        yield
    finally:
        for name, value in before.items():
            RxOptions.set_option(name, value)
