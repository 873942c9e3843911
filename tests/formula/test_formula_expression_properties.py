"""Random expressions: against numpy, through their canonical text, and garbage that must be refused politely."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from rxcore.errors import FormulaError
from rxcore.expressions import parse_expression

QUICK = settings(max_examples=50, deadline=None)
Floats = npt.NDArray[np.float64]
NAMES = ("a", "b", "c.d", "e f")
FUNCTIONS = {"sqrt": np.sqrt, "abs": np.abs, "floor": np.floor, "ceil": np.ceil, "sign": np.sign, "trunc": np.trunc}


def typed(name: str) -> str:
    return f"`{name}`" if " " in name else name


@st.composite
def arithmetic(draw: st.DrawFn, data: dict[str, Floats], depth: int = 3) -> tuple[str, Floats]:
    """A text and what numpy makes of it."""
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        if draw(st.booleans()):
            name = draw(st.sampled_from(NAMES))
            return typed(name), data[name]
        number = draw(st.integers(0, 9)) / draw(st.sampled_from([1, 2, 4]))
        return repr(number), np.full(len(data["a"]), number)
    kind = draw(st.sampled_from(["two", "two", "two", "minus", "function", "smaller"]))
    left, first = draw(arithmetic(data, depth - 1))
    if kind == "minus":
        return f"-({left})", -first
    if kind == "function":
        name = draw(st.sampled_from(sorted(FUNCTIONS)))
        return f"{name}({left})", FUNCTIONS[name](first)
    right, second = draw(arithmetic(data, depth - 1))
    if kind == "smaller":
        # Which zero is the smaller, 0 or -0, is nobody's promise, and a division would tell: plus zero makes both 0.
        least = np.minimum(first, second) + 0.0
        return f"(pmin({left}, {right}) + 0.0)", np.where(np.isnan(first) | np.isnan(second), np.nan, least)
    operator = draw(st.sampled_from(["+", "-", "*", "/", "%%", "//"]))
    with np.errstate(all="ignore"):
        meaning = {
            "+": np.add,
            "-": np.subtract,
            "*": np.multiply,
            "/": np.divide,
            "%%": np.mod,
            "//": np.floor_divide,
        }[operator](first, second)
    return f"({left}) {operator} ({right})", meaning


values = st.one_of(st.none(), st.floats(-100, 100), st.integers(-3, 3).map(float))


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Floats], str, Floats]:
    rows = draw(st.integers(0, 6))
    data = {
        name: np.array([np.nan if one is None else one for one in draw(st.lists(values, min_size=rows, max_size=rows))])
        for name in NAMES
    }
    with np.errstate(all="ignore"):
        text, expected = draw(arithmetic(data))
    return data, text, expected


@QUICK
@given(cases())
def test_arithmetic_is_that_of_numpy(case: tuple[dict[str, Floats], str, Floats]) -> None:
    data, text, expected = case
    expression = parse_expression(text)
    assert parse_expression(expression.text) == expression
    columns = {name: pa.array(column, pa.float64(), from_pandas=True) for name, column in data.items()}
    found = expression.evaluate(columns, len(expected))
    assert found.type == (pa.float64())
    got = found.to_numpy(zero_copy_only=False)
    np.testing.assert_array_equal(got, expected)
    assert found.null_count == np.isnan(expected).sum()


truths = st.sampled_from([True, False, None])


@st.composite
def conditions(draw: st.DrawFn, depth: int = 3) -> tuple[str, dict[str, bool | None], bool | None]:
    """A condition over p and q in one row, and its value in logic of three values."""
    row = {"p": draw(truths), "q": draw(truths)}

    def build(level: int) -> tuple[str, bool | None]:
        if level == 0 or draw(st.integers(0, 3)) == 0:
            name = draw(st.sampled_from(["p", "q"]))
            return name, row[name]
        left, first = build(level - 1)
        kind = draw(st.sampled_from(["!", "&", "|", "and", "or"]))
        if kind == "!":
            return f"!({left})", None if first is None else not first
        right, second = build(level - 1)
        both = {first, second}
        if kind in ("&", "and"):
            return f"({left}) {kind} ({right})", False if False in both else None if None in both else True
        return f"({left}) {kind} ({right})", True if True in both else None if None in both else False

    text, meaning = build(depth)
    return text, row, meaning


@QUICK
@given(conditions())
def test_conditions_have_three_values(case: tuple[str, dict[str, bool | None], bool | None]) -> None:
    text, row, meaning = case
    columns = {name: pa.array([one], pa.bool_()) for name, one in row.items()}
    expression = parse_expression(text)
    assert expression.evaluate(columns).to_pylist() == [meaning]
    assert parse_expression(expression.text) == expression


@st.composite
def trees(draw: st.DrawFn, depth: int = 4) -> str:
    """Any expression, with few parentheses, so that precedence matters."""
    if depth == 0:
        return draw(st.sampled_from(["a", "`b c`", "1", "2.5", ".5", "'s'", "TRUE", "NA", "-3", "1e9"]))
    inner = trees(depth=depth - 1)
    kind = draw(st.integers(0, 6))
    if kind == 0:
        return f"({draw(inner)})"
    if kind == 1:
        # A bare "not" cannot stand right of an arithmetic operator, in Python's grammar.
        return draw(st.sampled_from(["-({})", "(!{})", "(not {})", "+({})"])).format(draw(inner))
    if kind == 2:
        return f"ifelse({draw(inner)}, {draw(inner)}, {draw(inner)})"
    if kind == 3:
        return f"(({draw(inner)}) in (1, -2))"
    operators = ["+", "-", "*", "/", "%%", "%/%", "^", "==", "<", ">=", "&", "|", "and", "or"]
    return f"{draw(inner)} {draw(st.sampled_from(operators))} {draw(inner)}"


@QUICK
@given(trees())
def test_canonical_text_means_the_same(text: str) -> None:
    expression = parse_expression(text)
    assert parse_expression(expression.text).text == expression.text
    columns = {"a": pa.array([1.0, -2.0, None]), "b c": pa.array([0.5, 3.0, 2.0])}
    try:
        first = expression.evaluate(columns)
    except FormulaError:
        return
    assert first.equals(parse_expression(expression.text).evaluate(columns))


@QUICK
@given(st.text(max_size=60) | st.text(alphabet="ab01.()[]'\"`+-*/^%&|!<>=~,_ \\eif", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        expression = parse_expression(text)
    except FormulaError:
        return
    assert parse_expression(expression.text) == expression
