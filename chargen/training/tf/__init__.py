"""A training step, and the loop over it: only this folder imports TensorFlow and Keras."""
