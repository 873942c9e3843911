"""The syntax of expressions: text to a small frozen tree, through Python's `ast`.

Every operand is replaced by a placeholder name before Python's parser sees the text, so that nothing a user types can
become an attribute, a call of something foreign or a constant of unbounded size.
"""

from __future__ import annotations

import ast
from difflib import get_close_matches
from functools import lru_cache
from typing import NoReturn

from rxcore.errors import FormulaError
from rxcore.expression_nodes import Call, Chain, Compare, Constant, Logic, Member, Name, Node, Plain, Power, Unary
from rxcore.lexer import (
    CONSTANTS,
    FORBIDDEN_WORDS,
    MAX_EXPRESSION_LENGTH,
    MAX_NESTING,
    WORD_OPERATORS,
    Lexeme,
    fail,
    is_call,
    is_dunder,
    lex,
)

# Python's parser nests one level for each operator of a chain; beyond this it might run out of stack.
MAX_PIECES = 3_000
# name -> (fewest, most arguments)
FUNCTIONS: dict[str, tuple[int, int]] = {
    "log": (1, 2),
    **dict.fromkeys(["log2", "log10", "log1p", "exp", "expm1", "sqrt", "abs", "floor", "ceil", "ceiling"], (1, 1)),
    **dict.fromkeys(["trunc", "sign", "sin", "cos", "tan", "I", "N", "as_float", "as.numeric"], (1, 1)),
    **dict.fromkeys(["is_na", "is.na", "is_missing"], (1, 1)),
    **dict.fromkeys(["year", "month", "day", "hour", "weekday"], (1, 1)),
    **dict.fromkeys(["min", "max", "pmin", "pmax"], (2, 1000)),
    "round": (1, 2),
    "pow": (2, 2),
    "ifelse": (3, 3),
    "where": (3, 3),
}
# Functions of one column that need every row before they can answer for one.
NEEDS_ALL_ROWS = frozenset(
    {
        *("poly", "bs", "ns", "cr", "cc", "te", "lo", "spline", "cut"),
        *("scale", "center", "standardize", "mean", "median", "sd", "std", "var", "sum", "quantile"),
        *("cumsum", "cumprod", "rank", "order", "diff", "lag", "lead", "shift", "rolling"),
    }
)
# R's and patsy's ways to say "categorical"; here the column itself knows.
CATEGORICAL_WRAPPERS = frozenset({"factor", "as.factor", "as_factor", "C", "ordered", "interaction"})

_TO_PYTHON = {"^": "**", "&": "and", "&&": "and", "|": "or", "||": "or", "!": "not"}
_TO_PYTHON |= {"%%": "%", "%/%": "//", "%in%": "in"}
_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Mod: "%%",
    ast.FloorDiv: "%/%",
}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
ALLOWED = (
    "Allowed are column names, numbers, strings, + - * / ^ ** % //, comparisons, in, & | ! and or not, "
    "and the functions " + ", ".join(FUNCTIONS)
)


@lru_cache(maxsize=4096)
def parse_tree(text: str) -> Node:
    """The tree of an expression.

    Raises
    ------
    FormulaError
        When the text cannot be read or uses something that is not allowed; the message names the piece.
    """
    lexemes = lex(text, "expression", MAX_EXPRESSION_LENGTH)
    if len(lexemes) > MAX_PIECES:
        raise FormulaError(f"expression: {len(lexemes):,} pieces are too many; at most {MAX_PIECES:,} are read")
    pieces = _python_pieces(text, lexemes)
    try:
        tree = ast.parse(" ".join(pieces), mode="eval").body
    except SyntaxError as error:
        fail(text, _typed_position(text, lexemes, pieces, error.offset or 0), "expression: cannot be read here")
    except (RecursionError, MemoryError):
        raise FormulaError(_too_deep(text)) from None
    return _Reader(text, lexemes).node(tree, 0)


def _too_deep(text: str) -> str:
    return f"expression: nested deeper than {MAX_NESTING}: {text[:60]!r}..."


def _python_pieces(text: str, lexemes: list[Lexeme]) -> list[str]:
    """Python's spelling of every piece, operand number i called ``_i``; refuses what no expression may hold."""
    pieces: list[str] = []
    for index, lexeme in enumerate(lexemes):
        if lexeme.kind == "operator":
            if lexeme.text in ("~", ":", "="):
                hint = {"~": "write ! or not", ":": "interactions belong to formulas", "=": "write == to compare"}
                fail(text, lexeme.start, f"expression: '{lexeme.text}' is not allowed here; {hint[lexeme.text]}")
            pieces.append(_TO_PYTHON.get(lexeme.text, lexeme.text))
        elif lexeme.kind in ("open", "close", "comma") or lexeme.text in WORD_OPERATORS:
            pieces.append(lexeme.text)
        else:
            if lexeme.kind == "name":
                _check_word(text, lexeme, is_call(lexemes, index))
            pieces.append(f"_{index}")
    return pieces


