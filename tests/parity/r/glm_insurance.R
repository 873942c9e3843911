# Reference values for tests/parity/test_parity_glm_insurance.py: R's glm on two public motor portfolios (of the packages
# CASdatasets and CASdatasets' pricing game 2015), which are read from a folder that is not part of the repository.
# Not run by hand: tests/parity/r/make_glm_references.py runs this, and stores what it prints as glm_insurance.json.
arguments <- commandArgs(); source(file.path(dirname(sub("^--file=", "", grep("^--file=", arguments, value = TRUE))), "glm_functions.R"))
folder <- commandArgs(TRUE)[1]
read <- function(name) read.csv(gzfile(file.path(folder, name)), stringsAsFactors = FALSE)
belgium <- read("beMTPL97.csv.gz"); game <- read("pg15training.csv.gz")
factors <- c("coverage", "sex", "fuel", "use", "Gender", "Type", "Category", "Occupation", "Group2")
for (f in factors) { if (f %in% names(belgium)) belgium[[f]] <- last(belgium[[f]]); if (f %in% names(game)) game[[f]] <- last(game[[f]]) }
belgium$premium <- belgium$amount / belgium$expo
claims <- belgium[belgium$nclaims > 0 & belgium$amount > 0, ]

models <- list()
add <- function(name, formula, family, data = "belgium", ...) models[[name]] <<- list(formula = formula, family = family, data = data, ...)
frequency <- nclaims ~ coverage + ageph + sex + bm + power + agec + fuel + use + fleet + offset(log(expo))
severity <- average ~ coverage + ageph + sex + bm + power + agec + fuel + use + fleet
add("frequency", frequency, poisson())
add("frequency-crossed", nclaims ~ coverage * fuel + sex:ageph + bm + offset(log(expo)), poisson())
add("frequency-quasi", frequency, quasipoisson())
add("frequency-negative", frequency, MASS::negative.binomial(1.5))
add("frequency-theta", frequency, "theta", link = "log")
add("any-claim", claim ~ coverage + ageph + sex + bm + power + agec + fuel + offset(log(expo)), binomial("cloglog"))
add("any-claim-logit", claim ~ coverage + ageph + sex + bm + power + agec + fuel, binomial())
add("any-claim-probit", claim ~ coverage + ageph + sex + bm, binomial("probit"), weights = "expo")
add("severity", severity, Gamma("log"), "claims", weights = "nclaims")
add("severity-identity", average ~ coverage + fuel, Gamma("identity"), "claims", weights = "nclaims")
add("severity-inverse", average ~ coverage + fuel + sex, Gamma(), "claims", weights = "nclaims")
add("severity-inverse-gaussian", average ~ coverage + ageph + sex, inverse.gaussian("log"), "claims", weights = "nclaims")
add("severity-gaussian", severity, gaussian(), "claims", weights = "nclaims")
add("premium", premium ~ coverage + ageph + sex + bm + power + fuel, tweedie(1.5, 0), weights = "expo")
add("premium-canonical", premium ~ coverage + sex + fuel, tweedie(1.5), weights = "expo")
game$year <- game$Exppdays / 365
add("game-frequency", Numtppd ~ Gender + Type + Category + Occupation + Age + Group1 + Bonus + Poldur + Group2 + Density + offset(log(year)), poisson(), "game")
add("game-theta", Numtpbi ~ Gender + Type + Category + Age + Bonus + offset(log(year)), "theta", "game", link = "log")
add("game-premium", Indtppd ~ Gender + Type + Category + Age + Bonus + offset(log(year)), tweedie(1.7, 0), "game")

cat(named(script = quoted("tests/parity/r/glm_insurance.R"), r_version = quoted(R.version.string), rows = array(c(nrow(belgium), nrow(claims), nrow(game))),
  models = fit_all(models, list(belgium = belgium, claims = claims, game = game), factors)), "\n", sep = "")
