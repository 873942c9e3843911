"""Links and families of generalized linear models, a tile of rows at a time: one branch for each tile, none for each
row.

``mu`` is the mean, ``other`` is 1 - mu without cancellation (filled for probabilities only), ``slope`` is the
derivative of mu by the linear predictor. A row whose linear predictor or mean is impossible gets weight zero and is
counted, so that the solver can take a shorter step.
"""

from __future__ import annotations

import math

import numpy as np

from rxcore.kernels.cross_product import N_BAD_RESPONSE, N_INVALID, N_SATURATED
from rxcore.kernels.jit import kernel

GAUSSIAN, POISSON, GAMMA, INVERSE_GAUSSIAN, TWEEDIE, BINOMIAL, NEGATIVE_BINOMIAL = range(7)
IDENTITY, LOG, INVERSE, SQRT, INVERSE_SQUARE, POWER, LOGIT, PROBIT, CLOGLOG, CAUCHIT = range(10)

# What a pass adds up beside score and information. RESPONSE: weight * y. LIKELIHOOD: the part of a binomial log
# likelihood that depends on mu. SATURATED: log likelihood at mu = y, or what stands for it (see `saturated_tile`).
DEVIANCE, WEIGHT, RESPONSE, PEARSON, LIKELIHOOD, SATURATED, NULL_DEVIANCE, THETA_SCORE, THETA_INFORMATION = range(9)
TOTALS = 9

# Fitted values beyond these are counted: together with a standard error that runs away they say that the data separate.
_SATURATED = 6e-6

# Beyond these a probability or its complement leaves the range of doubles; the tails are flat there anyway.
_FAR_LOGIT, _FAR_PROBIT, _FAR_CLOGLOG = 700.0, 37.5, 6.5
_ROOT_HALF = math.sqrt(0.5)
_ROOT_TWO_PI = math.sqrt(2.0 * math.pi)


@kernel
def inverse_link_tile(link, power, probability, eta, count, mu, other, slope):  # type: ignore[no-untyped-def]
    """Means and slopes from linear predictors. NaN where the link has no mean."""
    if link == IDENTITY:
        for i in range(count):
            mu[i] = eta[i]
            slope[i] = 1.0
    elif link == LOG:
        for i in range(count):
            mu[i] = math.exp(eta[i])
            slope[i] = mu[i]
    elif link == INVERSE:
        for i in range(count):
            mu[i] = 1.0 / eta[i]
            slope[i] = -mu[i] * mu[i]
    elif link == SQRT:
        for i in range(count):
            mu[i] = eta[i] * eta[i] if eta[i] > 0.0 else np.nan
            slope[i] = 2.0 * eta[i]
    elif link == INVERSE_SQUARE:
        for i in range(count):
            mu[i] = 1.0 / math.sqrt(eta[i]) if eta[i] > 0.0 else np.nan
            slope[i] = -0.5 * mu[i] / eta[i]
    elif link == POWER:
        for i in range(count):
            mu[i] = eta[i] ** (1.0 / power) if eta[i] > 0.0 else np.nan
            slope[i] = mu[i] / (power * eta[i])
    else:
        _probability_tile(link, eta, count, mu, other, slope)
    if probability and link == LOG:
        for i in range(count):
            other[i] = -math.expm1(eta[i])
    elif probability and link <= POWER:
        for i in range(count):
            other[i] = 1.0 - mu[i]


