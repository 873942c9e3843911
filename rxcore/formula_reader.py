"""Check the grammar of a formula's right-hand side, and make a part of every operand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

from rxcore.formula_algebra import EVERYTHING, Piece
from rxcore.lexer import CONSTANTS, FORBIDDEN_WORDS, WORD_OPERATORS, Lexeme, closing, fail, is_call, is_dunder

_OPERATORS = frozenset({"+", "-", "*", "/", ":", "^", "**", "%in%"})
_CONDITIONS = frozenset({"<", "<=", ">", ">=", "==", "!=", "&", "&&", "|", "||", "!"})
_MAX_EXPONENT = 100

PartT = TypeVar("PartT")


class TermReader:
    """Reads ``a*b + log(c) - 1`` into pieces.

    Parameters
    ----------
    text : str
        The whole formula, for error messages.
    lexemes : sequence of Lexeme
        Those of the right-hand side.
    operand : callable
        Gives the key of the part made from ``lexemes[first:last]``.
    """

    def __init__(self, text: str, lexemes: Sequence[Lexeme], operand: Callable[[Sequence[Lexeme]], str]) -> None:
        self.text = text
        self.lexemes = lexemes
        self.operand = operand
        self.pieces: list[Piece] = []
        self.index = 0
        self.wants_operand = True

    def read(self) -> list[Piece]:
        """The pieces, operands and operators alternating as they must."""
        while self.index < len(self.lexemes):
            lexeme = self.lexemes[self.index]
            if self.wants_operand:
                self._operand(lexeme)
            else:
                self._operator(lexeme)
        if self.wants_operand:
            last = self.lexemes[-1].text if self.lexemes else "~"
            fail(self.text, len(self.text), f"formula: a term is missing after '{last}'")
        return self.pieces

    def _put(self, piece: Piece, used: int = 1) -> None:
        self.pieces.append(piece)
        self.index += used

    def _operand(self, lexeme: Lexeme) -> None:
        if lexeme.kind == "operator":
            self._sign(lexeme)
        elif lexeme.kind == "open":
            self._open(lexeme)
        elif lexeme.kind == "number":
            self._number(lexeme)
        elif lexeme.kind in ("name", "quoted"):
            self._name(lexeme)
        elif lexeme.kind == "string":
            fail(self.text, lexeme.start, "formula: text cannot be a term; a column name with spaces needs back-quotes")
        else:
            before = self.lexemes[self.index - 1].text if self.index else "~"
            fail(self.text, lexeme.start, f"formula: a term is missing between '{before}' and '{lexeme.text}'")

    def _sign(self, lexeme: Lexeme) -> None:
        """``-1`` at the start of a group, or ``+ -1``: the sign joins the plus or minus before it."""
        if lexeme.text == "!":
            self._refuse_condition(lexeme)
        if lexeme.text not in "+-":
            before = self.lexemes[self.index - 1].text if self.index else "~"
            fail(self.text, lexeme.start, f"formula: a term is missing between '{before}' and '{lexeme.text}'")
        previous = self.pieces[-1] if self.pieces else None
        if previous is None or previous.text == "(":
            self._put(Piece("operator", lexeme.text, lexeme.start))
        elif previous.text in "+-":
            joined = "+" if previous.text == lexeme.text else "-"
            self.pieces[-1] = Piece("operator", joined, previous.position)
            self.index += 1
        else:
            message = f"formula: a sign cannot follow '{previous.text}'; arithmetic goes inside I(...)"
            fail(self.text, lexeme.start, message)

    def _open(self, lexeme: Lexeme) -> None:
        if lexeme.text == "[":
            fail(self.text, lexeme.start, "formula: '[' has no meaning here; write the column name alone")
        end = closing(self.lexemes, self.index)
        inside = self.lexemes[self.index + 1 : end]
        if _is_condition(inside):
            self._part(self.index, end + 1)
        else:
            self._put(Piece("bracket", "(", lexeme.start))

    def _number(self, lexeme: Lexeme) -> None:
        previous = self.pieces[-1].text if self.pieces else ""
        if previous in ("^", "**"):
            if not isinstance(lexeme.value, int) or not 1 <= lexeme.value <= _MAX_EXPONENT:
                message = f"formula: the power of a crossing must be a whole number from 1 to {_MAX_EXPONENT}"
                fail(self.text, lexeme.start, message)
            self._put(Piece("exponent", str(lexeme.value), lexeme.start))
        elif lexeme.value in (0, 1):
            self._put(Piece("operand", str(lexeme.value), lexeme.start))
        else:
            message = f"formula: {lexeme.text} cannot be a term; the only numbers are 0 and 1, for the intercept"
            fail(self.text, lexeme.start, message, "Arithmetic goes inside I(...), as in I(2*x).")
        self.wants_operand = False

    def _name(self, lexeme: Lexeme) -> None:
        if self.pieces and self.pieces[-1].text in ("^", "**"):
            fail(self.text, lexeme.start, "formula: the power of a crossing must be a whole number")
        if lexeme.text == EVERYTHING:
            self._put(Piece("operand", EVERYTHING, lexeme.start))
            self.wants_operand = False
            return
        if is_call(self.lexemes, self.index):
            self._part(self.index, closing(self.lexemes, self.index + 1) + 1)
            return
        if lexeme.kind == "name":
            if lexeme.text == "not":
                self._refuse_condition(lexeme)
            reserved = lexeme.text in CONSTANTS or lexeme.text in WORD_OPERATORS or lexeme.text in FORBIDDEN_WORDS
            if reserved or is_dunder(lexeme.text):
                message = f"formula: {lexeme.text!r} cannot be a term; a column of that name needs back-quotes"
                fail(self.text, lexeme.start, message)
        self._part(self.index, self.index + 1)

    def _part(self, first: int, last: int) -> None:
        key = self.operand(self.lexemes[first:last])
        self._put(Piece("operand", key, self.lexemes[first].start), used=last - first)
        self.wants_operand = False

    def _operator(self, lexeme: Lexeme) -> None:
        if lexeme.kind == "close":
            self._put(Piece("bracket", ")", lexeme.start))
            return
        if lexeme.text in _CONDITIONS or lexeme.text in WORD_OPERATORS:
            self._refuse_condition(lexeme)
        if lexeme.kind == "operator" and lexeme.text in _OPERATORS:
            self._put(Piece("operator", lexeme.text, lexeme.start))
            self.wants_operand = True
            return
        if lexeme.kind == "operator":
            hint = "; arithmetic goes inside I(...)" if lexeme.text in ("%", "%%", "//", "%/%") else ""
            fail(self.text, lexeme.start, f"formula: '{lexeme.text}' has no meaning here{hint}")
        if lexeme.kind == "comma":
            fail(self.text, lexeme.start, "formula: ',' has no meaning here; terms are joined by +")
        shown = f"'{lexeme.text}'"
        fail(self.text, lexeme.start, f"formula: an operator (+ : * / ^ -) is missing before {shown}")

    def _refuse_condition(self, lexeme: Lexeme) -> NoReturn:
        message = f"formula: a condition such as 'a {lexeme.text} b' needs parentheses around it to be a term"
        if lexeme.text in ("!", "not"):
            message = "formula: a condition such as '!a' needs parentheses around it to be a term"
        fail(self.text, lexeme.start, message)


def _is_condition(inside: Sequence[Lexeme]) -> bool:
    """Whether a group is a condition, ``(a > 3 & b == 2)``, rather than a group of terms."""
    depth = 0
    for index, lexeme in enumerate(inside):
        depth += (lexeme.kind == "open") - (lexeme.kind == "close")
        if depth:
            continue
        word = lexeme.kind == "name" and lexeme.text in WORD_OPERATORS
        if word or (lexeme.kind == "operator" and lexeme.text in _CONDITIONS):
            return True
        if lexeme.text == "%in%" and index + 1 < len(inside):
            # Before a list of values it asks for membership; before a term it means nesting.
            after = inside[index + 1]
            if after.text in ("c", "[") or after.kind in ("string", "number"):
                return True
    return False
