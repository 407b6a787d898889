"""One figure per file. ``gallery.FIGURES`` lists them; ``python -m results.figures`` draws one."""