@kernel
def _probability_tile(link, eta, count, mu, other, slope):  # type: ignore[no-untyped-def]
    if link == LOGIT:
        for i in range(count):
            value = min(max(eta[i], -_FAR_LOGIT), _FAR_LOGIT)
            small = math.exp(-abs(value))
            near = 1.0 / (1.0 + small)
            far = small * near
            mu[i] = near if value >= 0.0 else far
            other[i] = far if value >= 0.0 else near
            slope[i] = near * far
    elif link == PROBIT:
        for i in range(count):
            value = min(max(eta[i], -_FAR_PROBIT), _FAR_PROBIT)
            mu[i] = 0.5 * math.erfc(-value * _ROOT_HALF)
            other[i] = 0.5 * math.erfc(value * _ROOT_HALF)
            slope[i] = math.exp(-0.5 * value * value) / _ROOT_TWO_PI
    elif link == CLOGLOG:
        for i in range(count):
            value = min(max(eta[i], -_FAR_LOGIT), _FAR_CLOGLOG)
            rate = math.exp(value)
            mu[i] = -math.expm1(-rate)
            other[i] = math.exp(-rate)
            slope[i] = rate * other[i]
    else:
        for i in range(count):
            value = abs(eta[i])
            # The arctangent of the reciprocal is the tail itself, without cancellation.
            tail = math.atan2(1.0, value) / math.pi
            mu[i] = 1.0 - tail if eta[i] >= 0.0 else tail
            other[i] = tail if eta[i] >= 0.0 else 1.0 - tail
            slope[i] = 1.0 / (math.pi * (1.0 + value * value))


@kernel
def link_tile(link, power, mu, count, eta):  # type: ignore[no-untyped-def]
    """Linear predictors of starting means; for probit close to it, which is all a start needs."""
    for i in range(count):
        value = mu[i]
        if link == IDENTITY:
            eta[i] = value
        elif link == LOG:
            eta[i] = math.log(value)
        elif link == INVERSE:
            eta[i] = 1.0 / value
        elif link == SQRT:
            eta[i] = math.sqrt(value)
        elif link == INVERSE_SQUARE:
            eta[i] = 1.0 / (value * value)
        elif link == POWER:
            eta[i] = value**power
        elif link == LOGIT:
            eta[i] = math.log(value / (1.0 - value))
        elif link == PROBIT:
            eta[i] = math.log(value / (1.0 - value)) / 1.702
        elif link == CLOGLOG:
            eta[i] = math.log(-math.log1p(-value))
        else:
            eta[i] = math.tan(math.pi * (value - 0.5))


@kernel
def start_tile(family, response, prior, count, mu):  # type: ignore[no-untyped-def]
    """R's starting means, from the response alone."""
    for i in range(count):
        y = response[i]
        if family == BINOMIAL:
            mu[i] = (prior[i] * y + 0.5) / (prior[i] + 1.0)
        elif family == POISSON:
            mu[i] = y + 0.1
        elif family == NEGATIVE_BINOMIAL:
            mu[i] = y if y > 0.0 else 1.0 / 6.0
        elif family == TWEEDIE:
            mu[i] = y if y > 0.0 else 0.1
        else:
            mu[i] = y


@kernel
def check_tile(family, parameter, response, count, mu, other, counts):  # type: ignore[no-untyped-def]
    """Count responses that the family cannot have, and fitted values at the edge of what it can."""
    bad = 0
    edge = 0
    if family == BINOMIAL:
        for i in range(count):
            bad += not (0.0 <= response[i] <= 1.0)
            edge += mu[i] < _SATURATED or other[i] < _SATURATED
    elif family != GAUSSIAN:
        strict = family in (GAMMA, INVERSE_GAUSSIAN) or (family == TWEEDIE and parameter >= 2.0)
        for i in range(count):
            bad += not (response[i] > 0.0 or (response[i] == 0.0 and not strict))
            edge += mu[i] < _SATURATED
    counts[N_BAD_RESPONSE] += bad
    counts[N_SATURATED] += edge


@kernel
def inverse_variance_tile(family, parameter, count, mu, other, inverse):  # type: ignore[no-untyped-def]
    """One over the variance; ``parameter`` is the power of a Tweedie variance or the theta of a negative binomial."""
    if family == GAUSSIAN:
        for i in range(count):
            inverse[i] = 1.0
    elif family == POISSON:
        for i in range(count):
            inverse[i] = 1.0 / mu[i]
    elif family == GAMMA:
        for i in range(count):
            inverse[i] = 1.0 / (mu[i] * mu[i])
    elif family == INVERSE_GAUSSIAN:
        for i in range(count):
            inverse[i] = 1.0 / (mu[i] * mu[i] * mu[i])
    elif family == TWEEDIE:
        for i in range(count):
            inverse[i] = mu[i] ** -parameter
    elif family == NEGATIVE_BINOMIAL:
        for i in range(count):
            inverse[i] = parameter / (mu[i] * (parameter + mu[i]))
    else:
        for i in range(count):
            inverse[i] = 1.0 / (mu[i] * other[i])


