"""One update of a model: gradients, clipping, optimizers, averaged weights.

If SOAP is asked for, it trains the kernels of the recurrent layers. All other weights are
trained by Keras's AdamW, with one optimizer for each half of them; the two run side by
side, each compiled into one program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import tensorflow as tf

from chargen.training.plan import Plan
from chargen.training.settings import Settings
from chargen.training.tf.average import Average
from chargen.training.tf.forward import Tensors, loss_and_gradients, losses
from chargen.training.tf.matmul import compiled, total
from chargen.training.tf.own_keras import keras
from chargen.training.tf.soap import BETA_2, Soap


class Update:
    """The compiled functions that train and score a model's weights.

    Args:
        model: a model as `keras_model.build_model` returns it.
        settings: the settings of the run.
        plan: how to compute the functions.
        end: the id that is read from zero states, as the model was built for; None if
            there is none.
    """

    def __init__(
        self,
        model: keras.Model,
        settings: Settings,
        plan: Plan,
        *,
        end: int | None = None,
    ) -> None:
        self._model = model
        self._variables = model.trainable_variables
        self._settings = settings
        self._plan = plan
        self._end = end
        shapes = settings.model.weight_shapes(model.outputs[0].shape[-1])
        self._kernels = []
        if settings.optimizer == "soap":
            self._kernels = [i for i, x in enumerate(shapes.items()) if _is_for_soap(*x)]
        self._soap = Soap(
            [self._variables[i].value for i in self._kernels],
            plan,
            weight_decay=float(settings.weight_decay),
        )
        others = [i for i in range(len(shapes)) if i not in self._kernels]
        self._halves = _halves(self._variables, others)
        self._adamw = [self._optimizer(half) for half in self._halves]
        self._apply_adamw = [
            tf.function(self._applier(k), jit_compile=plan.xla, autograph=False)
            for k in range(len(self._halves))
        ]
        self._average = Average([v.value for v in self._variables], plan)
        self.train = tf.function(self._train, autograph=False)
        self.score = tf.function(self._score, autograph=False)

    @property
    def averaged(self) -> list[tf.Variable]:
        """The averaged weights, in the order of the model's; these are scored."""
        return self._average.variables

    @property
    def private(self) -> dict[str, tf.Variable | keras.Variable]:
        """What only a resume needs: the latest weights, and the optimizers' memory."""
        adamw = [v for optimizer in self._adamw for v in optimizer.variables]
        return {
            **{f"weight.{i}": v for i, v in enumerate(self._variables)},
            **{f"optimizer.{i}": v for i, v in enumerate([*self._soap.variables, *adamw])},
        }

    def start_from(self, weights: Sequence[tf.Tensor]) -> None:
        """Set the weights, and their average, before the first update."""
        for variable, mean, array in zip(
            self._variables, self.averaged, weights, strict=True
        ):
            variable.assign(array)
            mean.assign(array)

    def _optimizer(self, half: list[int]) -> keras.optimizers.Optimizer:
        settings = self._settings
        optimizer = keras.optimizers.AdamW(
            float(settings.learning_rate),
            weight_decay=float(settings.weight_decay),
            beta_2=BETA_2,
        )
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        optimizer.build([self._variables[i] for i in half])
        return optimizer

    def _train(
        self,
        inputs: tf.Tensor,
        targets: tf.Tensor,
        states: Tensors,
        rate: tf.Tensor,
        key: tf.Tensor,
        share: tf.Tensor,
    ) -> tuple[tf.Tensor, Tensors]:
        """Update the weights once, and their average.

        Args:
            inputs, targets: (B, T) int32.
            states: (B, H) each.
            rate: scalar float32, the learning rate.
            key: (2,) int32, the key of the dropout masks.
            share: scalar float32, the share of the new weights in the average.

        Returns:
            The mean loss before the update, in nats, and the new states.
        """
        if self._plan.stock:
            loss, gradients, states = self._stock_gradients(inputs, targets, states, key)
        else:
            loss, gradients, states = loss_and_gradients(
                self._variables,
                inputs,
                targets,
                states,
                self._settings.cell,
                self._plan,
                tied=self._settings.tied,
                end=self._end,
                dropout=self._settings.dropout,
                key=key,
            )
        kernels = [[shard[i] for i in self._kernels] for shard in gradients]
        halves = [
            [[shard[i] for i in half] for shard in gradients] for half in self._halves
        ]
        squared, projected = self._soap.project(kernels)
        scale, clip_norm = tf.ones(()), self._settings.clip_norm
        if clip_norm:
            squared += [
                compiled(_squared_norm, self._plan.of_shard(k))(half)
                for k, half in enumerate(halves)
            ]
            scale = clip_norm / tf.maximum(tf.sqrt(total(squared)), clip_norm)
        self._soap.apply(kernels, projected, scale, rate)
        for half, apply in zip(halves, self._apply_adamw, strict=True):
            apply(half, scale, rate)
        self._average.include(share)
        return loss, states

    def _stock_gradients(
        self, inputs: tf.Tensor, targets: tf.Tensor, states: Tensors, key: tf.Tensor
    ) -> tuple[tf.Tensor, list[Tensors], Tensors]:
        """Compute what `forward.loss_and_gradients` computes, with Keras's own layers."""
        for place, layer in enumerate(self._model.layers):
            if isinstance(layer, keras.layers.Dropout):
                mask_key = tf.cast(tf.stack([key[0] + (place << 24), key[1]]), tf.int64)
                layer.seed_generator.state.assign(mask_key)
        with tf.GradientTape() as tape:
            logits, *states = self._model([inputs, *states], training=True)
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_mean(each)
        gradients = tape.gradient(loss, self._variables)
        # The embedding's gradient comes as slices; clipping wants it whole.
        return loss, [[tf.convert_to_tensor(g) for g in gradients]], states

    def _applier(self, k: int) -> Callable[..., None]:
        optimizer, half = self._adamw[k], self._halves[k]
        variables = [self._variables[i] for i in half]

        def apply(gradients: list[Tensors], scale: tf.Tensor, rate: tf.Tensor) -> None:
            optimizer.learning_rate.assign(rate)
            summed = [total(shards) * scale for shards in zip(*gradients, strict=True)]
            optimizer.apply(summed, variables)

        return apply

    def _score(
        self, inputs: tf.Tensor, targets: tf.Tensor, states: Tensors
    ) -> tuple[tf.Tensor, Tensors]:
        """Return the loss of each target (B, T), in nats, and the new states.

        The weights are the averaged ones.
        """
        if self._plan.stock:
            (outputs, *states), _ = self._model.stateless_call(
                self.averaged,
                [v.value for v in self._model.non_trainable_variables],
                [inputs, *states],
                training=False,
            )
            return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs), states
        plan = replace(self._plan, precision="float32")
        settings = self._settings
        return losses(
            self.averaged,
            inputs,
            targets,
            states,
            settings.cell,
            plan,
            tied=settings.tied,
            end=self._end,
        )


def _squared_norm(gradients: list[Tensors]) -> tf.Tensor:
    summed = [total(shards) for shards in zip(*gradients, strict=True)]
    return total(tf.reduce_sum(g * g) for g in summed)


def _is_for_soap(name: str, shape: tuple[int, ...]) -> bool:
    """Whether a weight, by its name in a checkpoint, is a recurrent layer's kernel.

    A kernel with more rows than columns is not for SOAP: the basis would be larger than
    the kernel itself.
    """
    return name.startswith("rnn.") and name.endswith("kernel") and shape[0] <= shape[1]


def _halves(variables: Sequence[keras.Variable], indices: list[int]) -> list[list[int]]:
    """Cut the indices of some weights into two parts of about one size."""
    order = sorted(indices, key=lambda i: -variables[i].numpy().size)
    halves: list[list[int]] = [[], []]
    sizes = [0, 0]
    for i in order:
        k = sizes.index(min(sizes))
        halves[k].append(i)
        sizes[k] += variables[i].numpy().size
    return [sorted(half) for half in halves]
