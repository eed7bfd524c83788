"""Values that a model reads: computed by running the few ops that lead to them, or guessed."""
