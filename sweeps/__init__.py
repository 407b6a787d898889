"""Hyperparameter search: spaces, studies, and the objective on validation problems."""
