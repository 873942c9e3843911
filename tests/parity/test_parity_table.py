"""The table of published results in docs: how it is made, and that it has every output that the tests cover."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from make_table import TABLE
from parity_table import ROWS, Case, Row, as_markdown, as_printed

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _unrecorded():
    """What these tests compare is not published."""
    before = len(ROWS)
    yield
    del ROWS[before:]


def test_a_value_is_shown_with_the_digits_of_the_print():
    assert as_printed(10.33180581, "10.3318058") == "10.3318058"
    assert as_printed(0.00157, "1.52e-06") == "1.57e-03"
    assert as_printed(7.0, "7") == "7"


def test_a_comparison_that_fails_is_recorded_and_raised():
    case = Case("X1", "page 1", "call()")
    case.numbers("right", [1.04, 2.0], ["1.0", "2"])
    with pytest.raises(AssertionError, match=r"X1 wrong\[1\]: 2.6 is not printed as 2"):
        case.numbers("wrong", [1.0, 2.6], ["1", "2"])
    with pytest.raises(AssertionError, match=r"not printed: .'b 2'."):
        case.lines("lines", "a   1\nb 3", "a 1\nb 2")
    with pytest.raises(AssertionError, match="X1 n: 3 is not 4"):
        case.equal("n", 3, 4)
    with pytest.raises(AssertionError, match=r"R has 3\.0"):
        case.as_r("p", [2.0], ["1"], [3.0], "why")
    case.as_r("p", [2.0], ["1"], [2.0], "why")
    assert [row.verdict for row in ROWS[-5:]] == ["same", *["DIFFERENT"] * 3, "as R: why"]


def test_the_table_says_what_an_output_has_in_common_once():
    rows = [
        Row("A10", "p 2", "f(x)", "a", "1 | 2", "1 | 2", "same"),
        Row("A2", "p 1", "g(x)", "a", "3", "3", "same"),
        Row("A2", "p 1", "g(x)", "b", "4\n5", "4\n5", "as R: why"),
    ]
    lines = as_markdown(rows).splitlines()[-3:]
    assert lines == [
        "| A2 | g(x)<br>p 1 | a | 3 | 3 | same |",
        "|  |  | b | 4<br>5 | 4<br>5 | as R: why |",
        "| A10 | f(x)<br>p 2 | a | 1 \\| 2 | 1 \\| 2 | same |",
    ]


def test_the_table_in_docs_has_every_output_that_is_tested_and_nothing_different():
    tested = set()
    for path in HERE.glob("test_parity_published*.py"):
        tested |= set(re.findall(r'(?:Case\(|\()"([A-Z]\d+[a-z]?)", ', path.read_text()))
    assert len(tested) > 30
    text = TABLE.read_text()
    listed = set(re.findall(r"^\| ([A-Z]\d+[a-z]?) \|", text, re.MULTILINE))
    assert listed == tested, "make parity-table writes it anew"
    assert "DIFFERENT" not in text
