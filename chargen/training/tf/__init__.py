"""A training step, and the loop over it: only this folder imports TensorFlow and Keras."""

# First of all: TensorFlow imports Keras, and would do so with the user's own settings.
from chargen.training.tf import own_keras as own_keras
