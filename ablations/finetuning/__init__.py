"""Finetuning of checkpoints: the links of the paper's chain, each from a checkpoint's folder to another."""
