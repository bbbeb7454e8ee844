"""From a text to a run: what is asked for, what is chosen, and the training itself."""
