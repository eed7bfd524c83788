"""Further runs, made only for models that need them."""
