"""From a checkpoint to text, and to scores of a text. NumPy only, never TensorFlow."""
