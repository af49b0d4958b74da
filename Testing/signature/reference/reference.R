# Draws small data sets and prints what pROC, glmnet, caret, randomForest and psych make of them.
#   Rscript reference.R      (in this folder; writes *.csv and reference.json beside itself)
# The tests read those files; they need no R.
suppressPackageStartupMessages({
  library(pROC); library(glmnet); library(caret); library(randomForest); library(psych); library(jsonlite)
})
set.seed(20240)
rounded <- function(x, digits) as.data.frame(round(x, digits))
versions <- sapply(c("pROC", "glmnet", "caret", "randomForest", "psych"), function(p) as.character(packageVersion(p)))
out <- list(R = R.version.string, versions = as.list(versions))

# --- ROC: 183 rows, heavy ties, one score that is lower in cases, one with equal medians, one nearly perfect
n <- 183
label <- rbinom(n, 1, 0.4)
scores <- data.frame(
  label = label,
  body = round(rnorm(n, 1.6 * label), 1),
  trabecular = round(rnorm(n, 0.9 * label), 1),
  hu = round(rnorm(n, 140 - 35 * label, 35)),
  coarse = sample(0:3, n, TRUE) + label * rbinom(n, 1, 0.2),
  perfect = round(rnorm(n, 9 * label), 2)
)
write.csv(scores, "scores.csv", row.names = FALSE)
names <- setdiff(colnames(scores), "label")
curve <- function(name, direction) roc(scores$label, scores[[name]], direction = direction, quiet = TRUE)
point <- function(r) {
  best <- coords(r, "best", best.method = "youden", transpose = FALSE)
  list(threshold = best$threshold[1], sensitivity = best$sensitivity[1], specificity = best$specificity[1])
}
described <- function(r) list(
  auc = as.numeric(auc(r)), ci95 = as.numeric(ci.auc(r, method = "delong"))[c(1, 3)],
  ci90 = as.numeric(ci.auc(r, method = "delong", conf.level = 0.9))[c(1, 3)],
  variance = var(r, method = "delong"), direction = r$direction, youden = point(r),
  thresholds = sum(is.finite(r$thresholds))
)
out$roc <- list()
for (direction in c("auto", "<", ">"))
  out$roc[[direction]] <- sapply(names, function(name) described(curve(name, direction)), simplify = FALSE)
out$delong <- list()
for (pair in combn(names, 2, simplify = FALSE)) {
  test <- roc.test(curve(pair[1], "auto"), curve(pair[2], "auto"), method = "delong", paired = TRUE)
  out$delong[[paste(pair, collapse = "~")]] <- list(z = as.numeric(test$statistic), p = test$p.value)
}

# --- LASSO: wide enough (204 x 30), and more features than rows (60 x 90); folds given
path <- function(file, x, y, folds) {
  write.csv(cbind(fold = folds, label = y, x), file, row.names = FALSE)
  x <- as.matrix(x)
  one <- function(thresh) {
    fit <- cv.glmnet(x, y, family = "binomial", foldid = folds, thresh = thresh)
    whole <- coef(fit$glmnet.fit)
    list(
      lambdas = fit$lambda, mean_deviance = fit$cvm, se_deviance = fit$cvsd,
      lambda_min = fit$lambda.min, lambda_1se = fit$lambda.1se,
      deviance_ratio = fit$glmnet.fit$dev.ratio, nonzero = as.numeric(fit$glmnet.fit$df),
      coef_min = as.numeric(coef(fit, s = "lambda.min")), coef_1se = as.numeric(coef(fit, s = "lambda.1se")),
      between = mean(fit$lambda[10:11]), coef_between = as.numeric(coef(fit, s = mean(fit$lambda[10:11]))),
      coef_last = as.numeric(whole[, ncol(whole)])
    )
  }
  list(default = one(1e-7), tight = one(1e-13))
}
block <- function(n, p, blocks, noise) {
  shared <- matrix(rnorm(n * blocks), n)
  x <- shared[, rep(seq_len(blocks), length.out = p)] * rep(sample(c(-1, 1), p, TRUE), each = n)
  x <- x + noise * matrix(rnorm(n * p), n)
  x <- sweep(sweep(x, 2, 10^runif(p, -1, 2), "*"), 2, runif(p, -50, 50), "+")
  colnames(x) <- paste0("f", seq_len(p))
  list(x = rounded(x, 3), shared = shared)
}
wide <- block(204, 30, 12, 1)
y <- rbinom(204, 1, plogis(1.5 * wide$shared[, 1] - wide$shared[, 2] + 0.8 * wide$shared[, 5] - 0.5))
out$lasso <- list(wide = path("wide.csv", wide$x, y, sample(rep(1:10, length.out = 204))))
tall <- block(60, 90, 25, 1)
y <- rbinom(60, 1, plogis(2 * tall$shared[, 1] - tall$shared[, 2]))
out$lasso$tall <- path("tall.csv", tall$x, y, sample(rep(1:5, length.out = 60)))

