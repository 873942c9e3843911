"""Comparisons with published output, recorded as they are made, so that the table in docs shows what was executed.

``make parity-table`` runs the tests of published output and writes docs/parity-published.md from the records.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tolerances import PRINTED_AS_R, printed

HEADING = """\
# Published results, executed

Outputs that Microsoft and others published, for data at hand and for functions that rxcore has: the call in rxcore's
words, what was printed, and what rxcore gives to the same digits. `make parity-table` runs the calls and writes this
file; nothing in it is typed. Pages without an owner are of the public repository
MicrosoftDocs/machine-learning-server-docs, folder microsoft-r/r/, some in its history.

Where the last column says "as R", the original printed something else than the value it stands for, and rxcore gives
the value that R gives:

- iterations that stopped short of convergence (Gamma models, and one logistic model), whose converged values differ in
  the last digits printed;
- p values below 1e-13, which the original formed as 1 - (1 - p): what it printed is rounding, or the floor 2.22e-16;
- means printed to 15 digits, of which either side has the last wrong; those of whole numbers are known exactly.

"""


@dataclass(frozen=True)
class Row:
    """One comparison."""

    id: str
    page: str
    call: str
    what: str
    published: str
    ours: str
    verdict: str


ROWS: list[Row] = []


def as_printed(value: float, digits: str) -> str:
    """A value with as many digits as the published text has."""
    mantissa, _, exponent = digits.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return f"{value:.{decimals}e}" if exponent else f"{value:.{decimals}f}"


@dataclass(frozen=True)
class Case:
    """One published output.

    Attributes
    ----------
    id : str
        As in the catalogue of published results.
    page : str
        File and lines.
    call : str
        What rxcore was asked.
    """

    id: str
    page: str
    call: str

    def _record(self, what: str, published: str, ours: str, verdict: str) -> None:
        ROWS.append(Row(self.id, self.page, self.call, what, published, ours, verdict))

    def numbers(self, what: str, values: Iterable[Any], texts: Sequence[str]) -> None:
        """Each value would be printed as published."""
        values = [float(value) for value in values]
        assert len(values) == len(texts), f"{self.id} {what}: {len(values)} values for {len(texts)} published"
        same = [printed(value, text) for value, text in zip(values, texts, strict=True)]
        ours = " ".join(as_printed(value, text) for value, text in zip(values, texts, strict=True))
        self._record(what, " ".join(texts), ours, "same" if all(same) else "DIFFERENT")
        for i, (value, text) in enumerate(zip(values, texts, strict=True)):
            assert same[i], f"{self.id} {what}[{i}]: {value!r} is not printed as {text}"

    def number(self, what: str, value: Any, text: str) -> None:
        """One value would be printed as published."""
        self.numbers(what, [value], [text])

    def equal(self, what: str, ours: Any, published: Any) -> None:
        """Counts, names and the like are equal."""
        shown = [" ".join(map(str, x)) if isinstance(x, list | tuple) else str(x) for x in (published, ours)]
        self._record(what, *shown, "same" if ours == published else "DIFFERENT")
        assert ours == published, f"{self.id} {what}: {ours!r} is not {published!r}"

    def as_printed_or_r(
        self, what: str, values: Iterable[Any], texts: Sequence[str], r_values: Sequence[float], why: str
    ) -> None:
        """As published where the original had converged so far, and as R elsewhere."""
        values = [float(value) for value in values]
        if all(printed(value, text) for value, text in zip(values, texts, strict=True)):
            self.numbers(what, values, texts)
        else:
            self.as_r(what, values, texts, r_values, why)

    def lines(self, what: str, printed_by_us: Any, published: str) -> None:
        """Each published line is one of ours, but for the width of the space between its words."""
        ours = {" ".join(line.split()) for line in str(printed_by_us).splitlines()}
        wanted = [" ".join(line.split()) for line in published.strip().splitlines()]
        missing = [line for line in wanted if line not in ours]
        verdict = "same" if not missing else "DIFFERENT"
        self._record(what, "\n".join(wanted), "\n".join(line for line in wanted if line in ours), verdict)
        assert not missing, f"{self.id} {what}: not printed: {missing}"

    def as_r(self, what: str, values: Iterable[Any], texts: Sequence[str], r_values: Sequence[float], why: str) -> None:
        """The original printed something else than the value it stands for; ours are R's."""
        values = [float(value) for value in values]
        for value, wanted in zip(values, r_values, strict=True):
            error = abs(value - wanted)
            assert error <= PRINTED_AS_R * abs(wanted), f"{self.id} {what}: {value!r}, R has {wanted!r}"
        assert not all(printed(value, text) for value, text in zip(values, texts, strict=True)), f"{self.id} {what}"
        ours = " ".join(as_printed(value, text) for value, text in zip(values, texts, strict=True))
        self._record(what, " ".join(texts), ours, f"as R: {why}")


def as_markdown(rows: Sequence[Row]) -> str:
    """The table; what one output has in common stands once."""
    n_same = sum(row.verdict == "same" for row in rows)
    outputs = {row.id for row in rows}
    lines = [
        (
            f"{len(outputs)} outputs, {len(rows)} comparisons: {n_same} the same to every printed digit, "
            f"{len(rows) - n_same} as R."
        ),
        "",
        "| id | call, page | what | published | ours | |",
        "|---|---|---|---|---|---|",
    ]
    before = ("", "")
    for row in sorted(rows, key=_order):
        first = (row.id, row.call)
        head = f"{row.id} | {_plain(row.call)}<br>{row.page}" if first != before else " | "
        before = first
        lines.append(f"| {head} | {row.what} | {_plain(row.published)} | {_plain(row.ours)} | {row.verdict} |")
    return HEADING + "\n".join(lines) + "\n"


def _order(row: Row) -> tuple[str, int, str]:
    digits = "".join(character for character in row.id if character.isdigit())
    return row.id[0], int(digits or 0), row.id


def _plain(text: str) -> str:
    for raw, written in (("\\", "\\\\"), ("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("*", "\\*"), ("_", "\\_")):
        text = text.replace(raw, written)
    return "<br>".join(text.splitlines())
