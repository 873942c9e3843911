# The models whose printed tables Microsoft's pages show, fitted by R with every digit, for tests/results/test_results_*.py.
# Run: Rscript tests/results/r/published_models.R ../shared/data/revo-sample > tests/results/r/published_models.json
folder <- commandArgs(TRUE)[1]
number <- function(x) ifelse(is.na(x), "null", sprintf("%.17g", x))
text <- function(x) paste0("\"", x, "\"")
array <- function(x) if (is.character(x)) paste0("[", paste(text(x), collapse = ", "), "]") else paste0("[", paste(number(x), collapse = ", "), "]")
object <- function(...) { p <- list(...); paste0("{", paste0(text(names(p)), ": ", unlist(p), collapse = ",\n "), "}") }

last <- function(f) { contrasts(f) <- contr.treatment(levels(f), base = nlevels(f)); f }
# 1-norm condition number of the cross-product, swept of the intercept and scaled to unit diagonal.
condition <- function(V) { R <- cov2cor(solve(V)); if (ncol(R) == 1) 1 else norm(R, "1") * norm(solve(R), "1") }
spread <- function(x, aliased) { y <- rep(NA_real_, length(aliased)); y[!aliased] <- x; y }

linear <- function(fit, names, aliased, missing, counts = NULL, n = length(residuals(fit)), w = rep(1, length(residuals(fit)))) {
  y <- model.response(model.frame(fit)); V <- vcov(fit); cube <- is.null(attr(terms(fit), "intercept")) || attr(terms(fit), "intercept") == 0
  p <- fit$rank; df <- sum(w) - p; rss <- sum(w * residuals(fit)^2); tss <- sum(w * (y - weighted.mean(y, w))^2); V <- V * (rss / df) / summary(fit)$sigma^2
  est <- coef(fit); se <- sqrt(diag(V)); t <- est / se; f <- ((tss - rss) / (p - 1)) / (rss / df)
  object(coefficient_names = array(names), coefficients = array(spread(est, aliased)), std_errors = array(spread(se, aliased)),
    t_values = array(spread(t, aliased)), p_values = array(spread(2 * pt(abs(t), df, lower.tail = FALSE), aliased)),
    aliased = paste0("[", paste(ifelse(aliased, "true", "false"), collapse = ", "), "]"), n_valid = n, n_missing = missing, rank = p,
    sum_of_weights = number(sum(w)), df_residual = number(df), df_model = p - 1, residual_squares = number(rss), total_squares = number(sum(w * y^2)),
    y_var = number(tss), sigma = number(sqrt(rss / df)), residual_variance = number(rss / df), r_squared = number(1 - rss / tss),
    adj_r_squared = number(1 - rss / tss * (sum(w) - 1) / df), f_value = number(f), f_pvalue = number(pf(f, p - 1, df, lower.tail = FALSE)),
    condition_number = number(if (cube) 1 else condition(V[-1, -1, drop = FALSE])), counts = if (is.null(counts)) "null" else array(counts))
}
logistic <- function(fit, names, aliased, missing, iterations) {
  V <- vcov(fit); est <- coef(fit); se <- sqrt(diag(V)); z <- est / se; cube <- attr(terms(fit), "intercept") == 0
  object(coefficient_names = array(names), coefficients = array(spread(est, aliased)), std_errors = array(spread(se, aliased)),
    z_values = array(spread(z, aliased)), p_values = array(spread(2 * pnorm(-abs(z)), aliased)),
    aliased = paste0("[", paste(ifelse(aliased, "true", "false"), collapse = ", "), "]"), n_valid = length(fit$y), n_missing = missing,
    rank = fit$rank, sum_of_weights = length(fit$y), df_residual = fit$df.residual, deviance = number(deviance(fit)), aic = number(AIC(fit)),
    condition_number = number(if (cube) 1 else condition(V[-1, -1, drop = FALSE])), iterations = iterations)
}

