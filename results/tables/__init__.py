"""Tables as text and Markdown."""
