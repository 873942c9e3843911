from __future__ import annotations

import pickle
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rxcore.formula import (
    BinnedPart,
    ColumnPart,
    ExpressionPart,
    Formula,
    Term,
    parse_formula,
)


def terms(text: str) -> list[str]:
    return [term.text for term in parse_formula(text).terms]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("y ~ a + b", ["a", "b"]),
        ("y ~ b + a", ["b", "a"]),
        ("~ a", ["a"]),
        ("ArrDelay+DayOfWeek", ["ArrDelay", "DayOfWeek"]),
        ("y ~ a:b + a", ["a:b", "a"]),
        ("y ~ b:a", ["b:a"]),
        ("y ~ b*a", ["b", "a", "b:a"]),
        ("y ~ a*b*c", ["a", "b", "c", "a:b", "a:c", "b:c", "a:b:c"]),
        ("y ~ c*(a*b)", ["c", "a", "b", "a:b", "c:a", "c:b", "c:a:b"]),
        ("y ~ b:a*c", ["b:a", "c", "b:a:c"]),
        ("y ~ d + a*b + e", ["d", "a", "b", "a:b", "e"]),
        ("y ~ (a*b + e)*c", ["a", "b", "a:b", "e", "c", "a:c", "b:c", "e:c", "a:b:c"]),
        ("y ~ (a + b)*(c + d)", ["a", "b", "c", "d", "a:c", "a:d", "b:c", "b:d"]),
        ("y ~ (a + b):c", ["a:c", "b:c"]),
        ("y ~ (a + b + c)^2", ["a", "b", "c", "a:b", "a:c", "b:c"]),
        ("y ~ (a + b + c)**3", ["a", "b", "c", "a:b", "a:c", "b:c", "a:b:c"]),
        ("y ~ a^1", ["a"]),
        ("y ~ (a + b)^2 - a:b", ["a", "b"]),
        ("y ~ (a + b)^2 - b:a", ["a", "b"]),
        ("y ~ a/b", ["a", "a:b"]),
        ("y ~ (a + b)/c", ["a", "b", "a:b:c"]),
        ("y ~ b %in% a", ["a:b"]),
        ("y ~ a + b %in% a", ["a", "a:b"]),
        ("y ~ a:a", ["a"]),
        ("y ~ a + a", ["a"]),
        ("y ~ a:b + b:a", ["a:b"]),
        ("y ~ a + b - a", ["b"]),
        ("y ~ ((a))", ["a"]),
        ("y ~ Solar.R + `dep delay` + .x", ["Solar.R", "`dep delay`", ".x"]),
        ("y ~ `1` + `.` + `in`", ["`1`", "`.`", "`in`"]),
        ("y ~ größe", ["größe"]),
        ("y ~ log( x ) + log(x)", ["log(x)"]),
        ("y ~ I(x^2) + I(x**2)", ["I(x^2)"]),
        ("y ~ I(a+b):c", ["I(a + b):c"]),
        ("y ~ (a > 3)", ["(a > 3)"]),
        ("y ~ (a > 3 & b == 'u') + (not c)", ['(a > 3 & b == "u")', "(!c)"]),
        ("y ~ (b %in% c('u', 'v')) + (b in (1, 2))", ['(b %in% c("u", "v"))', "(b %in% c(1, 2))"]),
        ("y ~ (a %in% b)", ["b:a"]),
        ("y ~ N(f):x", ["N(f):x"]),
        ("y ~ x:F(h)", ["x:F(h)"]),
        ("y ~ F(h, 1, 10)", ["F(h, 1, 10, TRUE)"]),
        ("y ~ F(h, low=-2, exclude=FALSE)", ["F(h, -2, NA, FALSE)"]),
        ("y ~ F(h, high = 3) + F", ["F(h, NA, 3, TRUE)", "F"]),
    ],
)
def test_terms_stand_in_the_order_typed(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "intercept"),
    [
        ("y ~ a", True),
        ("y ~ a - 1", False),
        ("y ~ -1 + a", False),
        ("y ~ a + 0", False),
        ("y ~ 0 + a", False),
        ("y ~ a + -1", False),
        ("y ~ a + (-1)", False),
        ("y ~ a - 0", True),
        ("y ~ a - -1", True),
        ("y ~ a + 0 + 1", True),
        ("y ~ a + 1 - 1", False),
        ("y ~ 1", True),
        ("~ a - 1", False),
    ],
)
def test_the_intercept_is_switched(text: str, intercept: bool) -> None:
    formula = parse_formula(text)
    assert formula.intercept is intercept
    assert [term.text for term in formula.terms] == ([] if text == "y ~ 1" else ["a"])


def test_everything() -> None:
    assert parse_formula("y ~ .").everything
    assert parse_formula("y ~ .").terms == ()
    assert not parse_formula("y ~ a").everything
    formula = parse_formula("~ . - a - b:c + d")
    assert formula.everything
    assert [term.text for term in formula.terms] == ["d"]
    assert [term.text for term in formula.excluded] == ["a", "b:c"]
    assert parse_formula("y ~ a - b").excluded == ()