days <- c("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
air <- read.csv(file.path(folder, "AirlineDemoSmall.reconstructed.csv.gz"), na.strings = "M")
air$DayOfWeek <- last(factor(air$DayOfWeek, levels = days)); gone <- sum(is.na(air$ArrDelay)); labels <- paste0("DayOfWeek=", days); one <- c(rep(FALSE, 7), TRUE)
dedup <- aggregate(list(FreqWt = rep(1, nrow(air))), list(DayOfWeek = air$DayOfWeek, CRSDepTime = air$CRSDepTime, ArrDelay = ifelse(is.na(air$ArrDelay), 1e9, air$ArrDelay)), sum)
dedup$ArrDelay[dedup$ArrDelay == 1e9] <- NA; contrasts(dedup$DayOfWeek) <- contr.treatment(days, base = 7); kept <- dedup[!is.na(dedup$ArrDelay), ]
mort <- read.csv(file.path(folder, "mortDefaultSmall2000.csv")); mort <- mort[mort$creditScore < 850, ]
kyphosis <- read.csv(file.path(folder, "kyphosis.from-rpart.csv")); kyphosis$event <- kyphosis$Kyphosis == "present"
air$Late <- air$ArrDelay > 15; air$DepHour <- as.integer(air$CRSDepTime); air$Night <- air$DepHour >= 20 | air$DepHour <= 5
air$VeryLate <- air$ArrDelay > 120 | is.na(air$ArrDelay)
tight <- glm.control(epsilon = 1e-12, maxit = 50)
RNGversion("3.2.0"); set.seed(50)
income <- rep(c(1000, 1500, 2500, 4000), each = 5) + 100 * rnorm(20); region <- factor(rep(c("Rural", "Urban"), each = 10)); sex <- factor(rep(rep(c("Female", "Male"), each = 5), 2))

models <- c(
  day = linear(lm(ArrDelay ~ DayOfWeek, air), c("(Intercept)", labels), one, gone),
  cube = linear(lm(ArrDelay ~ DayOfWeek - 1, air), labels, rep(FALSE, 7), gone, as.vector(table(air$DayOfWeek[!is.na(air$ArrDelay)]))),
  weighted = linear(lm(ArrDelay ~ CRSDepTime + DayOfWeek, kept, weights = FreqWt), c("(Intercept)", "CRSDepTime", labels), c(FALSE, one), sum(is.na(dedup$ArrDelay)), w = kept$FreqWt),
  cars = linear(lm(dist ~ speed, cars), c("(Intercept)", "speed"), c(FALSE, FALSE), 0),
  region_sex = linear(lm(income ~ region:sex - 1), c("region=Rural, sex=Female", "region=Urban, sex=Female", "region=Rural, sex=Male", "region=Urban, sex=Male"), rep(FALSE, 4), 0, rep(5, 4)),
  late = logistic(glm(Late ~ DepHour + Night, binomial, air, control = tight), c("(Intercept)", "DepHour", "Night"), rep(FALSE, 3), gone, 4),
  very_late = logistic(glm(VeryLate ~ DayOfWeek, binomial, air, control = tight), c("(Intercept)", labels), one, 0, 3),
  very_late_cells = logistic(glm(VeryLate ~ DayOfWeek - 1, binomial, air, control = tight), labels, rep(FALSE, 7), 0, 7),
  default = logistic(glm(default ~ ccDebt + yearsEmploy, binomial, mort, control = tight), c("(Intercept)", "ccDebt", "yearsEmploy"), rep(FALSE, 3), 0, 9),
  kyphosis = logistic(glm(event ~ Age + Start + Number, binomial, kyphosis, control = tight), c("(Intercept)", "Age", "Start", "Number"), rep(FALSE, 4), 0, 5)
)
cat("{\"made_by\": ", text(paste("published_models.R", R.version.string)), ",\n", paste0(text(names(models)), ": ", models, collapse = ",\n\n"), "}\n", sep = "")
