"""Results in notebooks: tables that read on light and dark pages, every text escaped.

Styles stand at each element, because notebooks strip style sheets; colours are the page's own, only shaded.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

_LINE = "rgba(128,128,128,0.45)"
_SHADE = "rgba(128,128,128,0.10)"
_TABLE = (
    "border-collapse:collapse;color:inherit;background:transparent;font-variant-numeric:tabular-nums;margin:0.4em 0"
)
_LABEL = "text-align:left;font-weight:normal;padding:0.15em 0.8em 0.15em 0.4em;white-space:nowrap"
_HEAD = f"text-align:right;padding:0.15em 0.6em;border-bottom:1px solid {_LINE};white-space:nowrap"
_CELL = "text-align:right;padding:0.15em 0.6em;white-space:nowrap"
_LINES = "color:inherit;background:transparent;margin:0.4em 0;white-space:pre-wrap"


def table(labels: Sequence[str], headers: Sequence[str], columns: Sequence[Sequence[str]], *, caption: str = "") -> str:
    """A table with row labels; every text is escaped, because level names are data.

    Parameters
    ----------
    labels : sequence of str
        Of the rows.
    headers : sequence of str
        Of the columns.
    columns : sequence of sequence of str
        The cells of each column.
    caption : str, optional
        Shown above.

    Examples
    --------
    >>> "&lt;b&gt;" in table(["<b>"], ["n"], [["1"]])
    True
    """
    head = "".join(f'<th style="{_HEAD}">{html.escape(header)}</th>' for header in ["", *headers])
    rows = []
    for i, label in enumerate(labels):
        shade = f' style="background:{_SHADE}"' if i % 2 else ""
        cells = "".join(f'<td style="{_CELL}">{html.escape(column[i].strip())}</td>' for column in columns)
        rows.append(f'<tr{shade}><th style="{_LABEL}">{html.escape(label)}</th>{cells}</tr>')
    title = f'<caption style="text-align:left;color:inherit">{html.escape(caption)}</caption>' if caption else ""
    return f'<table style="{_TABLE}">{title}<thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def lines(shown: Sequence[str]) -> str:
    """Lines of text as they are printed, escaped."""
    return f'<pre style="{_LINES}">' + html.escape("\n".join(shown)) + "</pre>"
