"""Steps and their store: what is run, where, and how it resumes."""
