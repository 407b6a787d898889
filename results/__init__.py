"""What comes out of a run: records, statistics, tables, figures and the report. Knows nothing of training."""