@kernel
def weights_tile(  # type: ignore[no-untyped-def]
    family, response, prior, count, mu, other, slope, inverse, weights, residuals, counts
):  # fmt: skip
    """Working weights and weighted score residuals of Fisher scoring, ``inverse`` being one over the variance; returns
    Pearson's chi-square.
    """
    pearson = 0.0
    invalid = 0
    lowest = -np.inf if family == GAUSSIAN else 0.0
    binomial = family == BINOMIAL
    for i in range(count):
        valid = lowest < mu[i] < np.inf and abs(slope[i]) < np.inf and inverse[i] < np.inf
        if binomial:
            valid = valid and other[i] > 0.0
        # What a sure event misses is 1 - mu, which is known without cancellation.
        miss = other[i] if binomial and response[i] == 1.0 else response[i] - mu[i]
        lever = prior[i] * slope[i] * inverse[i]
        weights[i] = lever * slope[i] if valid else 0.0
        residuals[i] = lever * miss if valid else 0.0
        pearson += prior[i] * miss * miss * inverse[i] if valid else 0.0
        invalid += not valid
    counts[N_INVALID] += invalid
    return pearson


@kernel
def deviance_tile(family, parameter, response, prior, trials, count, mu, other, totals):  # type: ignore[no-untyped-def]
    """The deviance of a tile. For a binomial also its log likelihood, of whole trials as R counts them."""
    total = 0.0
    if family == GAUSSIAN:
        for i in range(count):
            miss = response[i] - mu[i]
            total += prior[i] * miss * miss
        return total
    if family == POISSON:
        for i in range(count):
            # y log(y/mu) - (y - mu), where log1p keeps the digits of a y close to mu.
            apart = (response[i] - mu[i]) / mu[i]
            total += prior[i] * (mu[i] if response[i] == 0.0 else response[i] * math.log1p(apart) - mu[i] * apart)
    elif family == GAMMA:
        for i in range(count):
            apart = (response[i] - mu[i]) / mu[i]
            total += prior[i] * (apart - math.log1p(apart))
    elif family == INVERSE_GAUSSIAN:
        for i in range(count):
            apart = (response[i] - mu[i]) / mu[i]
            total += 0.5 * prior[i] * apart * apart / response[i]
    elif family == TWEEDIE:
        total = _tweedie_deviance(parameter, response, prior, count, mu)
    elif family == NEGATIVE_BINOMIAL:
        for i in range(count):
            y = response[i]
            both = (y + parameter) * math.log1p((y - mu[i]) / (mu[i] + parameter))
            total += prior[i] * ((0.0 if y == 0.0 else y * math.log1p((y - mu[i]) / mu[i])) - both)
    else:
        total = _binomial_deviance(response, prior, trials, count, mu, other, totals)
    return 2.0 * total


@kernel
def _tweedie_deviance(power, response, prior, count, mu):  # type: ignore[no-untyped-def]
    one, two = 1.0 - power, 2.0 - power
    total = 0.0
    for i in range(count):
        scale = mu[i] ** one
        part = scale * mu[i] / two
        if response[i] > 0.0:
            part += response[i] ** two / (one * two) - response[i] * scale / one
        total += prior[i] * part
    return total


@kernel
def _binomial_deviance(response, prior, trials, count, mu, other, totals):  # type: ignore[no-untyped-def]
    total = 0.0
    likelihood = 0.0
    for i in range(count):
        y = response[i]
        if y == 1.0 or y == 0.0:
            small = math.log(mu[i] if y == 1.0 else other[i])
            total -= prior[i] * small
            likelihood += (np.rint(prior[i]) if trials else prior[i]) * small
        else:
            yes, no = math.log(mu[i]), math.log(other[i])
            total += prior[i] * (y * (math.log(y) - yes) + (1.0 - y) * (math.log1p(-y) - no))
            hits = np.rint(prior[i] * y) if trials else prior[i] * y
            likelihood += hits * yes + ((np.rint(prior[i]) if trials else prior[i]) - hits) * no
    totals[LIKELIHOOD] += likelihood
    return total


