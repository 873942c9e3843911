"""Seconds and peak memory of a piece of work, measured in a process of its own.

A process remembers its highest memory for life, so two pieces of work measured in one process blur each other. Each is
therefore run in a fresh one, which this file starts, and which writes down its laps: ``python -m rxcore.measure``.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rxcore.errors import RxError


class MeasuredStepError(RxError, RuntimeError):
    """The fresh process failed; the message holds the end of what it printed."""


@dataclass(frozen=True, slots=True)
class Lap:
    """One named piece of work. ``peak_bytes`` is the highest resident memory of the process up to its end."""

    name: str
    seconds: float
    peak_bytes: int


@dataclass(slots=True)
class Laps:
    """The stopwatch a measured function is given.

    Examples
    --------
    >>> laps = Laps()
    >>> with laps("sum"):
    ...     total = sum(range(1000))
    >>> laps.note(total=total)
    >>> laps.laps[0].name, laps.notes
    ('sum', {'total': 499500})
    """

    laps: list[Lap] = field(default_factory=list)
    notes: dict[str, object] = field(default_factory=dict)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Measure the body of a ``with`` block."""
        began = time.perf_counter()
        yield
        self.laps.append(Lap(name, time.perf_counter() - began, peak_bytes()))

    def note(self, **values: object) -> None:
        """Hand results to the process that asked, as far as JSON can carry them."""
        self.notes.update(values)


def peak_bytes() -> int:
    """Highest resident memory of this process so far, in bytes."""
    try:
        # The kernel's own high-water mark. ``ru_maxrss`` would do, but Linux hands the parent's down to a child.
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        # Windows keeps no such mark within reach of the standard library.
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


def run_fresh(target: str, arguments: Mapping[str, object], *, quiet: bool = False) -> Laps:
    """Run ``module:function`` in a fresh process and return its laps and notes.

    Parameters
    ----------
    target : str
        ``package.module:function``. The function is called with a :class:`Laps` and the arguments by name.
    arguments : mapping
        What JSON can carry.
    quiet : bool
        Keep what the process prints to ourselves; it is still shown when the process fails.

    Raises
    ------
    MeasuredStepError
        When the process ends with an error.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "laps.json"
        command = [sys.executable, "-m", "rxcore.measure", target, json.dumps(dict(arguments)), str(report)]
        done = subprocess.run(
            command, check=False, text=True, stdout=subprocess.PIPE if quiet else None, stderr=subprocess.PIPE
        )
        if done.returncode != 0:
            printed = ((done.stdout or "") + done.stderr).strip()
            raise MeasuredStepError(f"{target} ended with code {done.returncode}:\n{printed[-3000:]}")
        if done.stderr and not quiet:
            sys.stderr.write(done.stderr)
        kept = json.loads(report.read_text(encoding="utf-8"))
    return Laps([Lap(**lap) for lap in kept["laps"]], kept["notes"])


def _main(target: str, arguments: str, report: str) -> None:
    module, _, function = target.partition(":")
    laps = Laps()
    getattr(importlib.import_module(module), function)(laps, **json.loads(arguments))
    kept = {"laps": [asdict(lap) for lap in laps.laps], "notes": laps.notes}
    Path(report).write_text(json.dumps(kept), encoding="utf-8")


if __name__ == "__main__":
    _main(*sys.argv[1:])
