from __future__ import annotations

import re
from typing import Any

import pytest

from rxcore.errors import FormulaError
from rxcore.formula import parse_formula

MESSAGES = [
    ("", "formula: it is empty; write for instance 'y ~ a + b'"),
    ("   ", "formula: it is empty"),
    ("~", "formula: a term is missing after '~'"),
    ("y ~", "formula: a term is missing after '~'"),
    ("y ~ a +", "formula: a term is missing after '+'"),
    ("y ~ + ", "formula: a term is missing after '+'"),
    ("y ~ a + * b", "formula: a term is missing between '+' and '*'"),
    ("y ~ * b", "formula: a term is missing between '~' and '*'"),
    ("y ~ ()", "formula: a term is missing between '(' and ')'"),
    ("y ~ a b", "formula: an operator (+ : * / ^ -) is missing before 'b'"),
    ("y ~ a[1]", "formula: an operator (+ : * / ^ -) is missing before '['"),
    ("y ~ [a]", "formula: '[' has no meaning here"),
    ("y ~ (a", "formula: '(' is never closed"),
    ("y ~ a)", "formula: ')' closes nothing"),
    ("y ~ (a]", "formula: ']' closes nothing"),
    ("y ~ a ~ b", "formula: there is a second '~'"),
    ("(y ~ a)", "formula: '~' cannot stand inside parentheses"),
    ("y ~ x^2", "formula: x^2 would cross x with itself, which is x again; write I(x^2) for the power"),
    ("y ~ x**3", "formula: x^3 would cross x with itself, which is x again; write I(x^3) for the power"),
    ("y ~ (a + b)^0", "the power of a crossing must be a whole number from 1 to 100"),
    ("y ~ (a + b)^1.5", "the power of a crossing must be a whole number from 1 to 100"),
    ("y ~ (a + b)^c", "formula: the power of a crossing must be a whole number"),
    ("y ~ 2*x", "formula: 2 cannot be a term; the only numbers are 0 and 1, for the intercept"),
    ("y ~ a*-b", "formula: a sign cannot follow '*'; arithmetic goes inside I(...)"),
    ("y ~ a %% 2", "formula: '%%' has no meaning here; arithmetic goes inside I(...)"),
    ("y ~ a = b", "formula: '=' has no meaning here"),
    ("y ~ a, b", "formula: ',' has no meaning here; terms are joined by +"),
    ("y ~ a > 3", "formula: a condition such as 'a > b' needs parentheses around it to be a term"),
    ("y ~ a and b", "formula: a condition such as 'a and b' needs parentheses"),
    ("y ~ !a", "formula: a condition such as '!a' needs parentheses"),
    ("y ~ not a", "formula: a condition such as '!a' needs parentheses"),
    ("y ~ 'a'", "formula: text cannot be a term; a column name with spaces needs back-quotes"),
    ("y ~ TRUE", "formula: 'TRUE' cannot be a term; a column of that name needs back-quotes"),
    ("y ~ lambda", "formula: 'lambda' cannot be a term"),
    ("y ~ __class__", "formula: '__class__' cannot be a term"),
    ("y ~ a$b", "formula: character '$' is not allowed here. Write the column name alone."),
    ("y ~ a; b", "formula: character ';' is not allowed here."),
    ("y ~ ``", "formula: a name between back-quotes cannot be empty"),
    ("y ~ `a", "formula: the ` opened here is never closed"),
    ("y ~ 1x", "formula: this number cannot be read; a name that starts with a digit needs back-quotes"),
    ("y ~ poly(x, 2)", "function 'poly' needs all rows at once; not available in a streaming formula"),
    ("y ~ bs(x)", "function 'bs' needs all rows at once; not available in a streaming formula"),
    ("y ~ scale(x)", "function 'scale' needs all rows at once"),
    ("y ~ min(x)", "min() of one column needs all rows at once; not available in a streaming formula"),
    ("y ~ log(offset(e))", "offset() is a term of its own"),
    ("y ~ x:offset(e)", "formula: offset(e) can only be added as a term of its own"),
    ("y ~ x + offset()", "formula: offset() takes one argument"),
    ("y ~ x + offset(2)", "formula: offset(2) reads no column"),
    ("y ~ factor(a)", "function 'factor' is not allowed: string and factor columns are categorical as they are"),
    ("y ~ foor(a)", "function 'foor' is not allowed. Closest: 'floor'"),
    ("y ~ foor(a)", "Allowed are column names, numbers, strings"),
    ("y ~ cbind(a, b)", "cbind() names several responses: it stands alone, left of ~"),
    ("cbind() ~ a", "formula: cbind() needs column names, separated by commas"),
    ("cbind(a,) ~ b", "formula: cbind() needs column names, separated by commas"),
    ("1 ~ a", "formula: the response '1' reads no column"),
    ("y ~ I(2)", "formula: 'I(2)' reads no column, so it cannot be a term"),
    ("F(y) ~ a", "F(x) makes categories: it stands alone"),
    ("y ~ I(F(x))", "F(x) makes categories: it stands alone"),
    ("y ~ .:a", "formula: '.' (every column) can only be added or taken away"),
    ("y ~ .^2", "formula: '.' (every column) can only be added or taken away"),
    ("y ~ a - .", "formula: '.' stands for every column and cannot be taken away"),
    ("y ~ 1:a", "formula: the intercept switch 1 can only be added or taken away"),
    ("y ~ (a - 1)*b", "formula: the intercept switch 0 can only be added or taken away"),
    ("y ~ 0", "formula: nothing is left right of '~', neither a term nor the intercept"),
    ("y ~ F()", "formula: the first argument of F() must be a column name"),
    ("y ~ F(log(x))", "formula: the first argument of F() must be a column name"),
    ("y ~ F(x, 1.5)", "formula: low of F() must be a whole number; got 1.5"),
    ("y ~ F(x, 1, )", "formula: high of F() must be a whole number; got nothing"),
    ("y ~ F(x, 10, 1)", "formula: low of F() must not be above high; got 10 and 1"),
    ("y ~ F(x, 1, 10, maybe)", "formula: exclude of F() must be TRUE or FALSE; got maybe"),
    ("y ~ F(x, lo=1)", "formula: argument 'lo' of F() is unknown; allowed are low, high and exclude"),
    ("y ~ F(x, low=1, low=2)", "formula: argument 'low' of F() stands twice"),
    ("y ~ F(x, 1, 2, TRUE, 4)", "formula: F() takes at most 4 arguments; got 5"),
]


