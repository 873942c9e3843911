"""Symmetric sweep in double-double arithmetic: about 32 significant digits on the driver, where sizes are small.

A number is the unevaluated sum of two float64, high + low. Products are split exactly (Dekker 1971, Veltkamp's
splitting), sums are Knuth's TwoSum; the combinations follow Hida, Li and Bailey, "Library for double-double and
quad-double arithmetic" (2007). The sweep is Goodnight's, "A tutorial on the SWEEP operator" (1979).

Why: sums are formed about an origin, where they keep their digits; moving them back to the columns that the user asked
for, and eliminating the intercept again, must not lose what the shift saved.
"""

from __future__ import annotations

from rxcore.kernels.jit import kernel

_SPLITTER = 134217729.0  # 2**27 + 1


@kernel
def multiply(a_high, a_low, b_high, b_low):  # type: ignore[no-untyped-def]
    """(a * b) as a double-double."""
    product = a_high * b_high
    scaled = _SPLITTER * a_high
    a1 = scaled - (scaled - a_high)
    a2 = a_high - a1
    scaled = _SPLITTER * b_high
    b1 = scaled - (scaled - b_high)
    b2 = b_high - b1
    error = ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2
    error += a_high * b_low + a_low * b_high
    high = product + error
    return high, error - (high - product)


@kernel
def add(a_high, a_low, b_high, b_low):  # type: ignore[no-untyped-def]
    """(a + b) as a double-double."""
    total = a_high + b_high
    part = total - a_high
    error = (a_high - (total - part)) + (b_high - part)
    error += a_low + b_low
    high = total + error
    return high, error - (high - total)


@kernel
def reciprocal(high, low):  # type: ignore[no-untyped-def]
    """1 / a as a double-double: one Newton step from the float64 quotient."""
    guess = 1.0 / high
    product_high, product_low = multiply(high, low, guess, 0.0)
    rest_high, rest_low = add(1.0, 0.0, -product_high, -product_low)
    step_high, step_low = multiply(rest_high, rest_low, guess, 0.0)
    return add(guess, 0.0, step_high, step_low)


@kernel
def sweep(high, low, k):  # type: ignore[no-untyped-def]
    """Sweep a symmetric matrix (high + low, both full squares) on its row k, in place.

    Signs: swept diagonal entries become minus the inverse's, so that the matrix stays symmetric.
    """
    size = high.shape[0]
    inverse_high, inverse_low = reciprocal(high[k, k], low[k, k])
    for i in range(size):
        if i == k or (high[i, k] == 0.0 and low[i, k] == 0.0):
            continue
        ratio_high, ratio_low = multiply(high[i, k], low[i, k], inverse_high, inverse_low)
        for j in range(i + 1):
            if j == k:
                continue
            product_high, product_low = multiply(ratio_high, ratio_low, high[k, j], low[k, j])
            new_high, new_low = add(high[i, j], low[i, j], -product_high, -product_low)
            high[i, j] = new_high
            low[i, j] = new_low
            high[j, i] = new_high
            low[j, i] = new_low
    for i in range(size):
        if i == k:
            continue
        new_high, new_low = multiply(high[i, k], low[i, k], inverse_high, inverse_low)
        high[i, k] = new_high
        low[i, k] = new_low
        high[k, i] = new_high
        low[k, i] = new_low
    high[k, k] = -inverse_high
    low[k, k] = -inverse_low


@kernel
def change_basis(shifted, first, second, factor, high, low):  # type: ignore[no-untyped-def]
    """High + low = T' shifted T, where column m of T holds 1 at first[m] and factor[m] at second[m] (or none if <
    0).
    """
    size = first.shape[0]
    for m in range(size):
        for n in range(m + 1):
            total_high = shifted[first[m], first[n]]
            total_low = 0.0
            if second[m] >= 0:
                part_high, part_low = multiply(factor[m], 0.0, shifted[second[m], first[n]], 0.0)
                total_high, total_low = add(total_high, total_low, part_high, part_low)
            if second[n] >= 0:
                part_high, part_low = multiply(factor[n], 0.0, shifted[first[m], second[n]], 0.0)
                total_high, total_low = add(total_high, total_low, part_high, part_low)
                if second[m] >= 0:
                    part_high, part_low = multiply(factor[m], 0.0, factor[n], 0.0)
                    part_high, part_low = multiply(part_high, part_low, shifted[second[m], second[n]], 0.0)
                    total_high, total_low = add(total_high, total_low, part_high, part_low)
            high[m, n] = total_high
            low[m, n] = total_low
            high[n, m] = total_high
            low[n, m] = total_low
