"""Whether final answers are right."""
