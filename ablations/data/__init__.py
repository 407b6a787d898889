"""Problems, solutions and what is known about their steps."""
