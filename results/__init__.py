"""Outputs of a run: records, statistics, tables, figures and the report. Independent of training."""
