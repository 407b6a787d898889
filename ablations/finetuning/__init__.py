"""Finetuning of checkpoints: the links of the paper's chain, each from one checkpoint folder to another."""
