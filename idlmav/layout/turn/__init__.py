"""Layouts whose flow turns at one op: a U or an L."""
