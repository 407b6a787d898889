"""One file a public format, read and write."""
