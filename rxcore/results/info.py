"""What rx_get_info, rx_get_var_info and rx_get_var_names answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_LEVELS_SHOWN_WHOLE = 50
_BLOCKS_SHOWN = 10


class VarNames(list[str]):
    """Names of the columns, in order; prints them with a space between."""

    def __str__(self) -> str:
        return " ".join(self)


class GetVarInfoResults(dict[str, dict[str, Any]]):
    """Variable information by name, in the order of the data. The inner dicts may be changed.

    Each has, where it applies, ``description``, ``varType``, ``storage``, ``low``, ``high``, ``levels``,
    ``valueInfoCodes`` and ``valueInfoLabels``.
    """

    def __str__(self) -> str:
        return "\n".join(_variable_lines(number, name, info) for number, (name, info) in enumerate(self.items(), 1))

    def __repr__(self) -> str:
        return str(self)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """A plain dict of dicts, copied."""
        return {name: dict(info) for name, info in self.items()}

    def to_frame(self) -> pd.DataFrame:
        """One row per variable."""
        import pandas as pd

        rows = [{"name": name, **info} for name, info in self.items()]
        return pd.DataFrame(rows, columns=["name", "description", "varType", "storage", "low", "high", "levels"])


def _variable_lines(number: int, name: str, info: Mapping[str, Any]) -> str:
    start = f"Var {number}: {name}"
    description = info.get("description")
    if description:
        start += f", {description}"
    if info.get("varType") in ("factor", "ordered"):
        return f"{start}{_factor(info)}"
    details = [f"Type: {info.get('varType')}"]
    if info.get("storage"):
        details.append(f"Storage: {info['storage']}")
    low, high = info.get("low"), info.get("high")
    if low is not None and high is not None:
        details.append(f"Low/High: ({low:.4f}, {high:.4f})")
    return f"{start}\n\t{', '.join(details)}" if description else ", ".join([start, *details])


def _factor(info: Mapping[str, Any]) -> str:
    kind = "ordered factor" if info["varType"] == "ordered" else "factor"
    levels = info.get("levels")
    if levels is None:
        high = info.get("high")
        return ", Type: factor, no factor levels available" if high is None else f"\n\t{int(high)} {kind} levels"
    if len(levels) <= _LEVELS_SHOWN_WHOLE:
        shown = str(list(levels))
    else:
        first, last = (", ".join(repr(level) for level in part) for part in (levels[:5], levels[-5:]))
        shown = f"[{first}, ..., {last}]"
    return f"\n\t{len(levels)} {kind} levels: {shown}"


_NAMES = {
    "fileName": "file_name",
    "objName": "obj_name",
    "class": "data_class",
    "length": "length",
    "numCompositeFiles": "num_composite_files",
    "numRows": "num_rows",
    "numVars": "num_vars",
    "numBlocks": "num_blocks",
    "varInfo": "var_info",
    "rowsPerBlock": "rows_per_block",
    "data": "data",
}


@dataclass(frozen=True, eq=False)
class InfoResults:
    """What is known about one set of data. Prints itself; fields also by their documented names: ``info["numRows"]``.

    Attributes
    ----------
    file_name : str or None
        Of a file; ``fileName``.
    obj_name : str or None
        Of data that are not a file; ``objName``.
    data_class : str
        Class of the object; ``class``.
    length : int or None
        Number of variables, where the data are neither a file of blocks nor a frame.
    num_composite_files : int or None
    num_rows : int or None
        None where only reading tells.
    num_vars : int
    num_blocks : int or None
    var_info : GetVarInfoResults or None
    rows_per_block : list of int or None
    data : pandas.DataFrame or None
        The rows asked for.
    start_row : int
        Number, counted from 1, of the first row of ``data``.
    compression : str or None
    size_on_disk : int or None
        Bytes; with ``verbose=1``.
    """

    file_name: str | None
    obj_name: str | None
    data_class: str
    num_rows: int | None
    num_vars: int
    num_blocks: int | None = None
    length: int | None = None
    num_composite_files: int | None = None
    var_info: GetVarInfoResults | None = None
    rows_per_block: list[int] | None = None
    data: pd.DataFrame | None = None
    start_row: int = 1
    compression: str | None = None
    size_on_disk: int | None = None
    source_kind: str | None = None

    def __getitem__(self, name: str) -> Any:
        attribute = _NAMES.get(name, name)
        if attribute not in _NAMES.values():
            raise KeyError(f"{name!r} is not part of the information; there are {', '.join(_NAMES)}")
        return getattr(self, attribute)

    def __contains__(self, name: object) -> bool:
        return name in _NAMES

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def keys(self) -> list[str]:
        """Documented names of the fields that are known."""
        return [name for name, attribute in _NAMES.items() if getattr(self, attribute) is not None]

    def to_dict(self) -> dict[str, Any]:
        """The known fields by their documented names."""
        return {name: self[name] for name in self.keys()}

    def to_frame(self) -> pd.DataFrame:
        """The variable information, one row per variable; the columns only when it was not asked for."""
        return (self.var_info or GetVarInfoResults()).to_frame()

    def __str__(self) -> str:
        lines = [f"File name:{self.file_name}" if self.file_name is not None else f"{self._object()}:{self.obj_name}"]
        if self.source_kind is not None:
            lines.append(f"Data Source:{self.source_kind}")
        counts = {
            "composite data files": self.num_composite_files,
            "observations": self.num_rows,
            "variables": self.num_vars,
            "blocks": self.num_blocks,
        }
        for what, value in counts.items():
            if value is not None:
                lines.append(f"Number of {what}:{float(value)}")
        if self.compression is not None:
            lines.append(f"Compression type:{self.compression}")
        if self.size_on_disk is not None:
            lines.append(f"Size on disk:{self.size_on_disk} bytes")
        if self.rows_per_block is not None:
            shown = " ".join(str(rows) for rows in self.rows_per_block[:_BLOCKS_SHOWN])
            lines.append(f"Rows per block:{shown}{' ...' if len(self.rows_per_block) > _BLOCKS_SHOWN else ''}")
        if self.var_info is not None:
            lines += ["Variable information: ", str(self.var_info)]
        if self.data is not None:
            lines += [f"Data ({len(self.data)} rows starting with row {self.start_row}):", str(self.data)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _object(self) -> str:
        return "Data frame" if self.data_class.endswith("DataFrame") else "Data"


class InfoCollection(dict[str, Any]):
    """Information about several sets of data, by name; prints one after the other."""

    def __str__(self) -> str:
        return "\n\n".join(f"{name}\n{info}" for name, info in self.items())

    def __repr__(self) -> str:
        return str(self)
