"""Problems, solutions and what is known of their steps."""