@pytest.mark.parametrize(
    ("text", "responses"),
    [
        ("y ~ a", ["y"]),
        ("~ a", []),
        ("a", []),
        ("`arr delay` ~ a", ["`arr delay`"]),
        ("log(y) ~ a", ["log(y)"]),
        ("y > 15 ~ a", ["y > 15"]),
        ("y^2 ~ a", ["y^2"]),
        ("y1 - y2 ~ a", ["y1 - y2"]),
        ("cbind(y1, log(y2), y3 > 2) ~ a", ["y1", "log(y2)", "y3 > 2"]),
    ],
)
def test_responses(text: str, responses: list[str]) -> None:
    assert [response.text for response in parse_formula(text).responses] == responses


def test_parts_have_their_types() -> None:
    formula = parse_formula("y ~ a + F(h, 1, 10, FALSE) + log(x):b")
    assert formula.terms[0] == Term((ColumnPart("a"),))
    assert formula.terms[1] == Term((BinnedPart("h", 1, 10, False),))
    first, second = formula.terms[2].parts
    assert isinstance(first, ExpressionPart)
    assert second == ColumnPart("b")
    assert formula.terms[2].columns == ("x", "b")
    assert formula.columns == ("y", "a", "h", "x", "b")


def test_a_name_between_back_quotes_is_one_column() -> None:
    (term,) = parse_formula("~ `log(x) + 1`").terms
    assert term.parts == (ColumnPart("log(x) + 1"),)
    assert term.text == "`log(x) + 1`"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("F(age)", "F_age"),
        ("F(age, 30, 39)", "F_age_30_39_T"),
        ("F(age, 30, 39, FALSE)", "F_age_30_39_F"),
        ("F(age, exclude=F)", "F_age_NA_NA_F"),
    ],
)
def test_labels_of_bins(text: str, label: str) -> None:
    (part,) = parse_formula(text).terms[0].parts
    assert isinstance(part, BinnedPart)
    assert part.label == label


@pytest.mark.parametrize(
    "text", ["y ~ a*b + log(x) + F(h, 1, 10) + (a > 3):`x y` - 1", "~ . - a", "cbind(a, b) ~ c", "y ~ (!a)"]
)
def test_formulas_are_frozen_hashable_and_picklable(text: str) -> None:
    formula = parse_formula(text)
    again = pickle.loads(pickle.dumps(formula))
    assert again == formula
    assert hash(again) == hash(formula)
    assert {formula, again} == {formula}
    with pytest.raises(AttributeError):
        formula.text = "other"  # type: ignore[misc]


@pytest.mark.parametrize("text", ["y ~ a*b + log(x) + F(h, 1, 10) + (a > 3):`x y`", "~ F(x, -3, exclude=F) + (!a)"])
def test_the_text_of_terms_can_be_read_again(text: str) -> None:
    formula = parse_formula(text)
    assert parse_formula(" + ".join(term.text for term in formula.terms)).terms == formula.terms


def test_five_thousand_columns() -> None:
    names = [f"column_{number}" for number in range(5000)]
    assert terms("y ~ " + " + ".join(names)) == names


def test_the_text_is_kept_as_typed() -> None:
    assert parse_formula("  ArrDelay+DayOfWeek ").text == "ArrDelay+DayOfWeek"


def test_importing_formulas_does_not_import_formulaic() -> None:
    code = "import sys, rxcore.formula; print([name for name in ('formulaic', 'scipy') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- against R's rules, spelled out a second time over sets --------------------------------------------------------

Sets = frozenset[frozenset[str]]


@st.composite
def sums(draw: st.DrawFn, depth: int = 2) -> tuple[str, Sets]:
    """A formula's right-hand side and the set of its terms, each a set of names."""
    if depth == 0 or draw(st.booleans()):
        name = draw(st.sampled_from("abcde"))
        return name, frozenset({frozenset({name})})
    left, first = draw(sums(depth=depth - 1))
    right, second = draw(sums(depth=depth - 1))
    products = frozenset(one | other for one in first for other in second)
    operator = draw(st.sampled_from("+:*/-"))
    if operator == "/":
        everything = frozenset().union(*first)
        meaning = first | {everything | other for other in second}
    elif operator == "-" and first == second:
        operator, meaning = "+", first
    else:
        meaning = {"+": first | second, ":": products, "*": first | second | products, "-": first - second}[operator]
    if not meaning:
        operator, meaning = "+", first | second
    return f"({left} {operator} {right})", frozenset(meaning)


@settings(max_examples=50, deadline=None)
@given(sums())
def test_expansion_is_that_of_sets(case: tuple[str, Sets]) -> None:
    text, meaning = case
    found: Formula = parse_formula(f"y ~ {text}")
    as_sets = [frozenset(part.text for part in term.parts) for term in found.terms]
    assert frozenset(as_sets) == meaning
    assert len(as_sets) == len(set(as_sets))
