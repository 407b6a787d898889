"""Room of the hyperparameter sweeps. It holds none yet; learning rates are chosen by each experiment's own grid."""
