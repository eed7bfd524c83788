"""What a model asks of its data, answered by running the few ops that lead to the answer."""
