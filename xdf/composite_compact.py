"""Fewer, fuller data files for a composite set that was appended to in small pieces."""

from __future__ import annotations

from pathlib import Path

from xdf.composite import find_metadata, open_set
from xdf.composite_writer import DEFAULT_BLOCKS_PER_FILE, append_composite, create_composite
from xdf.errors import XdfLockedError
from xdf.schema import Schema


def compact_set(folder: Path, blocks_per_file: int = DEFAULT_BLOCKS_PER_FILE) -> tuple[int, int, bool]:
    """Write the blocks of a set to as few data files as ``blocks_per_file`` allows, and remove what crashes left.

    The new files take the place of the old ones when all of them are safe on the disk. Blocks stay as they are, and so
    does every result. A set that is open elsewhere can then be read as far as its files were opened before.

    Parameters
    ----------
    folder : pathlib.Path
        Of the set, or its metadata file.
    blocks_per_file : int, default 3

    Returns
    -------
    (int, int, bool)
        Bytes of the set before and after, and whether its data files were written anew.

    Raises
    ------
    XdfLockedError
        A writer holds the set, or changed its columns at this very moment.
    """
    place = folder if folder.is_dir() else folder.absolute().parent.parent
    before = _size(place)
    append_composite(place).close()  # removes what crashes left
    with open_set(place) as found:
        fields, level = found.explicit_fields(), found.compression_level
        needed = -(-found.n_blocks // blocks_per_file)
        if found.n_files <= needed:
            return before, _size(place), False
    with (
        create_composite(
            place, Schema(fields), blocks_per_file=blocks_per_file, overwrite=True, compression_level=level
        ) as writer,
        open_set(place, find_metadata(place)) as old,  # as it is now that nobody else can change it
    ):
        if old.explicit_fields() != fields:
            raise XdfLockedError(f"{place}: the columns of the set were changed at this moment; try again")
        for number in range(old.n_blocks):
            writer.write(old.read_block_arrow(number))
    return before, _size(place), True


def _size(folder: Path) -> int:
    return sum(entry.stat().st_size for entry in folder.rglob("*") if entry.is_file())
