# Estimates and standard errors of R's lm for tests/parity/test_parity_nist.py.
# Not run by hand: tests/parity/r/make_nist.py writes the data and the formulas, runs this, and stores what it prints.
folder <- commandArgs(TRUE)[1]
digits <- function(x) paste0("[", paste(ifelse(is.na(x), "null", sprintf("%.17g", x)), collapse = ","), "]")
fitted <- function(name, formula, tolerance) {
  data <- read.table(file.path(folder, paste0(name, ".txt")), header = TRUE)
  fit <- lm(as.formula(formula), data, tol = tolerance)
  error <- coef(fit); error[!is.na(error)] <- suppressWarnings(sqrt(diag(vcov(fit, complete = FALSE))))
  sprintf("{\"estimates\": %s, \"errors\": %s, \"sigma\": %.17g}", digits(coef(fit)), digits(error), suppressWarnings(summary(fit)$sigma))
}
univariate <- function(name) {
  y <- read.table(file.path(folder, paste0(name, ".txt")), header = TRUE)$y
  sprintf("{\"mean\": %.17g, \"deviation\": %.17g}", mean(y), sd(y))
}
sets <- read.table(file.path(folder, "regressions.tsv"), header = TRUE, sep = "\t")
named <- function(names, values) paste0("{", paste0("\"", names, "\": ", values, collapse = ",\n"), "}")
regressions <- mapply(fitted, sets$name, sets$formula, 1e-7)
# lm drops columns of Filip at its usual tolerance of 1e-7; with a smaller one it keeps them all.
tight <- mapply(fitted, sets$name, sets$formula, 1e-13)
names <- readLines(file.path(folder, "univariate.txt"))
cat(named(c("script", "r_version", "lm", "lm_tight", "univariate"), c("\"tests/parity/r/nist.R\"", paste0("\"", R.version.string, "\""),
  named(sets$name, regressions), named(sets$name, tight), named(names, sapply(names, univariate)))), "\n", sep = "")
