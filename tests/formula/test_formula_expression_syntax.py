from __future__ import annotations

import pickle
import re
from typing import Any

import pytest

from rxcore.errors import FormulaError
from rxcore.expressions import Expression, parse_expression


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("x", "x"),
        (" log( x ,2 ) ", "log(x, 2)"),
        ("a+b*c", "a + b * c"),
        ("(a+b)*c", "(a + b) * c"),
        ("a-(b-c)", "a - (b - c)"),
        ("(a-b)-c", "a - b - c"),
        ("a/(b/c)", "a/(b/c)"),
        ("x**2", "x^2"),
        ("-x^2", "-x^2"),
        ("(-x)^2", "(-x)^2"),
        ("(-2)^2", "(-2)^2"),
        ("2**-1", "2^-1"),
        ("x^2^3", "x^2^3"),
        ("(x^2)^3", "(x^2)^3"),
        ("x%%2", "x %% 2"),
        ("x % 2 // 3", "x %% 2 %/% 3"),
        ("a>3 & b<2 | c", "a > 3 & b < 2 | c"),
        ("a>3 and (b<2 or c)", "a > 3 & (b < 2 | c)"),
        ("(a > 3) && !(b == 1)", "a > 3 & !b == 1"),
        ("not a and b", "!a & b"),
        ("1<x<=3", "1 < x <= 3"),
        ("(1<x)==b", "(1 < x) == b"),
        ("x in (1,2)", "x %in% c(1, 2)"),
        ("x in ['a']", 'x %in% c("a")'),
        ("x not in ('a')", '!x %in% c("a")'),
        ("x %in% c(-1, 2L)", "x %in% c(-1, 2)"),
        ("ifelse(is.na(x),0,x)", "ifelse(is.na(x), 0, x)"),
        ("`dep delay`>.25", "`dep delay` > 0.25"),
        ("`x`+`in`", "x + `in`"),
        ("Solar.R+.x+x_1", "Solar.R + .x + x_1"),
        ("TRUE & False | NA", "TRUE & FALSE | NA"),
        ("1e3 + 2.0 + .5 + 1e-3", "1000 + 2 + 0.5 + 0.001"),
        ('s == "it\'s"', 's == "it\'s"'),
        (r"s == 'it\'s \"x\"\n'", r's == "it\'s \"x\"\n"'.replace("\\'", "'")),
        ("x < Inf", "x < Inf"),
        ("I(a+b)", "I(a + b)"),
        ("a\n + b", "a + b"),
    ],
)
def test_canonical_text(typed: str, canonical: str) -> None:
    expression = parse_expression(typed)
    assert expression.text == canonical
    assert parse_expression(canonical) == expression


def test_columns_come_in_order_of_first_use() -> None:
    expression = parse_expression("b + log(a) > b & c in (1, 2) | !is_na(`d e`) & 2^f > -g")
    assert expression.columns == ("b", "a", "c", "d e", "f", "g")
    assert parse_expression("1 + 2").columns == ()


def test_kinds_of_expression() -> None:
    assert parse_expression("`x y`").is_column
    assert parse_expression("(x)").is_column
    assert not parse_expression("I(x)").is_column
    assert parse_expression("I(x)").is_call
    assert not parse_expression("log(x) + 1").is_call


def test_expressions_are_frozen_hashable_and_picklable() -> None:
    expression = parse_expression("log(x)+1")
    again = pickle.loads(pickle.dumps(expression))
    assert again == expression == Expression("log(x) + 1")
    assert hash(again) == hash(expression)
    with pytest.raises(AttributeError):
        expression.text = "x"  # type: ignore[misc]


