"""What the records of an experiment say, one file per experiment."""
