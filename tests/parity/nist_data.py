"""The Statistical Reference Datasets of the National Institute of Standards and Technology: data and certified values.

Measured sets lie in ``tests/parity/nist`` as text (they are in the public domain); those that were made up are made
here by their published construction. Nothing has to be taken on trust: ``test_parity_nist.py`` solves every regression
in fractions and finds each certified digit again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pandas as pd
from rational import inverse

FOLDER = Path(__file__).parent / "nist"
Rows = dict[str, list[Decimal]]

# What Wampler (1970) adds to an exact polynomial at x = 0 .. 20, times 1, 100 and 10,000.
_DISTURBANCE = [759, -2048, 2048, -2048, 2523, -2048, 2048, -2048, 1838, -2048, 2048]


@dataclass(frozen=True)
class Regression:
    """A certified regression: estimates and their standard deviations as printed, the constant first."""

    name: str
    formula: str
    estimates: tuple[str, ...]
    errors: tuple[str, ...]
    sigma: str
    degree: int = 1
    intercept: bool = True


@dataclass(frozen=True)
class Univariate:
    """A certified mean and standard deviation."""

    name: str
    mean: str
    deviation: str


def polynomial(degree: int) -> str:
    """``y ~ x + I(x^2) + ...``."""
    return "y ~ x" + "".join(f" + I(x^{power})" for power in range(2, degree + 1))


_WAMPLER_ERRORS = (
    *("2152.32624678170", "2363.55173469681", "779.343524331583"),
    *("101.475507550350", "5.64566512170752", "0.112324854679312"),
)


def _wampler(name: str, estimate: Decimal, zeros: int | None) -> Regression:
    """The disturbance is multiplied by a one with so many zeros, or left out."""
    estimates = tuple(str(estimate**power) for power in range(6))
    errors = tuple("0" if zeros is None else str(Decimal(error).scaleb(zeros)) for error in _WAMPLER_ERRORS)
    sigma = "0" if zeros is None else str(Decimal("2360.14502379268").scaleb(zeros))
    return Regression(name, polynomial(5), estimates, errors, sigma, 5)


REGRESSIONS = [
    Regression(
        "Norris", "y ~ x", ("-0.262323073774029", "1.00211681802045"), ("0.232818234301152", "0.429796848199937E-03"),
        "0.884796396144373",
    ),
    Regression(
        "Pontius", polynomial(2), ("0.673565789473684E-03", "0.732059160401003E-06", "-0.316081871345029E-14"),
        ("0.107938612033077E-03", "0.157817399981659E-09", "0.486652849992036E-16"), "0.205177424076185E-03", 2,
    ),
    Regression("NoInt1", "y ~ x - 1", ("2.07438016528926",), ("0.165289256198347E-01",), "3.56753034006338", 1, False),
    Regression("NoInt2", "y ~ x - 1", ("0.727272727272727",), ("0.420827318078432E-01",), "0.369274472937998", 1,
               False),
    Regression(
        "Filip", polynomial(10),
        ("-1467.48961422980", "-2772.17959193342", "-2316.37108160893", "-1127.97394098372", "-354.478233703349",
         "-75.1242017393757", "-10.8753180355343", "-1.06221498588947", "-0.670191154593408E-01",
         "-0.246781078275479E-02", "-0.402962525080404E-04"),
        ("298.084530995537", "559.779865474950", "466.477572127796", "227.204274477751", "71.6478660875927",
         "15.2897178747400", "2.23691159816033", "0.221624321934227", "0.142363763154724E-01",
         "0.535617408889821E-03", "0.896632837373868E-05"),
        "0.334801051324544E-02", 10,
    ),
    Regression(
        "Longley", "y ~ x1 + x2 + x3 + x4 + x5 + x6",
        ("-3482258.63459582", "15.0618722713733", "-0.358191792925910E-01", "-2.02022980381683", "-1.03322686717359",
         "-0.511041056535807E-01", "1829.15146461355"),
        ("890420.383607373", "84.9149257747669", "0.334910077722432E-01", "0.488399681651699", "0.214274163161675",
         "0.226073200069370", "455.478499142212"),
        "304.854073561965",
    ),
    _wampler("Wampler1", Decimal(1), None),
    _wampler("Wampler2", Decimal("0.1"), None),
    _wampler("Wampler3", Decimal(1), 0),
    _wampler("Wampler4", Decimal(1), 2),
    _wampler("Wampler5", Decimal(1), 4),
]  # fmt: skip

UNIVARIATE = [
    Univariate("PiDigits", "4.53480000000000", "2.86733906028871"),
    Univariate("Lottery", "518.958715596330", "291.699727470969"),
    Univariate("Lew", "-177.435000000000", "277.332168044316"),
    Univariate("Mavro", "2.00185600000000", "0.000429123454003053"),
    Univariate("Michelso", "299.852400000000", "0.0790105478190518"),
    Univariate("NumAcc1", "10000002", "1"),
    Univariate("NumAcc2", "1.2", "0.1"),
    Univariate("NumAcc3", "1000000.2", "0.1"),
    Univariate("NumAcc4", "10000000.2", "0.1"),
]


def rows(name: str) -> Rows:
    """The columns of a set, in decimals as they were published."""
    if name.startswith("Wampler"):
        return _wampler_rows(int(name[-1]))
    if name.startswith("NumAcc"):
        return {"y": _numerical_accuracy(int(name[-1]))}
    if name == "NoInt1":
        return {"y": [Decimal(130 + i) for i in range(11)], "x": [Decimal(60 + i) for i in range(11)]}
    if name == "NoInt2":
        return {"y": [Decimal(value) for value in (3, 4, 4)], "x": [Decimal(value) for value in (4, 5, 6)]}
    if name == "PiDigits":
        return {"y": [Decimal(digit) for digit in _digits_of_pi(5_000)]}
    lines = [line for line in (FOLDER / f"{name}.txt").read_text().splitlines() if not line.startswith("#")]
    columns = zip(*(line.split() for line in lines[1:]), strict=True)
    return {column: list(map(Decimal, values)) for column, values in zip(lines[0].split(), columns, strict=True)}


def frame(name: str) -> pd.DataFrame:
    """The same as doubles."""
    return pd.DataFrame({column: [float(value) for value in values] for column, values in rows(name).items()})


def design(regression: Regression) -> tuple[list[list[Fraction]], list[Fraction]]:
    """Rows of the model's columns and the response, exactly as printed."""
    columns = {name: [Fraction(value) for value in values] for name, values in rows(regression.name).items()}
    response = columns.pop("y")
    ones = [[Fraction(1)] * len(response)] if regression.intercept else []
    powers = [[x**power for x in column] for power in range(1, regression.degree + 1) for column in columns.values()]
    return [list(row) for row in zip(*ones, *powers, strict=True)], response


