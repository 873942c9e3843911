"""Bringing over a whole folder of old files: in parallel, and where it was interrupted it goes on."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xdf.errors import XdfError
from xdf.foreign import describe_start, first_bytes
from xdf.legacy.layout import is_legacy
from xdf.legacy.migrate import Migration, MigrationReport, migrate_file
from xdf.set_format import DATA_FOLDER, METADATA_FOLDER, METADATA_SUFFIX

CONVERTED, SKIPPED, FAILED, FOREIGN = "converted", "skipped", "failed", "not one of RevoScaleR"
_PEEK = 512
_SUFFIXES = {"xdf": ".xdf", "parquet": ".parquet", "csv": ".csv"}


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one file of a folder.

    Attributes
    ----------
    source, target : str
        Relative to the folders.
    outcome : str
        ``converted``, ``skipped``, ``failed``, or ``not one of RevoScaleR``.
    message : str
        Why, where it is not the first.
    report : MigrationReport or None
    """

    source: str
    target: str
    outcome: str
    message: str = ""
    report: MigrationReport | None = None

    def __str__(self) -> str:
        if self.report is None:
            return f"{self.source}: {self.outcome}: {self.message}"
        lines = [f"{self.source}: {self.report.n_rows:,} rows, every value is equal"]
        lines += [f"  left out: {name!r}: {reason}" for name, reason in self.report.left_out.items()]
        lines += [f"  note: {note}" for note in self.report.notes]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class TreeReport:
    """What became of the files of a folder. Prints itself."""

    source: str
    target: str
    files: tuple[FileOutcome, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every file of RevoScaleR is there now, whole."""
        return all(file.outcome != FAILED and (file.report is None or file.report.is_complete) for file in self.files)

    @property
    def summary(self) -> str:
        """How many files became what, in one line."""
        counts = {
            outcome: sum(file.outcome == outcome for file in self.files)
            for outcome in (CONVERTED, SKIPPED, FAILED, FOREIGN)
        }
        told = ", ".join(f"{count:,} {outcome}" for outcome, count in counts.items() if count) or "no .xdf file found"
        n_rows = sum(file.report.n_rows for file in self.files if file.report is not None)
        return f"{self.source} -> {self.target}: {told}; {n_rows:,} rows"

    def __str__(self) -> str:
        return "\n".join([*map(str, self.files), self.summary])

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self) | {"is_complete": self.is_complete}


def migrate_folder(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    how: Migration,
    *,
    n_threads: int | None = None,
    done: Callable[[FileOutcome], None] | None = None,
) -> TreeReport:
    """Copy every old file under a folder to the same place under another, as :func:`migrate_file` does.

    A file whose copy is there already, and not older, is skipped: so an interrupted run goes on where it was, because a
    copy appears under its name only when it is whole and was compared. One file that fails does not stop the others.

    Parameters
    ----------
    source, target : str or path-like
        Folders. The latter is made.
    how : Migration
        ``overwrite`` makes every copy again.
    n_threads : int, optional
        Files at a time; by default as many as there are processors.
    done : callable, optional
        Called with each outcome, in the order in which they come.

    Raises
    ------
    XdfError
        The first is no folder, or the second lies in it.
    """
    old, new = Path(source), Path(target)
    if not old.is_dir():
        raise XdfError(f"{source}: this is not a folder")
    inside = new.resolve()
    if inside == old.resolve() or old.resolve() in inside.parents:
        raise XdfError(f"{target}: the new folder must not lie in the old one")
    found = [(original, _copy_of(original, old, how)) for original in _originals(old)]
    first_of: dict[str, Path] = {}
    for original, copy in found:
        first_of.setdefault(str(copy), original)
    telling = threading.Lock()

    def one(pair: tuple[Path, Path]) -> FileOutcome:
        original, copy = pair
        names = (str(original.relative_to(old)), str(copy))
        other = first_of[str(copy)]
        if other is original:
            outcome = _one(original, new / copy, names, how)
        else:
            shown = other.relative_to(old)
            outcome = FileOutcome(*names, FAILED, f"its copy would have the name of that of {shown}; rename one")
        if done is not None:
            with telling:
                done(outcome)
        return outcome

    with ThreadPoolExecutor(n_threads or os.cpu_count() or 1, thread_name_prefix="xdf-migrate") as pool:
        try:
            outcomes = tuple(pool.map(one, found))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return TreeReport(str(source), str(target), outcomes)


def _originals(folder: Path) -> Iterator[Path]:
    """Files with the suffix .xdf, and folders of composite sets, in the order of their names."""
    entries = sorted(folder.iterdir())
    names = {entry.name for entry in entries}
    if {DATA_FOLDER, METADATA_FOLDER} <= names and any((folder / METADATA_FOLDER).glob(f"*{METADATA_SUFFIX}")):
        yield folder
        return
    for entry in entries:
        # A link to a folder may lead in circles.
        if entry.is_dir() and not entry.is_symlink():
            yield from _originals(entry)
        elif entry.is_file() and entry.suffix.lower() == ".xdf" and not entry.name.startswith("."):
            yield entry


def _copy_of(original: Path, old: Path, how: Migration) -> Path:
    """Where the copy goes, relative to the new folder."""
    shown = original.relative_to(old)
    # The folder itself may be a composite set.
    base = shown if shown.name else Path(original.resolve().name)
    return base.with_name((base.stem if original.is_file() else base.name) + _SUFFIXES[how.kind])


def _one(original: Path, copy: Path, names: tuple[str, str], how: Migration) -> FileOutcome:
    try:
        start = _start_of(original)
        if not is_legacy(start):
            return FileOutcome(*names, FOREIGN, f"it looks like {describe_start(start)}")
        if copy.exists() and not how.overwrite:
            if copy.stat().st_mtime >= _changed(original):
                return FileOutcome(*names, SKIPPED, "its copy is there already")
            return FileOutcome(*names, FAILED, "its copy is there, and older than the original; give --overwrite")
        copy.parent.mkdir(parents=True, exist_ok=True)
        return FileOutcome(*names, CONVERTED, report=migrate_file(original, copy, how))
    except (XdfError, OSError) as error:
        return FileOutcome(*names, FAILED, str(error))


def _start_of(original: Path) -> bytes:
    if original.is_file():
        return first_bytes(original, _PEEK)
    metadata = sorted((original / METADATA_FOLDER).glob(f"*{METADATA_SUFFIX}"))
    return first_bytes(metadata[0], _PEEK)


def _changed(original: Path) -> float:
    """When a file was changed last, or one of a set."""
    if original.is_file():
        return original.stat().st_mtime
    return max(path.stat().st_mtime for path in original.rglob("*") if path.is_file())
