"""Analyses of the records of experiments, one file per experiment.

A ``frame`` holds the records of one experiment, scale and dataset from ``results.records``. Where noted,
it may be their summary from ``results.stats.summaries.summarize``.
"""
