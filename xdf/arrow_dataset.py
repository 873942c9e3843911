"""A file or set as a pyarrow dataset, which DuckDB and polars push projections and filters into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.dataset as pa_dataset

from xdf.errors import XdfError
from xdf.scan import Scanner
from xdf.tabular import Tabular


class XdfDataset(pa_dataset.InMemoryDataset):  # type: ignore[misc]
    """A ``pyarrow.dataset.Dataset`` over an .xdf file or set. Made by ``dataset()``.

    Reading it goes through :class:`xdf.Scanner`, so that blocks are skipped by their statistics. It has no fragments:
    what needs them, such as joins, is refused; make a table of what is needed first.
    """

    def __init__(self, table: Tabular) -> None:
        # The dataset underneath is empty and only there so that none of its methods meets nothing.
        super().__init__(table.arrow_schema.empty_table())
        self._table = table

    def __reduce__(self) -> NoReturn:
        self._refuse()

    def __repr__(self) -> str:
        return f"XdfDataset({self._table!r})"

    @property
    def schema(self) -> pa.Schema:
        """The columns, with their labels."""
        return self._table.arrow_schema

    def scanner(self, columns: Sequence[str] | None = None, filter: object = None, **_options: Any) -> Scanner:
        """Choose columns and rows; see ``scan``. Options of Arrow's scanners (sizes, threads, pools) are ignored."""
        if isinstance(columns, dict):
            raise XdfError(f"{self._table.path}: columns: names are needed; compute with the table that comes out")
        return self._table.scan(columns, filter)

    def to_table(self, **arguments: Any) -> pa.Table:
        """The rows in memory."""
        return self.scanner(**arguments).to_table()

    def to_batches(self, **arguments: Any) -> Any:
        """The rows, one batch per block."""
        return self.scanner(**arguments).to_batches()

    def head(self, num_rows: int, **arguments: Any) -> pa.Table:
        """The first rows."""
        return self.scanner(**arguments).head(num_rows)

    def count_rows(self, filter: object = None, **_options: Any) -> int:
        """How many rows pass."""
        return self._table.scan([], filter).count_rows()

    def take(self, indices: Any, **arguments: Any) -> pa.Table:
        """The rows of these numbers, from a table of all rows in memory."""
        return self.to_table(**arguments).take(indices)

    def get_fragments(self, filter: object = None) -> NoReturn:  # noqa: ARG002
        """Refused: there are none."""
        self._refuse()

    def replace_schema(self, schema: object) -> NoReturn:  # noqa: ARG002
        """Refused: the columns are those of the file."""
        self._refuse()

    def filter(self, expression: object) -> NoReturn:  # noqa: ARG002
        """Refused: pass the filter to ``to_table`` or ``scanner``."""
        self._refuse()

    def join(self, *_arguments: Any, **_more: Any) -> NoReturn:
        """Refused: join the tables."""
        self._refuse()

    def join_asof(self, *_arguments: Any, **_more: Any) -> NoReturn:
        """Refused: join the tables."""
        self._refuse()

    def sort_by(self, *_arguments: Any, **_more: Any) -> NoReturn:
        """Refused: sort the table."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise XdfError(
            f"{self._table.path}: this dataset reads (to_table, to_batches, scanner, head, count_rows, take) and does "
            "nothing else; work with the table that comes out"
        )
