"""Evaluation of scores: best-of-N, votes, AUROC, calibration, first errors."""
