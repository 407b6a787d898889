"""The embedded world: arithmetic problems, authors with misconceptions, an exact oracle, base models."""

from ablations.world.commands import cli_check, cli_pretrain, cli_sample

__all__ = ["cli_check", "cli_pretrain", "cli_sample"]
