"""Whether what the command line was asked to convert is a file or folder of RevoScaleR, and how."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xdf.errors import XdfError
from xdf.foreign import first_bytes
from xdf.legacy.composite import is_legacy_metadata
from xdf.legacy.layout import is_legacy
from xdf.legacy.migrate import KINDS, Migration
from xdf.set_format import DATA_FOLDER, METADATA_FOLDER, METADATA_SUFFIX
from xdf.transfer import PIPE, kind_of

_DELIMITERS = {".tsv": "\t", ".tab": "\t", ".psv": "|"}


def is_folder_of_files(path: str) -> bool:
    """Whether this is a folder, and not that of a composite set."""
    folder = Path(path)
    return folder.is_dir() and not ((folder / DATA_FOLDER).is_dir() and (folder / METADATA_FOLDER).is_dir())


def legacy_migration(
    source: str, target: str, target_kind: str | None, delimiter: str | None, options: Mapping[str, Any]
) -> Migration | None:
    """How to bring over a file of RevoScaleR, a composite set, or a folder; None for anything else.

    Raises
    ------
    XdfError
        They cannot be brought over to that format.
    """
    if not _is_legacy_source(source):
        return None
    # The copies in a folder are .xdf unless something else is asked for.
    kind = target_kind or ("xdf" if is_folder_of_files(source) else kind_of(target))
    if target == PIPE or kind not in KINDS:
        raise XdfError(
            f"{source}: a file of RevoScaleR is converted to {', '.join(KINDS)}, and into a file, because the copy is "
            f"compared with it; got {target!r}"
        )
    if Path(target).suffix.lower() in (".gz", ".zst", ".bz2", ".lz4"):
        raise XdfError(f"{target}: the copy of a file of RevoScaleR is not compressed text; convert it in two steps")
    return Migration(
        kind=kind,
        overwrite=bool(options["overwrite"]),
        rows_per_block=options["rows_per_block"],
        compression_level=int(options["compression_level"]),
        delimiter=delimiter or _DELIMITERS.get(Path(target).suffix.lower(), ","),
    )


def _is_legacy_source(source: str) -> bool:
    path = Path(source)
    if source == PIPE or not path.exists():
        return False
    if is_folder_of_files(source):
        return True
    if path.is_dir():
        return any(map(is_legacy_metadata, (path / METADATA_FOLDER).glob(f"*{METADATA_SUFFIX}")))
    return is_legacy(first_bytes(path, 4))
