"""Every tolerance of the tests, with its reason. Tests state none of their own.

Contexts, threads, block orders and sources that give the same blocks are compared without any tolerance: bits.
"""

from __future__ import annotations

import math

# -- against R and statsmodels ---------------------------------------------------------------------------------------

# Promised by the project: nine digits, of values that R computes by another route (Householder QR instead of
# cross-products), on real data of several hundred thousand rows.
AGAINST_R = 1e-9

# Generalized linear models: both sides iterate until nothing changes any more.
GLM_AGAINST_R = 1e-8

# Means, standard deviations and sums of whole numbers: both sides compute them to nearly full precision.
SUMMARY_AGAINST_R = 1e-13

# A condition number inverts a matrix of that condition (up to 1e7 here, and R inverts it in plain doubles): what is
# left of sixteen digits.
CONDITION_NUMBER = 1e-7

# Models of whole numbers of condition 4e4 and 1e7, solved in fractions: rxcore sums and sweeps in double-double and is
# left with 2e-12 at worst. R's lm loses 3e-9 of a coefficient there.
AGAINST_FRACTIONS = 1e-11

# Promised of robust and clustered standard errors, beside R's sandwich, which takes them from the same definitions by
# another route (rows of dense matrices, QR).
ROBUST_AGAINST_SANDWICH = 1e-8
# AIC of a search, absolute: values of some millions, which R forms from a residual sum of squares by QR in doubles. A
# relative error of 1e-14 of that sum, times 327,346 rows, is 3e-9.
SELECTION_AIC = 1e-8

# Covariances of columns near 1e6 with deviations of 1 to 5e5, against NumPy's dense two-pass ones, in units of the
# deviations: both sides round sums of 270 products, and NumPy's columns of 1e6 have lost six digits before.
ROUNDING_OF_PRODUCTS = 1e-9

# Promised of predictions, their errors, limits and residuals: they are sums over coefficients good to nine digits.
PREDICTIONS_AGAINST_R = 1e-8

# What printed p values are floored at; below it nothing is compared.
SMALLEST_P = 2.220446049250313e-16

# -- against published print -----------------------------------------------------------------------------------------

# Where the original printed something else, ours are R's: p values of 1e-9, which turn an error of 1e-9 of a statistic
# into one fifty times as large, included.
PRINTED_AS_R = 1e-7

# Half a unit of the last printed digit, and a little for decimals that have no exact binary form.
HALF_A_UNIT = 0.500001

# -- certified values ------------------------------------------------------------------------------------------------

# Digits are counted by logarithm; whoever is next to the best that doubles allow wins or loses this much by the luck of
# one last bit.
CERTIFIED_DIGITS_OF_CHANCE = 0.1

# -- iterations ------------------------------------------------------------------------------------------------------

# The documented default criterion: the largest change of a coefficient over the largest coefficient is at most 1e-6,
# or the relative change of the deviance is at most 1e-8. Newton's next step is far below; 1e-6 is what is promised.
DEFAULT_CONVERGENCE = 1e-6

# Fisher scoring with another link than the canonical one gains a fixed number of digits a step: where the deviance
# changes by less than 1e-8, coefficients may still lack this share of their standard error.
DEFAULT_GLM_CONVERGENCE = 1e-3

# What rx_logit is told where it is compared with R at `AGAINST_R`: R iterated until nothing changed any more.
TIGHT_COEFFICIENT_TOLERANCE = 1e-12


def coefficient_error(got: float, expected: float, standard_error: float) -> float:
    """Error of a coefficient relative to its size, or to its standard error where that is larger.

    A coefficient near zero is a difference of large numbers: digits beyond its standard error carry no information, and
    R's own last digits there are rounding.
    """
    return abs(got - expected) / max(abs(expected), standard_error)


def statistic_error(got: float, expected: float) -> float:
    """Error of a t or z value: relative, but absolute below 1, where the estimate is nearer to zero than its error."""
    return abs(got - expected) / max(abs(expected), 1.0)


def p_value_tolerance(statistic: float) -> float:
    """Relative error allowed of a p value whose t or z is known to `AGAINST_R`.

    In the tail ``p`` is about ``exp(-t**2 / 2)``, so that a relative error e of t is one of about ``t**2 * e`` of p.
    """
    return AGAINST_R * max(1.0, statistic * statistic)


def printed(value: float, digits: str) -> bool:
    """Whether a value would be printed so: it is within half a unit of the last digit of `digits`."""
    mantissa, _, exponent = digits.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    unit = 10.0 ** (int(exponent or 0) - decimals)
    return math.isfinite(value) and abs(value - float(digits)) <= HALF_A_UNIT * unit


# -- kernels ---------------------------------------------------------------------------------------------------------

# Sums of a thousand scores and their products, against numpy's in another order.
ROBUST_SUMS = 1e-11

# Two halves of 53 bits each lose a few units of 2**-104 in an operation.
DOUBLE_DOUBLE = 2.0**-98


def rounding_of_squares(mean: float, squares: float, n: float) -> float:
    """Relative error allowed of a streamed mean or centred square sum: 4 * (kappa + sqrt(n)) * eps, with
    kappa = sqrt(1 + mean**2 / variance); the worst that was measured is 1.1 instead of 4.
    """
    variance = squares / n if n else 0.0
    kappa = math.sqrt(1.0 + mean * mean / variance) if variance > 0.0 else 1.0 / math.ulp(1.0)
    return min(4.0 * (kappa + math.sqrt(n)) * math.ulp(1.0), 1.0)


# A working weight or deviance is a dozen operations, powers and logarithms among them, on either side.
FAMILY_KERNEL = 1e-12

# Far out the exponent of a tail is itself several hundred, and its rounding error that many times larger.
FAMILY_TAILS = 1e-12

# Two ways to ask for the same model, each iterated until nothing changes: the same maximum, found by other sums.
SAME_FIT = 1e-9

# A derivative by a central difference of step 1e-6, and a minimum found by a general optimizer.
BY_DIFFERENCE, BY_OPTIMIZER = 1e-6, 1e-4

# A deviance of 1e-3 out of responses of 1e9 is left with what rounding of the responses' difference leaves.
LARGE_COUNTS = 1e-6

# Where a score is zero: what rounding leaves of sums of some hundred terms of order one.
ZERO_SCORE = 1e-8

# Polygamma functions by series against scipy's; differences of close values lose digits on either side.
POLYGAMMA = 1e-9
