"""Folding: groups of a layout shrink to one box without moving anything past anything else."""
