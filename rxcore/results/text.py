"""Numbers and tables as R prints them: one number of digits per column, stars, floored p values; JSON too."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

SMALLEST_P = 2.220446049250313e-16  # the double epsilon: R and RevoScaleR print no p value below it
STARS_LEGEND = "0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1"
_STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"), (0.1, "."))


def _shape(value: float, digits: int) -> tuple[int, int]:
    """Digits left of the point (zero or less below 1) and significant digits needed, at most `digits`."""
    if value == 0.0:
        return 1, 1
    mantissa, exponent = f"{abs(value):.{digits - 1}e}".split("e")
    return int(exponent) + 1, len(mantissa.replace(".", "").rstrip("0"))


def format_numbers(values: Sequence[float], digits: int = 7) -> list[str]:
    """Format a column with the fewest decimals that show every value to `digits` significant digits, as R's ``format``.

    The column is fixed or scientific as a whole, whichever is narrower, and padded on the left to one width.

    Parameters
    ----------
    values : sequence of float
        NaN and infinities are allowed and written ``NaN``, ``Inf``, ``-Inf``.
    digits : int, default 7
        Significant digits that every value keeps at least, unless trailing zeros make them needless.

    Examples
    --------
    >>> format_numbers([10.3318058, -0.1752668], 4)
    ['10.3318', '-0.1753']
    """
    finite = [value for value in values if math.isfinite(value)]
    shapes = [_shape(value, digits) for value in finite]
    negative = any(value < 0 for value in finite)
    decimals, exponent_form = 0, False
    significant = 1
    if shapes:
        decimals = max(0, *(significant - left for left, significant in shapes))
        whole = max(max(left, 1) + (value < 0) for value, (left, _) in zip(finite, shapes, strict=True))
        significant = max(significant for _, significant in shapes)
        fixed_width = whole + decimals + (decimals > 0)
        wide_exponent = any(left > 100 or left <= -99 for left, _ in shapes)
        exponent_width = negative + (significant > 1) + significant - 1 + 4 + (2 if wide_exponent else 1)
        exponent_form = fixed_width > exponent_width
    pattern = f".{significant - 1}e" if exponent_form else f".{decimals}f"
    cells = [format(value, pattern) if math.isfinite(value) else _not_finite(value) for value in values]
    width = max((len(cell) for cell in cells), default=0)
    return [cell.rjust(width) for cell in cells]


def _not_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else ("Inf" if value > 0 else "-Inf")


def format_number(value: float, digits: int = 7) -> str:
    """One value to at most `digits` significant digits, as R prints a single number."""
    return format_numbers([value], digits)[0]


def format_general(value: float, digits: int = 4) -> str:
    """As R's ``formatC``: C's ``%g``, padded to one more than `digits`. RevoScaleR prints R-squared and F so."""
    text = f"{value:.{digits}g}" if math.isfinite(value) else _not_finite(value)
    return text.rjust(digits + 1)


def format_condition(value: float) -> str:
    """A condition number: four decimals, at most seven significant digits."""
    return format_number(round(value, 4) if math.isfinite(value) else value)


def format_count(value: float) -> str:
    """A count or a sum of weights: every digit when whole, seven significant digits otherwise."""
    if math.isfinite(value) and value == math.floor(value):
        return f"{value:.0f}"
    return format_number(value, 7)


def format_p_values(values: Sequence[float], digits: int = 3, smallest: float = SMALLEST_P) -> list[str]:
    """Format p values as R's ``format.pval``: ordinary and tiny ones each with digits of their own.

    Values below `smallest` are written as ``<`` and `smallest`. RevoScaleR's tables never show that, because the values
    are floored at `smallest` before; see :func:`floor_p_values`.
    """
    kept = [value for value in values if math.isfinite(value) and value >= smallest]
    # R keeps 1e-4 .. 1e-3 with the ordinary ones, so that 0.000102 and 0.105085 share their decimals.
    ordinary = [value for value in kept if value > 0 and math.floor(math.log10(value)) >= -4]
    tiny = [value for value in kept if not (value > 0 and math.floor(math.log10(value)) >= -4)]
    texts = dict(zip(ordinary, format_numbers(ordinary, digits), strict=True))
    texts |= dict(zip(tiny, format_numbers(tiny, digits), strict=True))
    below = _below_text(list(texts.values()), digits, smallest)
    cells = []
    for value in values:
        if not math.isfinite(value):
            cells.append(_not_finite(value))
        else:
            cells.append(texts[value] if value >= smallest else below)
    return cells


def _below_text(shown: list[str], digits: int, smallest: float) -> str:
    digits = max(1, digits - 2)
    separator = "" if digits == 1 else " "
    if shown:
        width = max(len(text) for text in shown)
        if digits > 1 and digits + 6 > width:
            digits = max(1, width - 7)
        separator = "" if digits == 1 and width <= 6 else " "
    return f"<{separator}{format_number(smallest, digits)}"


def floor_p_values(values: Sequence[float]) -> list[float]:
    """Raise p values below the double epsilon to it, as RevoScaleR's tables do; NaN stays."""
    return [value if math.isnan(value) else max(value, SMALLEST_P) for value in values]


