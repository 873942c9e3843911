# What R prints, for tests/results/test_results_text.py. Run: Rscript tests/results/r/formatting.R > tests/results/r/formatting.json
# Everything comes from R itself: format, formatC, format.pval, and printCoefmat through print.
number <- function(x) ifelse(is.nan(x), "\"NaN\"", ifelse(is.infinite(x), ifelse(x > 0, "\"Inf\"", "\"-Inf\""), sprintf("%.17g", x)))
text <- function(x) paste0("\"", gsub("\"", "\\\\\"", gsub("\\\\", "\\\\\\\\", x)), "\"")
array <- function(x) paste0("[", paste(x, collapse = ", "), "]")
object <- function(...) { parts <- c(...); paste0("{", paste0(text(names(parts)), ": ", parts, collapse = ", "), "}") }

set.seed(20130101)
draw <- function(n, spread) signif(rnorm(n) * 10^runif(n, -spread, spread), sample(c(2, 5, 15), 1))
vectors <- c(
  list(c(10.3318058, 1.6937981, 0.9620019, -0.1752668), c(9.9996, 1), c(0, 0), c(1e5, 1), c(100000), c(123456789), 0.1 + 0.2,
       c(NaN, 1.5, -Inf), c(1e-300, 1), c(-1e120, 3), 1e15, 1e-5, c(0.00001234, 123456), c(99999.99, 1), c(0.5, 0.25), -0.00012),
  lapply(1:60, function(i) draw(sample(1:6, 1), runif(1, 0, 8)))
)
formats <- lapply(vectors, function(x) lapply(c(3, 4, 7), function(d)
  object(values = array(number(x)), digits = d, text = array(text(format(x, digits = d))))))

singles <- c(1.5, 0.5, 0.43, 0.927, 12.3456, 5, 123456, 1e-5, 2.5e-10, 0, 9999.7, 1882.45, 181.81, 0.00186899, -3.25, 553.02)
general <- object(values = array(number(singles)), text = array(text(sapply(singles, formatC, digits = 4))))

pvectors <- c(list(c(0.000102, 0.105085, 0.355702, 2.220446049250313e-16), c(1e-20), c(1e-20, 0.4), c(0.05, 1e-5, 0), 0.0012, 1,
                   c(0.9999, 0.00005)), lapply(1:40, function(i) 10^(-rexp(sample(1:6, 1), 0.3))))
ps <- lapply(pvectors, function(p) lapply(c(3, 4), function(d)
  object(values = array(number(p)), digits = d, text = array(text(format.pval(p, digits = d))))))

table_of <- function(estimate, error, df) {
  t <- estimate / error
  p <- pmax(2 * pt(abs(t), df, lower.tail = FALSE), .Machine$double.eps)
  m <- cbind("Estimate" = estimate, "Std. Error" = error, "t value" = t, "Pr(>|t|)" = p)
  rownames(m) <- paste0("x", seq_along(estimate))
  options(width = 200)
  lines <- capture.output(printCoefmat(m, digits = 4))
  object(estimate = array(number(estimate)), error = array(number(error)), t = array(number(t)), p = array(number(p)),
         lines = array(text(lines)))
}
tables <- c(
  list(table_of(c(10.3318058, 1.6937981, -0.1752668), c(.1330, .1872, .1980), 582621),
       table_of(c(-16.14, 1.414e-03, -0.3317), c(2.074, 2.139e-04, 0.1608), 9979),
       table_of(c(0.1, 0.2), c(1, 1), 10), table_of(c(1e-9, 1234.5), c(1e-10, 300), 10), table_of(c(0, 3), c(1, 1), 5)),
  lapply(1:40, function(i) { n <- sample(1:6, 1); e <- draw(n, runif(1, 0, 4)); table_of(e, abs(e) / (0.1 + rexp(n, 0.3)), sample(c(3, 30, 3000), 1)) })
)
cat("{\n\"made_by\": ", text(paste("formatting.R", R.version.string)), ",\n", sep = "")
cat("\"format\": ", array(unlist(formats)), ",\n\"general\": ", general, ",\n\"p_values\": ", array(unlist(ps)), ",\n", sep = "")
cat("\"tables\": [\n", paste(unlist(tables), collapse = ",\n"), "\n]\n}\n", sep = "")
