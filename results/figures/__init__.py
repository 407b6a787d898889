"""One figure per file. ``gallery.FIGURES`` lists them; ``python -m results.figures`` draws one.

``plot(frame, ax)`` draws on the axes a summary from ``results.stats.summaries.summarize``.
"""
