"""Analyses of the records of experiments, one file per experiment."""
