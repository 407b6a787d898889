"""The pipeline's steps: each a frozen dataclass of its configuration and the steps that it reads."""
