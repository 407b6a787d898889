"""Costs of steps: tokens, operations and hours."""
