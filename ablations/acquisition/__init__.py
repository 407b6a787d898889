"""Choosing which solutions to label."""
