"""Changing what columns are called and labelled with, as one small commit: no data is rewritten."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from xdf.creation import continue_file
from xdf.errors import XdfColumnError, XdfError, XdfSchemaError, XdfWriteError
from xdf.journal import Journal
from xdf.logical import checked_field
from xdf.output import Output
from xdf.schema import Field, Schema, missing_column_message

_ALLOWED = ("description", "low", "high", "levels", "ordered", "value_codes", "value_labels")


def edit(path: str | os.PathLike[str]) -> XdfEditor:
    """Change names, descriptions, ranges, factor levels and value labels of an .xdf file or composite set in place.

    The file is held against other writers until the editor is closed. Its blocks stay as they are: what changes is
    committed as a new footer of some kilobytes, and readers that have the file open keep what they opened.

    Parameters
    ----------
    path : str or path-like
        A file, or the folder of a composite set: then its metadata file changes.

    Returns
    -------
    XdfEditor
        A context manager: commits on success, changes nothing on an exception.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    XdfLockedError
        A writer holds the file; the message says who.
    XdfFormatError, XdfChecksumError, XdfVersionError
        It is no .xdf file of this package, or a damaged one.
    XdfWriteError
        The system refused.

    Examples
    --------
    >>> import pyarrow as pa, tempfile, pathlib, xdf
    >>> path = pathlib.Path(tempfile.mkdtemp(), "pets.xdf")
    >>> with xdf.create(path, xdf.Schema((xdf.factor_field("kind", ["c", "d"]),))) as writer:
    ...     writer.write(pa.record_batch({"kind": ["d", "c"]}))
    >>> with xdf.edit(path) as editor:
    ...     editor.set_field("kind", levels=["cat", "dog"], description="What it is")
    ...     editor.rename({"kind": "animal"})
    >>> with xdf.open(path) as file:
    ...     file.to_arrow()["animal"].to_pylist()
    ['dog', 'cat']
    """
    file = Path(path)
    if file.is_dir():
        # The labels of a composite set are those of its metadata file, whatever its data files say.
        from xdf.composite import find_metadata

        file = Path(str(find_metadata(file)))
    output, snapshot, journal = continue_file(file, "edit", may_be_composite=True)
    known = journal.levels_by_field()
    fields = tuple(
        field.with_(levels=tuple(known.get(number, ()))) if field.is_factor else field
        for number, field in enumerate(snapshot.footer.fields)
    )
    return XdfEditor(output, fields, journal, snapshot.footer.compression_level)


class XdfEditor:
    """Pending changes to the columns of one file. Made by :func:`edit`; used by one thread at a time.

    Attributes
    ----------
    path : pathlib.Path
    """

    def __init__(self, output: Output, fields: tuple[Field, ...], journal: Journal, compression_level: int) -> None:
        self.path = output.path
        self._committed = list(fields)
        self._fields = list(fields)
        self._positions = {field.name: number for number, field in enumerate(fields)}
        self._journal = journal
        self._compression_level = compression_level
        self._output: Output | None = output

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def __del__(self) -> None:
        if getattr(self, "_output", None) is not None:
            self.abort()

    @property
    def schema(self) -> Schema:
        """The columns with the changes so far. Low and high are the explicit ones only."""
        return Schema(tuple(self._fields))

    def set_field(self, name: str, **changes: object) -> None:
        """Change what a column is labelled with.

        Parameters
        ----------
        name : str
        **changes
            ``description`` (str); ``low`` and ``high`` (float, or None for those of the data); ``value_codes`` and
            ``value_labels`` (sequences of one length); for a factor ``ordered`` (bool) and ``levels``: as many texts
            as there are levels, which take the place of the old ones one for one, or a mapping from old texts to new.
            Rows keep their level and are called by its new text: a list of the same texts in another order exchanges
            the meaning of rows, it does not sort levels.

        Raises
        ------
        XdfColumnError
            There is no such column.
        XdfSchemaError
            Something else is to be changed, or to something that is not allowed. Nothing has changed then.
        """
        number = self._position(name)
        field = self._fields[number]
        where = f"{self.path}: column {name!r}"
        _check_changes(field, changes, where)
        given = dict(changes)
        if "levels" in given:
            given["levels"] = _new_levels(field, given["levels"], where)
        for pair in ("value_codes", "value_labels"):
            if pair in given:
                given[pair] = _sequence(given[pair], pair, where)
        try:
            changed = checked_field(field.with_(**given), str(self.path))
        except XdfSchemaError as error:
            raise XdfSchemaError(_with_path(self.path, error)) from error
        if changed.low is not None and changed.high is not None and changed.low > changed.high:
            raise XdfSchemaError(f"{where}: low {changed.low!r} lies above high {changed.high!r}")
        self._fields[number] = changed

    def rename(self, names: Mapping[str, str]) -> None:
        """Give columns other names, all at once: two columns may exchange theirs.

        Parameters
        ----------
        names : mapping of str to str
            From the present name to the new one.

        Raises
        ------
        XdfColumnError
            There is no such column.
        XdfSchemaError
            Two columns would have the same name, or one none. Nothing has changed then.
        """
        fields = list(self._fields)
        for old, new in names.items():
            number = self._position(old)
            if not isinstance(new, str):
                raise XdfSchemaError(f"{self.path}: column {old!r}: a name is a text; got {new!r}")
            try:
                fields[number] = checked_field(self._fields[number].with_(name=new), str(self.path))
            except XdfSchemaError as error:
                raise XdfSchemaError(_with_path(self.path, error)) from error
        try:
            Schema(tuple(fields))
        except XdfSchemaError as error:
            raise XdfSchemaError(f"{self.path}: {error}") from error
        self._fields = fields
        self._positions = {field.name: number for number, field in enumerate(fields)}

    def commit(self) -> None:
        """Make the changes so far the file's last snapshot, safe on the disk. Does nothing when nothing changed.

        Raises
        ------
        XdfWriteError
            The system refused. The file keeps its earlier commit, and the editor is closed.
        """
        output = self._usable()
        if self._fields == self._committed:
            return
        for number, (old, new) in enumerate(zip(self._committed, self._fields, strict=True)):
            if new.levels is not None and new.levels != old.levels:
                self._journal.relabel(number, new.levels)
        try:
            self._journal.commit(output, tuple(self._fields), self._compression_level)
        except XdfWriteError:
            self.abort()
            raise
        self._committed = list(self._fields)

    def close(self) -> None:
        """Commit, and let go of the file. Closing twice does nothing.

        Raises
        ------
        XdfWriteError
            The system refused. The file keeps its earlier commit.
        """
        if self._output is None:
            return
        try:
            self.commit()
        except BaseException:
            self.abort()
            raise
        output, self._output = self._output, None
        output.release()

    def abort(self) -> None:
        """Give up the changes since the last commit, and let go of the file."""
        output, self._output = self._output, None
        if output is None:
            return
        try:
            output.truncate(self._journal.committed_length)
        except XdfWriteError:
            # What lies behind the last commit is never read; the next writer cuts it off.
            pass
        finally:
            output.release()

    def _usable(self) -> Output:
        if self._output is None:
            raise XdfError(f"{self.path}: this editor was closed")
        return self._output

    def _position(self, name: str) -> int:
        self._usable()
        if name not in self._positions:
            raise XdfColumnError(f"{self.path}: {missing_column_message(name, tuple(self._positions))}")
        return self._positions[name]


def _check_changes(field: Field, changes: Mapping[str, object], where: str) -> None:
    """Refuse what no editor changes, and what this type of column does not have."""
    wrong = sorted(set(changes) - set(_ALLOWED))
    if wrong:
        raise XdfSchemaError(f"{where}: {', '.join(wrong)} cannot be changed here; allowed: {', '.join(_ALLOWED)}")
    for name, value in changes.items():
        if name in ("levels", "ordered") and not field.is_factor:
            raise XdfSchemaError(f"{where} is {field.type} and not a factor: it has no {name}")
        if name in ("low", "high") and value is not None and not field.is_numeric:
            kind = "a factor" if field.is_factor else str(field.type)
            raise XdfSchemaError(f"{where} is {kind} and not numeric: it has no {name}")
        if name == "ordered" and not isinstance(value, bool):
            raise XdfSchemaError(f"{where}: ordered is True or False; got {value!r}")


def _new_levels(field: Field, given: object, where: str) -> tuple[str, ...]:
    """The texts of all levels, in order."""
    assert field.levels is not None
    if isinstance(given, Mapping):
        unknown = [old for old in given if old not in field.levels]
        if unknown:
            raise XdfSchemaError(
                f"{where}: there is no level {unknown[0]!r} to be renamed. {len(field.levels)} levels: "
                f"{_some(field.levels)}"
            )
        return tuple(given.get(level, level) for level in field.levels)
    levels = _sequence(given, "levels", where)
    if len(levels) != len(field.levels):
        raise XdfSchemaError(
            f"{where} has {len(field.levels)} levels and {len(levels)} were given. Levels are renamed one for one; "
            f"to merge, drop or reorder them write the column anew. Levels: {_some(field.levels)}"
        )
    return levels


def _sequence(given: object, what: str, where: str) -> tuple[Any, ...]:
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise XdfSchemaError(f"{where}: {what} must be a sequence; got {given!r}")
    return tuple(given)


def _some(levels: Sequence[str]) -> str:
    return ", ".join(repr(level) for level in levels[:20]) + (", ..." if len(levels) > 20 else "")


def _with_path(path: Path | str, error: XdfSchemaError) -> str:
    return str(error) if str(error).startswith(str(path)) else f"{path}: {error}"
