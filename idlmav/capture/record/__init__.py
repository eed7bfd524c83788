"""What is written down while a model runs."""
