"""Room of the hyperparameter sweeps; it holds none yet."""
