"""Cut the text of a formula or expression into pieces, with limits, so that nothing later has to distrust it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn

from rxcore.errors import FormulaError

MAX_EXPRESSION_LENGTH = 10_000
MAX_FORMULA_LENGTH = 200_000
MAX_NESTING = 100

Kind = Literal["name", "quoted", "number", "string", "operator", "open", "close", "comma"]

# Words that would mean something else if they were read as a column; a column of that name needs back-quotes.
CONSTANTS: dict[str, float | bool | None] = {
    "TRUE": True,
    "True": True,
    "FALSE": False,
    "False": False,
    "NA": None,
    "NaN": None,
    "None": None,
    "NULL": None,
    "Inf": float("inf"),
}
WORD_OPERATORS = frozenset({"and", "or", "not", "in"})
FORBIDDEN_WORDS = {
    "if": "write ifelse(test, a, b)",
    "else": "write ifelse(test, a, b)",
    "for": "loops are not needed: expressions work on whole columns",
    "while": "loops are not needed: expressions work on whole columns",
    "lambda": "give a Python function to `transforms` or `transform_function` instead",
    "function": "give a Python function to `transforms` or `transform_function` instead",
    "is": "write is_na(x) or x == value",
    "await": "",
    "async": "",
    "yield": "",
    "import": "",
}

_NAME = re.compile(r"(?:[^\W\d]|\.(?!\d))[\w.]*")
_NUMBER = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?L?(?![\w.])")
_OPERATOR = re.compile(r"%in%|%/%|%%|\*\*|//|<=|>=|==|!=|&&|\|\||[-+*/%^&|!~:<>=]")
_SPACE = re.compile(r"\s+")
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", '"': '"', "'": "'", "`": "`"}
_CLOSERS = {"(": ")", "[": "]"}
_HINTS = {
    "$": " Write the column name alone.",
    ";": " One expression at a time.",
    "{": " Braces have no meaning here.",
    "}": " Braces have no meaning here.",
}


@dataclass(frozen=True, slots=True)
class Lexeme:
    """One piece of text. ``value`` is what it means: a name without back-quotes, a string without quotes, a number."""

    kind: Kind
    text: str
    start: int
    value: str | float | int = ""

    @property
    def end(self) -> int:
        """Position after the last character."""
        return self.start + len(self.text)


def fail(text: str, position: int | None, message: str, advice: str = "") -> NoReturn:
    """Raise FormulaError with the text, a caret under the place, and what to do on the last line."""
    raise FormulaError(message + _picture(text, position) + (f"\n  {advice}" if advice else ""))


def _picture(text: str, position: int | None) -> str:
    """The text on a line of its own (a window of a long one), a caret below it."""
    flat = _SPACE.sub(lambda match: " " * len(match.group()), text)
    if position is None:
        return f"\n  {flat[:117]}..." if len(flat) > 120 else f"\n  {flat}"
    first, last = 0, len(flat)
    if len(flat) > 120:
        first, last = max(0, position - 50), min(len(flat), position + 60)
    left = "..." if first else ""
    right = "..." if last < len(flat) else ""
    return f"\n  {left}{flat[first:last]}{right}\n  {' ' * (len(left) + position - first)}^"


def lex(text: str, what: str, max_length: int) -> list[Lexeme]:
    """The pieces of ``text``, brackets balanced and nested at most ``MAX_NESTING`` deep.

    Parameters
    ----------
    text : str
    what : {"expression", "formula"}
        How errors name it.
    max_length : int
        Characters allowed.

    Raises
    ------
    FormulaError
        For a text that is too long, nested too deeply, unbalanced, or holds a character without meaning here.
    """
    if not isinstance(text, str):
        raise FormulaError(f"{what}: must be text; got {type(text).__name__}: {text!r:.80}")
    if len(text) > max_length:
        raise FormulaError(f"{what}: {len(text):,} characters are too many; at most {max_length:,} are read")
    lexemes: list[Lexeme] = []
    brackets: list[Lexeme] = []
    position = 0
    while position < len(text):
        space = _SPACE.match(text, position)
        if space:
            position = space.end()
            continue
        lexeme = _next(text, position, what)
        _track_brackets(text, what, lexeme, brackets)
        lexemes.append(lexeme)
        position = lexeme.end
    if brackets:
        fail(text, brackets[-1].start, f"{what}: '{brackets[-1].text}' is never closed")
    if not lexemes:
        example = "y ~ a + b" if what == "formula" else "log(x)"
        raise FormulaError(f"{what}: it is empty; write for instance {example!r}")
    return lexemes


def _track_brackets(text: str, what: str, lexeme: Lexeme, brackets: list[Lexeme]) -> None:
    if lexeme.kind == "open":
        brackets.append(lexeme)
        if len(brackets) > MAX_NESTING:
            fail(text, lexeme.start, f"{what}: brackets nest deeper than {MAX_NESTING}")
    elif lexeme.kind == "close":
        if not brackets or _CLOSERS[brackets[-1].text] != lexeme.text:
            fail(text, lexeme.start, f"{what}: '{lexeme.text}' closes nothing")
        brackets.pop()


def _next(text: str, position: int, what: str) -> Lexeme:
    char = text[position]
    if char in "\"'`":
        return _quoted(text, position, what)
    match = _NUMBER.match(text, position)
    if match:
        return Lexeme("number", match.group(), position, _number(text, position, match.group(), what))
    match = _NAME.match(text, position)
    if match:
        return Lexeme("name", match.group(), position, match.group())
    match = _OPERATOR.match(text, position)
    if match:
        return Lexeme("operator", match.group(), position)
    if char in "([":
        return Lexeme("open", char, position)
    if char in ")]":
        return Lexeme("close", char, position)
    if char == ",":
        return Lexeme("comma", char, position)
    if char.isdigit() or char == ".":
        fail(text, position, f"{what}: this number cannot be read; a name that starts with a digit needs back-quotes")
    fail(text, position, f"{what}: character {char!r} is not allowed here.{_HINTS.get(char, '')}")


def _number(text: str, position: int, digits: str, what: str) -> float | int:
    value = float(digits.rstrip("L"))
    if value == float("inf"):
        fail(text, position, f"{what}: number {digits:.40} is beyond the range of float64")
    if value.is_integer() and abs(value) < 2**53:
        return int(value)
    plain = digits.rstrip("L")
    # Integers above 2**53 keep their digits: 64-bit identifiers are compared exactly.
    return int(plain) if plain.isdigit() and len(plain) <= 19 else value


def _quoted(text: str, position: int, what: str) -> Lexeme:
    quote = text[position]
    value: list[str] = []
    index = position + 1
    while index < len(text) and text[index] != quote:
        if text[index] == "\\":
            index += 1
            if index >= len(text) or text[index] not in _ESCAPES:
                fail(text, index - 1, f"{what}: unknown escape; known are \\n \\t \\\\ \\' \\\" \\`")
            value.append(_ESCAPES[text[index]])
        else:
            value.append(text[index])
        index += 1
    if index >= len(text):
        fail(text, position, f"{what}: the {quote} opened here is never closed")
    word = "".join(value)
    if quote == "`" and not word:
        fail(text, position, f"{what}: a name between back-quotes cannot be empty")
    return Lexeme("quoted" if quote == "`" else "string", text[position : index + 1], position, word)


def is_call(lexemes: Sequence[Lexeme], index: int) -> bool:
    """Whether the name at ``index`` is followed by an opening parenthesis."""
    return lexemes[index].kind == "name" and index + 1 < len(lexemes) and lexemes[index + 1].text == "("


def closing(lexemes: Sequence[Lexeme], opening: int) -> int:
    """Index of the bracket that closes the one at ``opening``."""
    depth = 0
    for index in range(opening, len(lexemes)):
        if lexemes[index].kind == "open":
            depth += 1
        elif lexemes[index].kind == "close":
            depth -= 1
            if depth == 0:
                return index
    raise AssertionError("lex() balances brackets")


def write_name(name: str) -> str:
    """A column name as it must stand in a formula: back-quoted unless it is a plain name."""
    reserved = name in CONSTANTS or name in WORD_OPERATORS or name in FORBIDDEN_WORDS or name == "."
    if _NAME.fullmatch(name) and not reserved and not is_dunder(name):
        return name
    return _write_quoted(name, "`")


def write_string(value: str) -> str:
    """A string constant in double quotes."""
    return _write_quoted(value, '"')


def _write_quoted(value: str, quote: str) -> str:
    escaped = value.replace("\\", "\\\\").replace(quote, "\\" + quote).replace("\n", "\\n").replace("\t", "\\t")
    return f"{quote}{escaped}{quote}"


def is_dunder(name: str) -> bool:
    """Whether a bare name looks like a way into Python's insides; such a column must be back-quoted."""
    return name.startswith("__") or ".__" in name