@kernel
def saturated_tile(family, parameter, response, prior, trials, count):  # type: ignore[no-untyped-def]
    """What the log likelihood needs of the response alone.

    POISSON, NEGATIVE_BINOMIAL: log likelihood at mu = y. BINOMIAL: log of the binomial coefficients. GAMMA,
    INVERSE_GAUSSIAN: weight * log y. GAUSSIAN: log of the weights.
    """
    total = 0.0
    if family == GAUSSIAN and trials:
        for i in range(count):
            total += math.log(prior[i])
    elif family == POISSON:
        for i in range(count):
            y = response[i]
            known = y * math.log(y) - y - math.lgamma(y + 1.0) if y > 0.0 else 0.0
            # A Poisson count is whole; of another number R's likelihood is zero.
            total += prior[i] * known if y == np.floor(y) else -np.inf
    elif family in (GAMMA, INVERSE_GAUSSIAN):
        for i in range(count):
            total += prior[i] * math.log(response[i])
    elif family == BINOMIAL and trials:
        for i in range(count):
            size, hits = np.rint(prior[i]), np.rint(prior[i] * response[i])
            if 0.0 < hits < size:
                total += math.lgamma(size + 1.0) - math.lgamma(hits + 1.0) - math.lgamma(size - hits + 1.0)
    elif family == NEGATIVE_BINOMIAL:
        for i in range(count):
            y = response[i]
            if y > 0.0:
                most = y * math.log(y / (y + parameter)) - parameter * math.log1p(y / parameter)
                total += prior[i] * (gamma_steps(y, parameter)[0] - math.lgamma(y + 1.0) + most)
    return total


_SHORT = 64.0
_RISE = 16


@kernel
def gamma_steps(y, theta):  # type: ignore[no-untyped-def]
    """From theta to theta + y: the rise of log gamma and of its derivative, and the fall of its second derivative."""
    if y <= _SHORT and y == np.floor(y):
        logarithm = first = second = 0.0
        product = 1.0
        for j in range(int(y)):
            at = theta + j
            product *= at
            first += 1.0 / at
            second += 1.0 / (at * at)
            if j % _RISE == _RISE - 1:
                logarithm += math.log(product)
                product = 1.0
        return logarithm + math.log(product), first, second
    first_high, second_high = _polygammas(theta + y)
    first_low, second_low = _polygammas(theta)
    return math.lgamma(theta + y) - math.lgamma(theta), first_high - first_low, second_low - second_high


@kernel
def _polygammas(x):  # type: ignore[no-untyped-def]
    """Digamma and trigamma: recurrence up to 10, then the asymptotic series (Abramowitz and Stegun 6.3.18, 6.4.12)."""
    first = second = 0.0
    while x < 10.0:
        first -= 1.0 / x
        second += 1.0 / (x * x)
        x += 1.0
    s = 1.0 / (x * x)
    first += math.log(x) - 0.5 / x
    first -= s * (1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - s * (1 / 132 - s * (691 / 32760 - s / 12))))))
    series = s * (1 / 6 - s * (1 / 30 - s * (1 / 42 - s * (1 / 30 - s * (5 / 66 - s * (691 / 2730 - s * 7 / 6))))))
    second += 1.0 / x + 0.5 * s + series / x
    return first, second


@kernel
def theta_tile(theta, response, prior, count, mu, totals):  # type: ignore[no-untyped-def]
    """Score and observed information of a negative binomial's theta at given means."""
    score = information = 0.0
    for i in range(count):
        both = mu[i] + theta
        _, first, second = gamma_steps(response[i], theta)
        apart = (mu[i] - response[i]) / both
        score += prior[i] * (first - math.log1p(mu[i] / theta) + apart)
        information += prior[i] * (second - mu[i] / (theta * both) + apart / both)
    totals[THETA_SCORE] += score
    totals[THETA_INFORMATION] += information
