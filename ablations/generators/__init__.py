"""Generators of solutions: a checkpoint, its prompt, the engine that runs it, and the resulting pool."""
