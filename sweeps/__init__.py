"""Hyperparameters by search: spaces, studies, the objective on validation problems."""
