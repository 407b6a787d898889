"""Hostile inputs to every command: malformed files, damaged checkpoints, full disks, strange terminals."""