def _check_word(text: str, lexeme: Lexeme, called: bool) -> None:
    word = lexeme.text
    if word in FORBIDDEN_WORDS:
        hint = FORBIDDEN_WORDS[word]
        what = f"expression: {word!r} is not allowed" + (f"; {hint}" if hint else "")
        fail(text, lexeme.start, what, f"A column of that name needs back-quotes. {ALLOWED}")
    if is_dunder(word):
        what = f"expression: name {word!r} is not allowed"
        fail(text, lexeme.start, what, f"A column of that name needs back-quotes. {ALLOWED}")
    if word == ".":
        fail(text, lexeme.start, "expression: '.' stands for all columns only as a term of a formula")
    if called and word not in FUNCTIONS and word != "c":
        what, advice = unknown_function(word)
        fail(text, lexeme.start, f"expression: {what}", advice)


def unknown_function(word: str) -> tuple[str, str]:
    """Why a function cannot be called, and what to do instead."""
    if word in NEEDS_ALL_ROWS:
        return (
            f"function {word!r} needs all rows at once; not available in a streaming formula",
            "Compute the column beforehand, in the data or with rx_data_step.",
        )
    if word in CATEGORICAL_WRAPPERS:
        return (
            f"function {word!r} is not allowed: string and factor columns are categorical as they are",
            "Write F(x) for the integer bins of a number, or make the column a factor when importing.",
        )
    if word == "F":
        return "F(x) makes categories: it stands alone as a part of a formula term, never inside an expression", ""
    if word == "offset":
        return "offset() is a term of its own", "Add it to the right-hand side of a model: y ~ x + offset(log(z))."
    if word == "cbind":
        return "cbind() names several responses: it stands alone, left of ~", ""
    closest = get_close_matches(word, [*FUNCTIONS], n=1)
    hint = f". Closest: {closest[0]!r}" if closest else ""
    return f"function {word!r} is not allowed{hint}", ALLOWED


def _typed_position(text: str, lexemes: list[Lexeme], pieces: list[str], offset: int) -> int:
    """Where the user typed the piece that Python complains about; ``offset`` counts from 1 in the joined pieces."""
    if offset < 1:  # Python's way to say that the text ended too early
        return len(text)
    start = 1
    for lexeme, piece in zip(lexemes, pieces, strict=True):
        if offset < start + len(piece):
            return lexeme.start
        start += len(piece) + 1
    return len(text)