@pytest.mark.parametrize(("text", "message"), MESSAGES)
def test_message(text: str, message: str) -> None:
    with pytest.raises(FormulaError, match=re.escape(message)):
        parse_formula(text)


@pytest.mark.parametrize(
    ("text", "caret"), [("y ~ a b", 6), ("y ~ a +", 7), ("y ~ (a", 4), ("y ~ a ~ b", 6), ("y ~ a + 'b'", 8)]
)
def test_a_caret_stands_under_the_place(text: str, caret: int) -> None:
    with pytest.raises(FormulaError) as caught:
        parse_formula(text)
    _, shown, below = str(caught.value).split("\n")[:3]
    assert shown == f"  {text}"
    assert below == f"  {' ' * caret}^"


def test_a_long_formula_is_shown_around_the_place() -> None:
    text = " + ".join(f"column_{number}" for number in range(100)) + " + ?"
    with pytest.raises(FormulaError) as caught:
        parse_formula(text)
    lines = str(caught.value).split("\n")
    assert all(len(line) < 125 for line in lines)
    assert lines[1][lines[2].index("^")] == "?"


def test_an_error_inside_a_part_names_the_formula() -> None:
    with pytest.raises(FormulaError, match=re.escape("formula 'y ~ a + log(x[1])': expression: a subscript")):
        parse_formula("y ~ a + log(x[1])")


@pytest.mark.parametrize("formula", [None, 3, ["y ~ a"], b"y ~ a"])
def test_only_text_is_a_formula(formula: Any) -> None:
    with pytest.raises((FormulaError, TypeError), match=r"must be text; got|unhashable"):
        parse_formula(formula)


def test_a_response_where_one_is_needed() -> None:
    assert parse_formula("y ~ a", response_required=True).responses
    for text in ("~ a", "a + b"):
        with pytest.raises(
            FormulaError, match=rf"a response is needed; got {re.escape(repr(text))}, write for instance"
        ):
            parse_formula(text, response_required=True)


def test_no_response_where_none_is_allowed() -> None:
    assert not parse_formula("~ a", response_required=False).responses
    with pytest.raises(FormulaError, match=r"no response is allowed here; got 'y ~ a', write for instance '~ a \+ b'"):
        parse_formula("y ~ a", response_required=False)


HOSTILE = {
    "nesting": "y ~ " + "(" * 5000 + "a" + ")" * 5000,
    "length": "y ~ " + "a" * 300_000,
    "crossing": "y ~ (" + " + ".join(f"a{n}" for n in range(60)) + ")^40",
    "interaction": "y ~ " + ":".join("(" + " + ".join(f"{c}{n}" for n in range(40)) + ")" for c in "abcd"),
    "import": "y ~ __import__('os').system('true')",
    "class": "y ~ ().__class__.__bases__",
    "power": "y ~ I(9**9**9**9)",
    "signs": "y ~ I(" + "-" * 9000 + "a)",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_formulas_are_refused_at_once(name: str) -> None:
    with pytest.raises(FormulaError):
        parse_formula(HOSTILE[name])


def test_a_chain_of_signs_is_no_problem() -> None:
    assert [term.text for term in parse_formula("y ~ a " + "+ - " * 2000 + " b + b").terms] == ["a", "b"]
