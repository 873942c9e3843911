"""From what users write as a file to the files that are there."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

from rxcore.errors import SourceError
from rxcore.options import RxOptions

TEXT_SUFFIXES = (".csv", ".txt", ".tsv", ".tab", ".psv", ".dat")
COMPRESSIONS = (".gz", ".zst", ".bz2")
PARQUET_SUFFIXES = (".parquet", ".pq", ".parq")
ORC_SUFFIXES = (".orc",)
KINDS = {"text": TEXT_SUFFIXES, "parquet": PARQUET_SUFFIXES, "orc": ORC_SUFFIXES}


def kind_of(path: str | os.PathLike[str]) -> str | None:
    """``xdf``, ``text``, ``parquet`` or ``orc`` by the suffix; None when the suffix says nothing."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
        return "text" if suffixes and suffixes[-1] in TEXT_SUFFIXES else None
    last = suffixes[-1] if suffixes else ""
    if last == ".xdf":
        return "xdf"
    return next((kind for kind, known in KINDS.items() if last in known), None)


def option_folders(option: str) -> list[Path]:
    """The folders of ``dataPath`` or ``outDataPath``."""
    value = RxOptions.get_option(option)
    return [Path(folder).expanduser() for folder in ([value] if isinstance(value, str) else value)]


def find_input(path: str | os.PathLike[str], caller: str) -> Path:
    """The file or folder of that name; a relative one is searched along RxOptions ``dataPath``, then where we are.

    Raises
    ------
    SourceError
        When it is nowhere; the message names the folders searched and close names in them.
    """
    given = Path(path).expanduser()
    candidates = [given] if given.is_absolute() else [*(f / given for f in option_folders("dataPath")), given]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise SourceError(_missing(given, candidates, caller))


def _missing(given: Path, candidates: Sequence[Path], caller: str) -> str:
    folders = list(dict.fromkeys(str(candidate.parent) for candidate in candidates))
    there = [folder for folder in folders if os.path.isdir(folder)]
    where = " or ".join(repr(folder) for folder in there or folders)
    if not there:
        return f"{caller}: file {str(given)!r} does not exist: there is no folder {where}"
    close = {name: None for folder in there for name in get_close_matches(given.name, os.listdir(folder), n=3)}
    hint = f" Close names there: {', '.join(repr(name) for name in close)}." if close else ""
    return f"{caller}: file {str(given)!r} does not exist in {where}.{hint}"


def expand_files(
    file: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], kind: str, caller: str
) -> tuple[str, ...]:
    """The files of one source, sorted within a folder or glob, in the given order of a list.

    Parameters
    ----------
    file : path of a file, folder or glob, or a list of those
    kind : {"text", "parquet", "orc"}
        Which files of a folder belong to it. Names that start with ``_`` or ``.`` never do.

    Raises
    ------
    SourceError
        When nothing is found.
    """
    if not isinstance(file, (str, os.PathLike)):
        listed = [path for one in file for path in expand_files(one, kind, caller)]
        if not listed:
            raise SourceError(f"{caller}: the list of files is empty; give at least one")
        return tuple(listed)
    text = os.fspath(file)
    if glob.has_magic(text) and not os.path.exists(os.path.expanduser(text)):
        found = _glob(os.path.expanduser(text))
        if not found:
            raise SourceError(f"{caller}: no file matches {text!r}")
        return tuple(found)
    path = find_input(text, caller)
    return tuple(_folder(path, kind, caller)) if path.is_dir() else (str(path),)


def _glob(pattern: str) -> list[str]:
    if os.path.isabs(pattern):
        return [path for path in sorted(glob.glob(pattern)) if os.path.isfile(path)]
    for folder in [*option_folders("dataPath"), Path(".")]:
        found = sorted(glob.glob(pattern, root_dir=folder))
        files = [str(folder / name) for name in found if (folder / name).is_file()]
        if files:
            return files
    return []


def visible_files(folder: Path) -> list[Path]:
    """Files of a folder in order of their names; hidden ones and markers such as ``_SUCCESS`` left out."""
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith(("_", ".")))


def _folder(folder: Path, kind: str, caller: str) -> list[str]:
    files = visible_files(folder)
    chosen = [path for path in files if kind_of(path) == kind]
    inner = sorted(path.name for path in folder.iterdir() if path.is_dir() and "=" in path.name)
    if inner:
        raise SourceError(
            f"{caller}: folder {str(folder)!r} is partitioned into folders such as {inner[0]!r}; "
            "read it with pyarrow.dataset.dataset(folder, partitioning='hive') and pass that"
        )
    if not chosen:
        # Spark and Hive write part files without a suffix.
        chosen = [path for path in files if not path.suffix]
    if not chosen:
        shown = ", ".join(path.name for path in files[:5]) or "nothing"
        raise SourceError(f"{caller}: no {kind} file in folder {str(folder)!r}, which holds {shown}")
    return [str(path) for path in chosen]
