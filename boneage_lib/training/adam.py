"""Adam, in one pass over the weights where Keras' backend has a kernel for it.

Keras 3 writes Adam as a chain of array operations. On a CPU, TensorFlow runs them one after
another, each over all three million weights of the InceptionV3 head, and the update takes twice as
long as the gradients. TensorFlow's own kernel does the same arithmetic in one pass. JAX compiles
the chain into one by itself.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="boneage")
class OnePassAdam(keras.optimizers.Adam):
    """Keras' Adam on TensorFlow's fused kernel; same state, same result to the last digits."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable and its moments, as `keras.optimizers.Adam` does."""
        # As in `gradients`, `processor` and `runtimes`, a backend is named only where it is in use.
        from tensorflow import raw_ops

        place = self._get_variable_index(variable)
        step = ops.cast(self.iterations + 1, variable.dtype)
        raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[place]),
            v=_handle(self._velocities[place]),
            beta1_power=ops.power(ops.cast(self.beta_1, variable.dtype), step),
            beta2_power=ops.power(ops.cast(self.beta_2, variable.dtype), step),
            lr=ops.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


def adam(
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
) -> keras.optimizers.Adam:
    """Adam as the paper uses it (section III), in this backend's fastest form."""
    if keras.backend.backend() == "tensorflow":
        return OnePassAdam(learning_rate)
    return keras.optimizers.Adam(learning_rate)


def _handle(variable: Any) -> Any:
    """Of Keras' variable, or of the TensorFlow variable behind it, which Keras passes on."""
    if isinstance(variable, keras.Variable):
        variable = variable.value
    return variable.handle