class _Reader:
    """Turns Python's tree over placeholders into ours."""

    def __init__(self, text: str, lexemes: list[Lexeme]) -> None:
        self.text = text
        self.lexemes = lexemes

    def node(self, tree: ast.expr, depth: int) -> Node:
        if depth > MAX_NESTING:
            raise FormulaError(_too_deep(self.text))
        if isinstance(tree, ast.Name):
            return self._operand(self._lexeme(tree))
        if isinstance(tree, ast.BinOp):
            return self._binary(tree, depth)
        if isinstance(tree, ast.UnaryOp):
            return self._unary(tree, depth)
        if isinstance(tree, ast.BoolOp):
            operator = "&" if isinstance(tree.op, ast.And) else "|"
            return Logic(operator, tuple(self.node(value, depth + 1) for value in tree.values))
        if isinstance(tree, ast.Compare):
            return self._compare(tree, depth)
        if isinstance(tree, ast.Call):
            return self._call(tree, depth)
        return self._refuse(tree)

    def _lexeme(self, tree: ast.Name) -> Lexeme:
        return self.lexemes[int(tree.id[1:])]

    def _operand(self, lexeme: Lexeme) -> Node:
        if lexeme.kind in ("number", "string"):
            return Constant(lexeme.value)
        if lexeme.kind == "name" and lexeme.text in CONSTANTS:
            return Constant(CONSTANTS[lexeme.text])
        return Name(str(lexeme.value))

    def _binary(self, tree: ast.BinOp, depth: int) -> Node:
        if isinstance(tree.op, ast.Pow):
            return Power(self.node(tree.left, depth + 1), self.node(tree.right, depth + 1))
        additive = isinstance(tree.op, (ast.Add, ast.Sub))
        level = (ast.Add, ast.Sub) if additive else (ast.Mult, ast.Div, ast.Mod, ast.FloorDiv)
        rest: list[tuple[str, Node]] = []
        left: ast.expr = tree
        while isinstance(left, ast.BinOp) and isinstance(left.op, level):
            rest.append((_ARITHMETIC[type(left.op)], self.node(left.right, depth + 1)))
            left = left.left
        return Chain(self.node(left, depth + 1), tuple(reversed(rest)))

    def _unary(self, tree: ast.UnaryOp, depth: int) -> Node:
        operand = self.node(tree.operand, depth + 1)
        if isinstance(tree.op, ast.Not):
            return Unary("!", operand)
        sign = "-" if isinstance(tree.op, ast.USub) else "+"
        if sign == "-" and isinstance(operand, Constant) and type(operand.value) in (int, float) and operand.value:
            return Constant(-operand.value)  # type: ignore[operator]
        return Unary(sign, operand)

    def _compare(self, tree: ast.Compare, depth: int) -> Node:
        if any(isinstance(operator, (ast.In, ast.NotIn)) for operator in tree.ops):
            if len(tree.ops) > 1:
                self._refuse(tree, "'in' cannot be chained with another comparison; put parentheses around each")
            values = self._values(tree.comparators[0], depth)
            member = Member(self.node(tree.left, depth + 1), values)
            return Unary("!", member) if isinstance(tree.ops[0], ast.NotIn) else member
        rest = []
        for operator, right in zip(tree.ops, tree.comparators, strict=True):
            if type(operator) not in _COMPARISONS:
                self._refuse(tree)
            rest.append((_COMPARISONS[type(operator)], self.node(right, depth + 1)))
        return Compare(self.node(tree.left, depth + 1), tuple(rest))

    def _values(self, tree: ast.expr, depth: int) -> tuple[Plain, ...]:
        """The constants right of ``in``: ``(1, 2)``, ``[1, 2]``, R's ``c(1, 2)``, or one alone."""
        items: list[ast.expr] = [tree]
        if isinstance(tree, (ast.Tuple, ast.List)):
            items = tree.elts
        elif isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and self._lexeme(tree.func).text == "c":
            items = tree.args
        values: list[Plain] = []
        for item in items:
            node = self.node(item, depth + 1)
            if not isinstance(node, Constant) or node.value is None:
                self._refuse(item, "only constants can stand after 'in'; for missing values write is_na(x)")
            values.append(node.value)
        if not values or len({"text" if isinstance(value, str) else "number" for value in values}) > 1:
            self._refuse(tree, "the list after 'in' must hold numbers only or text only, at least one")
        return tuple(values)

    def _call(self, tree: ast.Call, depth: int) -> Node:
        if not isinstance(tree.func, ast.Name) or not is_call(self.lexemes, int(tree.func.id[1:])):
            self._refuse(tree.func, "only a function can be called, by its plain name")
        lexeme = self._lexeme(tree.func)
        name = lexeme.text
        if name == "c":
            fail(self.text, lexeme.start, "expression: c(...) can stand only after 'in'")
        if tree.keywords or any(isinstance(argument, ast.Starred) for argument in tree.args):
            fail(self.text, lexeme.start, f"expression: {name}() takes its arguments by position, without stars")
        fewest, most = FUNCTIONS[name]
        if name in ("min", "max", "pmin", "pmax") and len(tree.args) == 1:
            what = f"expression: {name}() of one column needs all rows at once; not available in a streaming formula"
            fail(self.text, lexeme.start, what, f"{name}(a, b) of several columns works row by row.")
        if not fewest <= len(tree.args) <= most:
            wanted = f"{fewest}" if fewest == most else f"{fewest} to {most}"
            fail(self.text, lexeme.start, f"expression: {name}() takes {wanted} arguments; got {len(tree.args)}")
        return Call(name, tuple(self.node(argument, depth + 1) for argument in tree.args))

    def _refuse(self, tree: ast.expr, what: str = "") -> NoReturn:
        kinds = {"Tuple": "a list outside 'in'", "List": "a list outside 'in'", "Subscript": "a subscript"}
        shown = what or f"{kinds.get(type(tree).__name__, type(tree).__name__)} is not allowed"
        found = [self._lexeme(leaf).start for leaf in ast.walk(tree) if isinstance(leaf, ast.Name)]
        fail(self.text, min(found) if found else 0, f"expression: {shown}", ALLOWED)
