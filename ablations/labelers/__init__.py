"""Labelers: each file turns one kind of source into `StepScores`."""
