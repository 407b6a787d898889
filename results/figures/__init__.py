"""One figure per file: a function ``plot(frame, ax) -> ax`` and a script. ``gallery.FIGURES`` lists them."""
