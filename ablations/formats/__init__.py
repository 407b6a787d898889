"""Readers and writers of public formats, one file per format."""