# --- correlation clusters: 60 columns (exact is the default) and 120 (fast), with copies and mirrored copies
clustered <- block(80, 120, 40, 0.35)$x
clustered[, 17] <- clustered[, 3]
clustered[, 90] <- -2 * clustered[, 3]
clustered[, 55] <- clustered[, 20] * 0.5 + 1
write.csv(clustered, "clustered.csv", row.names = FALSE)
dropped <- function(x, ...) findCorrelation(cor(x), names = TRUE, ...)
few <- clustered[, 1:60]
out$correlated <- list(
  few = list(default = dropped(few), exact = dropped(few, exact = TRUE), fast = dropped(few, exact = FALSE)),
  many = list(default = dropped(clustered), exact = dropped(clustered, exact = TRUE), fast = dropped(clustered, exact = FALSE)),
  many_at_0.8 = list(default = dropped(clustered, cutoff = 0.8), exact = dropped(clustered, cutoff = 0.8, exact = TRUE))
)

# --- random forest: which of the wide set's features carry the most Gini importance
y <- read.csv("wide.csv")$label
forest <- randomForest(as.matrix(wide$x), factor(y), ntree = 500)
importance <- importance(forest)[, "MeanDecreaseGini"]
out$forest <- list(order = names(sort(importance, decreasing = TRUE)), share = as.numeric(sort(importance, decreasing = TRUE) / sum(importance)))

# --- agreement: three readers of 25 masks; two readings of 40
readers <- rounded(matrix(rnorm(25 * 3, sd = 2), 25) + rnorm(25, 120, 6) + rep(c(0, 1.5, -1), each = 25), 2)
colnames(readers) <- c("a", "b", "c")
write.csv(readers, "readers.csv", row.names = FALSE)
icc <- ICC(readers, lmer = FALSE)$results
rownames(icc) <- icc$type
keep <- function(type) list(icc = icc[type, "ICC"], ci95 = c(icc[type, "lower bound"], icc[type, "upper bound"]))
out$icc <- list("2,1" = keep("ICC2"), "3,1" = keep("ICC3"))

# --- calibration: a model that is too sure of itself
probability <- round(plogis(rnorm(183, 2 * (label - 0.4), 1.5)), 4)
write.csv(data.frame(label = label, probability = probability), "probabilities.csv", row.names = FALSE)
out$calibration <- list(
  brier = mean((probability - label)^2),
  slope = as.numeric(coef(glm(label ~ qlogis(probability), family = binomial, control = list(epsilon = 1e-14)))[2]),
  intercept = as.numeric(coef(glm(label ~ 1, offset = qlogis(probability), family = binomial, control = list(epsilon = 1e-14))))
)
write(toJSON(out, digits = NA, auto_unbox = TRUE, pretty = TRUE), "reference.json")