def _wampler_rows(number: int) -> Rows:
    base = Decimal("0.1") if number == 2 else Decimal(1)
    scale = {3: 1, 4: 100, 5: 10_000}.get(number, 0)
    around = [*_DISTURBANCE, *reversed(_DISTURBANCE[:-1])]
    x = [Decimal(value) for value in range(21)]
    y = [
        sum((base * v) ** p if p else Decimal(1) for p in range(6)) + scale * d for v, d in zip(x, around, strict=True)
    ]
    return {"y": y, "x": x}


def _numerical_accuracy(number: int) -> list[Decimal]:
    if number == 1:
        return [Decimal(value) for value in (10_000_001, 10_000_003, 10_000_002)]
    whole = {2: 1, 3: 1_000_000, 4: 10_000_000}[number]
    return [Decimal(f"{whole}.2"), *[Decimal(f"{whole}.1"), Decimal(f"{whole}.3")] * 500]


def _digits_of_pi(count: int) -> list[int]:
    """The first digits, 3 included, by Machin's formula in integers; as NIST's file has them, which misprints one."""
    unit = 10 ** (count + 10)
    digits = []

    def inverse_tangent(one_over: int) -> int:
        term = total = unit // one_over
        k, sign = 3, -1
        while term:
            term //= one_over * one_over
            total += sign * (term // k)
            k, sign = k + 2, -sign
        return total

    rest = 4 * (4 * inverse_tangent(5) - inverse_tangent(239))
    for _ in range(count):  # Python refuses to print an integer of so many digits at once
        digit, rest = divmod(rest, unit)
        digits.append(digit)
        rest *= 10
    digits[956] = 3  # it is an 8; the certified values are those of the file
    return digits


def log_relative_error(got: float, certified: str) -> float:
    """Certified digits that `got` has: minus the decimal logarithm of its relative error, of the absolute one where
    the certified value is zero; at most 15, as many as are certified.
    """
    wanted = Decimal(certified)
    if not math.isfinite(got):
        return 0.0
    error = abs(Decimal(got) - wanted)
    relative = error if wanted == 0 else error / abs(wanted)
    return 15.0 if relative == 0 else min(15.0, max(0.0, -math.log10(relative)))


def solve_exactly(columns: list[list[Fraction]], response: list[Fraction]) -> tuple[list[Fraction], list[Fraction]]:
    """Least squares in fractions: the estimates, and the squares of their standard deviations."""
    size = len(columns[0])
    products = [[sum((row[i] * row[j] for row in columns), Fraction(0)) for j in range(size)] for i in range(size)]
    right = [sum((row[i] * y for row, y in zip(columns, response, strict=True)), Fraction(0)) for i in range(size)]
    inverted = inverse(products)
    estimates = [sum((a * b for a, b in zip(row, right, strict=True)), Fraction(0)) for row in inverted]
    rest = sum(y * y for y in response) - sum(a * b for a, b in zip(estimates, right, strict=True))
    variance = rest / (len(response) - size)
    return estimates, [inverted[i][i] * variance for i in range(size)]


def design_of_doubles(regression: Regression) -> tuple[list[list[Fraction]], list[Fraction]]:
    """The same model of what a computer is given: every value and every power rounded to a double."""
    columns = frame(regression.name)
    response = [Fraction(float(value)) for value in columns.pop("y")]
    ones = [[Fraction(1)] * len(response)] if regression.intercept else []
    powers = [
        [Fraction(float(x) ** power) for x in columns[name]]
        for power in range(1, regression.degree + 1)
        for name in columns
    ]
    return [list(row) for row in zip(*ones, *powers, strict=True)], response
