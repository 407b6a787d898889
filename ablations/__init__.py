"""The comparison: solutions, labelers, supervision, evaluation and the pipeline that runs the ablations."""
