"""Grading of final answers."""
