"""How good scores are: best-of-N, votes, AUROC, calibration, first errors."""