def stars(p_value: float) -> str:
    """The significance mark of a p value; empty from 0.1 upwards and for NaN."""
    return next((mark for limit, mark in _STARS if p_value <= limit), "")


def format_estimates(estimates: Sequence[float], std_errors: Sequence[float], digits: int = 4) -> list[list[str]]:
    """Format estimates and standard errors together, as R's ``printCoefmat`` does, so that both show the same decimals.

    Returns
    -------
    list of list of str
        The cells of the estimates, then the cells of the standard errors.
    """
    values = [*estimates, *std_errors]
    sizes = [abs(value) for value in values if math.isfinite(value) and value != 0.0]
    largest_power = math.floor(math.log10(min(sizes))) if sizes else 0
    decimals = max(1, digits - 1 - largest_power)
    cells = format_numbers([round(value, decimals) if math.isfinite(value) else value for value in values], digits)
    # A value that is not zero must not be printed as zero.
    vanished = [i for i, value in enumerate(values) if math.isfinite(value) and value != 0.0 and float(cells[i]) == 0.0]
    again = format_numbers([values[i] for i in vanished], max(1, digits - 1))
    for i, text in zip(vanished, again, strict=True):
        cells[i] = text
    return [cells[: len(estimates)], cells[len(estimates) :]]


def format_statistics(values: Sequence[float], digits: int = 4) -> list[str]:
    """Format t or z values as R's ``printCoefmat``: rounded to one decimal less than `digits`, then formatted."""
    decimals = max(1, min(5, digits - 1))
    return format_numbers([round(value, decimals) if math.isfinite(value) else value for value in values], digits)


def format_call(function: str, arguments: Mapping[str, Any], width: int = 80) -> str:
    """The call as printed under ``Call:``, broken between arguments, further lines indented by four.

    Parameters
    ----------
    function : str
        Its name.
    arguments : mapping
        What was given, in order. Text, numbers, None, lists and dicts of them appear as written; of any other object
        only the name of its type does.
    width : int, default 80
        Where lines are broken; an argument longer than this stays whole.

    Examples
    --------
    >>> format_call("rx_lin_mod", {"formula": "y ~ x", "data": object(), "cube": True})
    "rx_lin_mod(formula='y ~ x', data=<object>, cube=True)"
    """
    parts = [f"{name}={_argument(value)}" for name, value in arguments.items()]
    lines, line = [], f"{function}("
    for i, part in enumerate(parts):
        piece = part + (")" if i == len(parts) - 1 else ",")
        separator = "" if line.endswith("(") else " "
        if len(line) + len(separator) + len(piece) > width and line.strip() and i > 0:
            lines.append(line)
            line, separator = "    ", ""
        line += separator + piece
    return "\n".join([*lines, line if parts else line + ")"])


def _argument(value: Any) -> str:
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_argument, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_argument(item)}" for key, item in value.items()) + "}"
    return f"<{type(value).__name__}>"


def _widths(headers: Sequence[str], columns: Sequence[Sequence[str]]) -> list[int]:
    return [max(len(header), *map(len, column), 0) for header, column in zip(headers, columns, strict=True)]


def align_right(labels: Sequence[str], headers: Sequence[str], columns: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table: row labels on the left, then columns whose headers and cells are flush right."""
    label_width = max((len(label) for label in labels), default=0)
    widths = _widths(headers, columns)
    rows = [("", headers), *((label, [column[i] for column in columns]) for i, label in enumerate(labels))]
    return [
        " ".join([label.ljust(label_width), *(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))])
        for label, cells in rows
    ]


def align_left(headers: Sequence[str], columns: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table without row labels: every column flush left, one space in front, as R prints a data frame so."""
    widths = _widths(headers, columns)
    n_rows = len(columns[0]) if columns else 0
    rows = [headers, *([column[i] for column in columns] for i in range(n_rows))]
    return [" " + " ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) for cells in rows]


def as_plain(value: Any) -> Any:
    """Turn arrays, frames and NumPy scalars into lists, dicts and numbers for JSON. Not-finite floats become None."""
    if isinstance(value, pd.DataFrame):
        return {str(name): as_plain(value[name].tolist()) for name in value.columns}
    if isinstance(value, np.ndarray | np.generic):
        return as_plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if hasattr(value, "to_dict"):
        return value.to_dict()
    return str(value)
