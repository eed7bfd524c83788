"""Surroundings of the ops: module calls, containers of inputs and outputs, and the state to restore."""
