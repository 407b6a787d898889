"""A world of arithmetic: a running total, and authors with misconceptions about carrying."""
