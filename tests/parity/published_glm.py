"""What Microsoft printed for rxGlm on data we have: r/how-to-revoscaler-generalized-linear-model.md of the public
repository MicrosoftDocs/machine-learning-server-docs. Values are kept as the text that was printed.
"""

from __future__ import annotations


def split(text: str) -> list[str]:
    return text.split()


# The trial of Breslow and Clayton (1993), as in the R packages robust (breslow.dat) and, by visits, MASS (epil):
# seizures before and during the trial, age and treatment of each of 59 patients.
EPILEPSY = {
    "sumY": split(
        """
        14 14 11 13 55 22 12 95 22 33 66 30 16 42 59 16 6 123 15 16 14 14 13 30 143 6 10 53 42 28 7 13 19 11
        74 20 10 24 29 4 6 12 65 26 39 7 32 3 302 13 26 10 70 13 15 51 6 0 10
        """
    ),
    "Base": split(
        """
        11 11 6 8 66 27 12 52 23 10 52 33 18 42 87 50 18 111 18 20 12 9 17 28 55 9 10 47 76 38 19 10 19 24 31
        14 11 67 41 7 22 13 46 36 38 7 36 11 151 22 41 32 56 24 16 22 25 13 12
        """
    ),
    "Age": split(
        """
        31 30 25 36 22 29 31 42 37 28 36 24 23 36 26 26 28 31 32 21 29 21 32 25 30 40 19 22 18 32 20 30 18 24
        30 35 27 20 22 28 23 40 33 21 35 25 26 25 22 32 25 35 21 41 32 26 21 36 37
        """
    ),
}
TREATMENTS = ["placebo"] * 28 + ["progabide"] * 31

# R13, lines 67 to 154 of that page
POISSON_TABLE = """\
Family-link: poisson-log

Residual deviance: 559.4437 (on 55 degrees of freedom)

Coefficients:
                Estimate Std. Error t value Pr(>|t|)
(Intercept)    1.9488259  0.1356191  14.370 2.22e-16 ***
Base           0.0226517  0.0005093  44.476 2.22e-16 ***
Age            0.0227401  0.0040240   5.651 5.85e-07 ***
Trt=placebo      Dropped    Dropped Dropped  Dropped
Trt=progabide -0.1527009  0.0478051  -3.194  0.00232 **
---
Signif. codes:  0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1

(Dispersion parameter for poisson family taken to be 1)

Condition number of final variance-covariance matrix: 3.3382
"""

# R14, lines 160 to 195
QUASIPOISSON_TABLE = """\
Family-link: quasipoisson-log

Residual deviance: 559.4437 (on 55 degrees of freedom)

Coefficients:
               Estimate Std. Error t value Pr(>|t|)
(Intercept)    1.948826   0.465091   4.190 0.000102 ***
Base           0.022652   0.001747  12.969 2.22e-16 ***
Age            0.022740   0.013800   1.648 0.105085
Trt=placebo     Dropped    Dropped Dropped  Dropped
Trt=progabide -0.152701   0.163943  -0.931 0.355702
---
Signif. codes:  0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1

(Dispersion parameter for quasipoisson family taken to be 11.76075)

Condition number of final variance-covariance matrix: 3.3382
"""

# C7, lines 206 to 253. Coefficients after the last update; deviance, weights and dispersion of the pass before.
GAMMA_TABLE = """\
Family-link: Gamma-inverse

Residual deviance: 15.6397 (on 109 degrees of freedom)

Coefficients:
              Estimate Std. Error t value Pr(>|t|)
(Intercept)  0.0032807  0.0005126   6.400 4.02e-09 ***
age=17-20      Dropped    Dropped Dropped  Dropped
age=21-24    0.0006593  0.0005471   1.205 0.230843
age=25-29    0.0003911  0.0005183   0.755 0.452114
age=30-34    0.0012388  0.0005982   2.071 0.040720 *
age=35-39    0.0017152  0.0006514   2.633 0.009685 **
age=40-49    0.0012649  0.0006007   2.106 0.037516 *
age=50-59    0.0002863  0.0005087   0.563 0.574771
age=60+      0.0013006  0.0006041   2.153 0.033519 *
car.age=0-3    Dropped    Dropped Dropped  Dropped
car.age=4-7  0.0003444  0.0003535   0.974 0.332120
car.age=8-9  0.0011005  0.0004161   2.645 0.009375 **
car.age=10+  0.0034437  0.0006107   5.639 1.36e-07 ***
type=A         Dropped    Dropped Dropped  Dropped
type=B      -0.0004443  0.0004880  -0.911 0.364508
type=C      -0.0004189  0.0004912  -0.853 0.395668
type=D      -0.0016209  0.0004344  -3.732 0.000304 ***
---
Signif. codes:  0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1

(Dispersion parameter for Gamma family taken to be 0.1785316)

Condition number of final variance-covariance matrix: 12.4648
"""

# C8, lines 524 to 563, the model that a stepwise search ended at. Like C7; the p value of the intercept (3.24e-14) is
# left out, because it depends on where the search came from.
STEPWISE = {
    "estimates": split("0.0040354 0.0003568 0.0011825 0.0035478 -0.0004512 -0.0004135 -0.0016307"),
    "errors": split("0.0004661 0.0004037 0.0004688 0.0006853 0.0005519 0.0005558 0.0004923"),
    "t": split("8.657 0.884 2.522 5.177 -0.818 -0.744 -3.313"),
    "p": {
        "car.age=4-7": "0.37868", "car.age=8-9": "0.01302", "car.age=10+": "9.57e-07",
        "type=B": "0.41528", "type=C": "0.45837", "type=D": "0.00123",
    },
    "deviance": "18.0433",
    "dispersion": "0.2249467",
    "condition_number": "9.1775",
}  # fmt: skip
