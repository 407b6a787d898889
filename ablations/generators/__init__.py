"""Who writes solutions: a checkpoint, its prompt, the engine that runs it, and the pool that comes of it."""
