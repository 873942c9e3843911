"""rx_set_var_info: names, descriptions, ranges, levels and value labels of variables, without touching the data."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rxcore.sources.rows as source_rows
import xdf
from rxcore.api.data_sources import RxXdfData
from rxcore.errors import OptionError, SourceError
from rxcore.sources.frame import FrameSource, is_frame
from rxcore.sources.paths import find_input
from rxcore.sources.resolve import as_source
from rxcore.sources.xdf import open_xdf
from rxcore.variable_changes import VariableChange, parse_variable_changes
from xdf.arrow import labels_by_column
from xdf.pandas_frame import ATTRIBUTE

if TYPE_CHECKING:
    import pandas as pd

_CALLER = "rx_set_var_info"


def rx_set_var_info(var_info: Mapping[str, Any] | Sequence[Mapping[str, Any]], data: Any) -> RxXdfData | pd.DataFrame:
    """Change names, descriptions, low and high, factor levels and value labels of variables.

    Rows are not touched, so types cannot be changed. An .xdf file is edited in place: a new footer of some kilobytes
    is added to it as one commit, and whoever has the file open keeps what was there when it was opened.

    Parameters
    ----------
    var_info : dict of str to dict, or list of dict
        As :func:`rx_get_var_info` gives it, with changes, or made by hand. What is left out or None stays. Keys of the
        inner dicts:

        ``newName`` : str
            All names change at once: two variables may exchange theirs.
        ``description`` : str
        ``low``, ``high`` : number
            The range that ``F()`` and trees use; of numeric variables only.
        ``levels`` : list of str
            As many as the factor has: they are renamed one for one, and rows keep their level. The same levels in
            another order thus change what rows mean, which a :class:`~rxcore.errors.DataWarning` points out.
        ``valueInfoCodes``, ``valueInfoLabels`` : list
            Labels of single values, for people to read; two lists of one length.
        ``position`` : int
            Which variable is meant, counted from 1, instead of its name; needed in a list.
        ``varType``, ``storage`` : str
            May be there, as they come from :func:`rx_get_var_info`, and must be those of the data.
    data : str, path-like, RxXdfData or pandas.DataFrame
        An .xdf file or a frame.

    Returns
    -------
    RxXdfData or pandas.DataFrame
        For a file the file, with the variables that ``data`` selected, by their new names. For a frame a new frame that
        shares its data with the old one; what pandas has no place for is in ``frame.attrs["xdf"]``, from where
        ``rx_get_var_info`` and ``rx_import`` take it.

    Raises
    ------
    OptionError
        ``var_info`` cannot be read, or asks for something that cannot be changed. Nothing has changed then.
    ColumnNotFoundError
        A variable is not in the data; the message names the closest ones.
    SourceError
        The data are something else, or the file is missing, damaged, held by another writer, or cannot be written to.

    Notes
    -----
    Passes: none over a file, one over a frame. Missing values stay missing.

    Examples
    --------
    >>> import pandas as pd
    >>> claims = pd.DataFrame({"cost": [11.0, 850.0], "type": pd.Categorical(["B", "A"])})
    >>> info = rx_get_var_info(claims)
    >>> info["type"]["levels"] = ["Type1", "Type2"]
    >>> info["cost"]["newName"] = "price"
    >>> rx_set_var_info(info, claims)
       price   type
    0   11.0  Type2
    1  850.0  Type1
    """
    if is_frame(data):
        return _changed_frame(var_info, data)
    if isinstance(data, RxXdfData):
        path = find_input(data.file, _CALLER)
        renamed = _edit(var_info, path, f"File name: {data.file}")
        result = copy.copy(data)
        for attribute in ("vars_to_keep", "vars_to_drop"):
            names = getattr(data, attribute)
            if names is not None:
                setattr(result, attribute, [renamed.get(name, name) for name in names])
        return result
    if isinstance(data, (str, os.PathLike)):
        _edit(var_info, find_input(data, _CALLER), f"File name: {os.fspath(data)}")
        return RxXdfData(data)
    raise SourceError(
        f"{_CALLER}: data must be an .xdf file (path or RxXdfData) or a pandas DataFrame, whose variables can be "
        f"changed; got {type(data).__name__}. Import it with rx_import first"
    )


def _edit(var_info: Any, path: Path, label: str) -> dict[str, str]:
    """Edit an .xdf file; gives new names by old ones."""
    open_xdf(str(path)).close()  # says what a foreign file looks like
    try:
        with xdf.edit(path) as editor, xdf.open(path) as file:
            changes = parse_variable_changes(var_info, file.schema, _CALLER, label, is_xdf=True)
            for change in changes:
                editor.set_field(change.name, **change.labels)
            renamed = _new_names(changes)
            editor.rename(renamed)
    except xdf.XdfSchemaError as error:
        raise OptionError(f"{_CALLER}: {error}") from error
    except (xdf.XdfError, OSError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{_CALLER}: {str(path)!r} was not changed: {error}") from error
    return renamed


def _new_names(changes: Sequence[VariableChange]) -> dict[str, str]:
    return {change.name: change.new_name for change in changes if change.new_name is not None}


def _changed_frame(var_info: Any, frame: pd.DataFrame) -> pd.DataFrame:
    source = as_source(frame, caller=_CALLER)
    assert isinstance(source, FrameSource)
    schema = source.schema
    known = source_rows.with_ranges(source)[0] if schema.names else schema
    changes = parse_variable_changes(var_info, known, _CALLER, source.label, is_xdf=False)
    result = frame.copy(deep=False)
    fields = {field.name: field for field in schema}
    for change in changes:
        labels = dict(change.labels)
        if "levels" in labels:
            position = schema.names.index(change.name)
            series = frame.iloc[:, position].cat.rename_categories(list(labels.pop("levels")))
            result.isetitem(position, series.array)
        if change.new_name is not None:
            labels["name"] = change.new_name
        fields[change.name] = fields[change.name].with_(**labels)
    renamed = _new_names(changes)
    if renamed:
        if frame.columns.nlevels > 1:
            raise OptionError(f"{_CALLER}: variables of a frame with several rows of column names cannot be renamed")
        result.columns = [renamed.get(str(name), name) for name in frame.columns]
    labelled = labels_by_column(fields.values())
    result.attrs = {name: value for name, value in frame.attrs.items() if name != ATTRIBUTE}
    if labelled:
        result.attrs[ATTRIBUTE] = labelled
    return result
