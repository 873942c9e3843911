# R's converged values for the published models whose print stopped short of convergence; stored as published_glm.json.
# Run from this folder with the folder of the samples:
#   Rscript --vanilla published_glm.R ../../../../shared/data/revo-sample > published_glm.json
folder <- commandArgs(TRUE)[1]
array <- function(x) paste0("[", paste(sprintf("%.17g", x), collapse = ", "), "]")
# 1-norm condition number of X'WX, the intercept swept out, with unit diagonal.
condition <- function(V) { R <- cov2cor(solve(V)); norm(R, "1") * norm(solve(R), "1") }
values <- function(fit) {
  s <- summary(fit); keep <- !is.na(coef(fit))
  paste0("{\"estimates\": ", array(coef(fit)[keep]), ", \"errors\": ", array(s$coefficients[, 2]), ", \"statistics\": ", array(s$coefficients[, 3]),
         ", \"condition\": ", array(condition(vcov(fit)[-1, -1, drop = FALSE])), ", \"p\": ", array(s$coefficients[, 4]), ", \"deviance\": ", array(deviance(fit)), ", \"dispersion\": ", array(s$dispersion), "}")
}
tight <- glm.control(epsilon = 1e-15, maxit = 100)
kyphosis <- read.csv(file.path(folder, "kyphosis.from-rpart.csv"), stringsAsFactors = TRUE)
claims <- read.csv(file.path(folder, "claims.reconstructed.csv"), na.strings = "", stringsAsFactors = TRUE)
claims$car.age <- factor(claims$car.age, levels = c("0-3", "4-7", "8-9", "10+"))
cat("{\"K2\": ", values(glm(Kyphosis ~ Age, binomial, kyphosis, control = tight)),
    ",\n\"C7\": ", values(glm(cost ~ age + car.age + type, Gamma, claims, control = tight)),
    ",\n\"C8\": ", values(glm(cost ~ car.age + type, Gamma, claims, control = tight)), "}\n", sep = "")