MESSAGES = [
    ("", "expression: it is empty; write for instance 'log(x)'"),
    ("a +", "expression: cannot be read here"),
    ("a b", "expression: cannot be read here"),
    ("x == ", "expression: cannot be read here"),
    ("'a' 'b'", "expression: cannot be read here"),
    ("f'{x}'", "expression: cannot be read here"),
    ("*a", "expression: cannot be read here"),
    ("(a", "expression: '(' is never closed"),
    ("a)", "expression: ')' closes nothing"),
    ("'abc", "expression: the ' opened here is never closed"),
    (r"'a\q'", r"expression: unknown escape; known are"),
    ("a = 3", "expression: '=' is not allowed here; write == to compare"),
    ("log(x=3)", "expression: '=' is not allowed here; write == to compare"),
    ("a:b", "expression: ':' is not allowed here; interactions belong to formulas"),
    ("~a", "expression: '~' is not allowed here; write ! or not"),
    (".", "expression: '.' stands for all columns only as a term of a formula"),
    ("a@b", "expression: character '@' is not allowed here."),
    ("a$b", "expression: character '$' is not allowed here. Write the column name alone."),
    ("{1}", "expression: character '{' is not allowed here. Braces have no meaning here."),
    ("a;b", "expression: character ';' is not allowed here. One expression at a time."),
    ("a\\b", "expression: character '\\\\' is not allowed here."),
    ("9e999", "expression: number 9e999 is beyond the range of float64"),
    ("x[0]", "expression: a subscript is not allowed"),
    ("x[0:2]", "expression: ':' is not allowed here"),
    ("(1, 2)", "expression: a list outside 'in' is not allowed"),
    ("[x]", "expression: a list outside 'in' is not allowed"),
    ("[x for x in y]", "expression: 'for' is not allowed; loops are not needed"),
    ("lambda x: x", "expression: 'lambda' is not allowed; give a Python function to `transforms`"),
    ("x if y else z", "expression: 'if' is not allowed; write ifelse(test, a, b)"),
    ("x is None", "expression: 'is' is not allowed; write is_na(x) or x == value"),
    ("await x", "expression: 'await' is not allowed"),
    ("yield x", "expression: 'yield' is not allowed"),
    ("__import__('os')", "expression: name '__import__' is not allowed"),
    ("().__class__", "expression: name '.__class__' is not allowed"),
    ("x.__class__", "expression: name 'x.__class__' is not allowed"),
    ("x.upper()", "expression: function 'x.upper' is not allowed"),
    ("eval('1')", "expression: function 'eval' is not allowed"),
    ("open('f')", "expression: function 'open' is not allowed"),
    ("lgo(x)", "expression: function 'lgo' is not allowed. Closest: 'log'"),
    ("lgo(x)", "Allowed are column names, numbers, strings, + - * / ^ ** % //, comparisons"),
    ("(log)(x)", "expression: only a function can be called, by its plain name"),
    ("(foo)(x)", "expression: only a function can be called, by its plain name"),
    ("`a`(x)", "expression: only a function can be called, by its plain name"),
    ("log(x)(x)", "expression: only a function can be called, by its plain name"),
    ("log()", "expression: log() takes 1 to 2 arguments; got 0"),
    ("sqrt(a, b)", "expression: sqrt() takes 1 arguments; got 2"),
    ("log(*a)", "expression: log() takes its arguments by position, without stars"),
    ("log(**a)", "expression: log() takes its arguments by position, without stars"),
    ("max(x)", "expression: max() of one column needs all rows at once; not available in a streaming formula"),
    ("max(x)", "max(a, b) of several columns works row by row."),
    ("mean(x)", "expression: function 'mean' needs all rows at once; not available in a streaming formula"),
    ("C(x)", "function 'C' is not allowed: string and factor columns are categorical as they are"),
    ("F(x)", "F(x) makes categories: it stands alone"),
    ("c(1, 2)", "expression: c(...) can stand only after 'in'"),
    ("x in y", "expression: only constants can stand after 'in'; for missing values write is_na(x)"),
    ("x in (1, NA)", "expression: only constants can stand after 'in'"),
    ("x in (1, 'a')", "expression: the list after 'in' must hold numbers only or text only, at least one"),
    ("x in ()", "expression: the list after 'in' must hold numbers only or text only, at least one"),
    ("x in (1) in (2)", "expression: 'in' cannot be chained with another comparison"),
    ("a" * 10_001, "expression: 10,001 characters are too many; at most 10,000 are read"),
    ("(" * 101 + "a" + ")" * 101, "expression: brackets nest deeper than 100"),
    ("-" * 150 + "a", "expression: nested deeper than 100"),
    ("-" * 2500 + "a", "expression: nested deeper than 100"),
    ("-" * 9000 + "a", "expression: 9,001 pieces are too many; at most 3,000 are read"),
    ("not " * 2000 + "a", "expression: nested deeper than 100"),
    ("a^" * 1400 + "a", "expression: nested deeper than 100"),
    ("+".join(["a"] * 5000), "expression: 9,999 pieces are too many; at most 3,000 are read"),
]


@pytest.mark.parametrize(("text", "message"), MESSAGES, ids=lambda text: str(text)[:30])
def test_message(text: str, message: str) -> None:
    with pytest.raises(FormulaError, match=re.escape(message)):
        parse_expression(text)


@pytest.mark.parametrize(("text", "caret"), [("a b", 2), ("a + ?", 4), ("x + eval(1)", 4), ("a +", 3), ("a +* b", 3)])
def test_a_caret_stands_under_the_place(text: str, caret: int) -> None:
    with pytest.raises(FormulaError) as caught:
        parse_expression(text)
    lines = str(caught.value).split("\n")
    assert lines[1] == f"  {text}"
    assert lines[2] == f"  {' ' * caret}^"


@pytest.mark.parametrize("value", [None, 3, ["x"], b"x"])
def test_only_text_is_an_expression(value: Any) -> None:
    with pytest.raises((FormulaError, TypeError), match=r"must be text; got|unhashable"):
        parse_expression(value)


def test_long_sums_are_no_nesting() -> None:
    assert len(parse_expression("+".join(f"a{number}" for number in range(1000))).columns) == 1000


def test_back_quotes_make_any_column_a_name() -> None:
    for name in ("__class__", "lambda", "in", "TRUE", "9x", "a`b", "a\\b", "a\nb", "log(x)"):
        quoted = name.replace("\\", "\\\\").replace("`", "\\`").replace("\n", "\\n")
        expression = parse_expression(f"`{quoted}` + 1")
        assert expression.columns == (name,)
        assert parse_expression(expression.text) == expression
