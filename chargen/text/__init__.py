"""Characters and ids: from a text file to the batches that a training step learns from."""
