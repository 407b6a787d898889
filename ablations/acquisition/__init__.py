"""Which solutions are labeled."""
