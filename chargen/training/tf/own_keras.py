"""Keras as chargen needs it, whatever the user's own Keras is set to.

Every module here takes `keras` from this one and builds layers and optimizers within
`float32`. So the same weights come out, whatever is set in the environment, in
~/.keras/keras.json, or by the program that uses chargen.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from unittest import mock

from chargen.errors import TrainingError

if "keras" not in sys.modules:
    # A device has no folders below it: Keras finds no settings there, and leaves none.
    nowhere = {"KERAS_BACKEND": "tensorflow", "KERAS_HOME": f"{os.devnull}/keras"}
    with mock.patch.dict(os.environ, nowhere):
        import keras
else:
    import keras

if keras.config.backend() != "tensorflow":
    raise TrainingError(
        f"this program runs Keras on {keras.config.backend()}, and chargen trains on "
        "TensorFlow: set KERAS_BACKEND=tensorflow before Keras is imported"
    )

__all__ = ["float32", "keras"]


@contextlib.contextmanager
def float32() -> Iterator[None]:
    """A context in which what is built computes in float32."""
    config = keras.config
    before = config.floatx(), config.dtype_policy(), config.epsilon()
    config.set_floatx("float32")
    config.set_dtype_policy("float32")
    config.set_epsilon(1e-7)
    try:
        yield
    finally:
        config.set_floatx(before[0])
        config.set_dtype_policy(before[1])
        config.set_epsilon(before[2])
