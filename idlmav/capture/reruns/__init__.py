"""Further runs, for models that need them."""
