"""The embedded worlds: problems, authors with misconceptions, an exact oracle, base models."""
