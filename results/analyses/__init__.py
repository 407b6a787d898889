"""Analyses of the records of experiments, one file per experiment.

A ``frame`` holds records of one experiment, scale and dataset, as ``results.records.read_records`` returns;
where noted, it may be their summary from ``results.stats.summaries.summarize``.
"""
