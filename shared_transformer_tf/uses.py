"""Uses of each weight, counted from the forward pass itself.

A use of a weight is one call of a layer that reads it: of the innermost
layer, where calls nest. So a layer called at six depths uses its weights six
times, whatever model it stands in, and however often it reads one within a
call. What reads a weight outside any layer says that with `using`; other
reads are refused, for nobody could tell how many uses they are.
"""

import collections
import contextlib
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf

from shared_transformer_tf import layer_calls


class UnclearUseError(ValueError):
    """A weight is read where its uses cannot be counted."""


class Use:
    """One call of a layer, with the weights that it read.

    Attributes:
        name: path of the layer.
        values: what it read, by `id` of the weight.
    """

    def __init__(self, name: str):
        self.name = name
        self.values: dict[int, tf.Tensor] = {}


class UseRecorder(keras.StatelessScope):
    """Records the uses of weights in the forward pass under `with`.

    What layers assign meanwhile is assigned as ever, but for `seeds`, and
    the losses that they add are theirs afterwards.

    Args:
        weights: to be watched.
        tape: gives every use a copy of the weight that this tape watches,
            so that a gradient can be taken for each.
        copied: the weights whose uses get copies; `None`: all.
        alone: weights that nothing but layers' calls may read, so that the
            counts are all there is. Only in a graph can that be told. If
            stated, unclear uses of weights not copied either are left out.
        seeds: pairs of a variable, such as the state of a seed, and a tensor
            that stands for it under `with`. The variable stays as it is.

    Attributes:
        uses: the calls that read a watched weight, in order.

    Raises:
        UnclearUseError: under `with`, if a weight is read outside any layer,
            or within a loop or branch of the graph; at its end, if one of
            `alone` was read past its Keras variable.

    Example:
        weights = model.trainable_variables
        with tf.GradientTape() as tape, UseRecorder(weights, tape) as record:
            loss = tf.reduce_sum(model(x))
        gradients = tape.gradient(loss, record.copies())  # [weight][use]
    """

    def __init__(
        self,
        weights: Sequence[keras.Variable],
        tape: tf.GradientTape | None = None,
        copied: Sequence[keras.Variable] | None = None,
        seeds: Sequence[tuple[keras.Variable, tf.Tensor]] = (),
        alone: Sequence[keras.Variable] | None = None,
    ):
        super().__init__(
            state_mapping=seeds, collect_losses=True, initialize_variables=False
        )
        self.weights = list(weights)
        self._tape = tape
        copied = self.weights if copied is None else copied
        self._copied = {id(weight) for weight in copied} if tape else set()
        self.uses: list[Use] = []
        self._raw = {id(weight): weight.value for weight in self.weights}
        self._names = {id(weight): weight.path for weight in self.weights}
        self._open: list[Use] = []
        self._callers: list[keras.layers.Layer] = []
        self._lossy: list[tuple[keras.layers.Layer, tf.Tensor]] = []
        self._single: dict[int, tf.Tensor | None] = {
            id(weight): None
            for weight in alone or ()
            if id(weight) not in self._copied
        }
        self._strict = alone is None
        self._graph = None
        self._outer: UseRecorder | None = None

    def __enter__(self) -> "UseRecorder":
        self._graph = _current_graph()
        if self._graph is not None:
            self._made_before = len(self._graph.get_operations())
        self._outer = layer_calls.current()
        layer_calls.start(self)
        return super().__enter__()

    def __exit__(self, *args) -> None:
        super().__exit__(*args)
        layer_calls.stop(self._outer)
        kept = set(map(id, self.losses))
        for layer, loss in self._lossy:
            if id(loss) in kept:
                layer._losses.append(loss)
        if not any(args):
            self._check_reads()

    def get_current_value(self, variable: keras.Variable) -> tf.Tensor | None:
        """Notes a read; called by Keras. `None` is the weight itself."""
        key = id(variable)
        if key not in self._raw:
            return self.state_mapping.get(key)
        own = key in self._copied or key in self._single
        if (unclear := self._unclear(key)) and (own or self._strict):
            raise UnclearUseError(unclear)
        if unclear:
            return None
        values = self._open[-1].values
        if key not in values:
            values[key] = self._copy(key)
        return values[key] if own else None

    def _copy(self, key: int) -> tf.Tensor:
        if key not in self._copied:
            if key not in self._single:
                return self._raw[key]
            if self._single[key] is None:
                self._single[key] = tf.identity(self._raw[key])
            return self._single[key]
        copy = tf.stop_gradient(self._raw[key])
        self._tape.watch(copy)
        return copy

    def add_loss(self, loss: tf.Tensor) -> None:
        """Notes a loss that the layer being called adds; called by Keras."""
        super().add_loss(loss)
        self._lossy.append((self._callers[-1], loss))

    def add_update(self, update: tuple) -> None:
        """Assigns at once; called by Keras."""
        variable, value = update
        if id(variable) in self.state_mapping:
            self.state_mapping[id(variable)] = value
            return
        super().__exit__()
        try:
            variable.assign(value)
        finally:
            super().__enter__()

    @contextlib.contextmanager
    def open_use(self, name: str) -> Iterator[None]:
        """Takes the reads under `with` for one use."""
        use = Use(name)
        self._open.append(use)
        try:
            yield
        finally:
            self._open.pop()
        if use.values:
            self.uses.append(use)

    @contextlib.contextmanager
    def open_call(self, layer: keras.layers.Layer) -> Iterator[None]:
        """Takes what happens under `with` for a call of a layer."""
        self._callers.append(layer)
        try:
            with self.open_use(layer.path or layer.name):
                yield
        finally:
            self._callers.pop()

    def counts(self) -> list[int]:
        """Returns the uses of each watched weight."""
        found = collections.Counter(
            key for use in self.uses for key in use.values
        )
        return [found[id(weight)] for weight in self.weights]

    def copies(self) -> list[list[tf.Tensor]]:
        """Returns for each watched weight what each of its uses read."""
        return [
            [
                use.values[id(weight)]
                for use in self.uses
                if id(weight) in use.values
            ]
            for weight in self.weights
        ]

    def users(self) -> list[list[str]]:
        """Returns for each watched weight the layer of each use."""
        return [
            [use.name for use in self.uses if id(weight) in use.values]
            for weight in self.weights
        ]

    def check_gradients(self, gradients: Sequence) -> None:
        """Refuses gradients that flow past the recorded uses.

        Args:
            gradients: of the watched weights themselves, `None` where the
                loss does not depend on one.

        Raises:
            UnclearUseError: if a weight has more influence on the loss than
                the recorded uses carry.
        """
        for weight, count, gradient in zip(
            self.weights, self.counts(), gradients, strict=True
        ):
            alone = self._strict or id(weight) in self._single
            asked = id(weight) in self._copied or (alone and not count)
            if gradient is None or not asked:
                continue
            if weight.regularizer is not None:
                raise UnclearUseError(
                    f"The weight {weight.path} has a regularizer, which is no "
                    "use of it: give the optimizer a `weight_decay` instead."
                )
            raise _read_past(weight.path)

    def _check_reads(self) -> None:
        """Refuses reads of the weights to be read by layers alone."""
        if self._graph is None or not self._single:
            return
        inside = {id(ours): outside for outside, ours in self._graph.captures}
        handles = {id(self._raw[key].handle): key for key in self._single}
        reads = [one for one in self._single.values() if one is not None]
        known = {read.op.inputs[0].op.name for read in reads}
        for operation in self._graph.get_operations()[self._made_before :]:
            if operation.name in known:
                continue
            for tensor in operation.inputs:
                key = handles.get(id(inside.get(id(tensor))))
                if key is not None:
                    raise _read_past(self._names[key])

    def _unclear(self, key: int) -> str:
        """Says why a read can be counted as no use; empty: it can."""
        where = mend = ""
        if not self._open:
            where = "outside any layer's call"
            mend = "read it under `with uses.using(name):`, once for each use"
        elif _current_graph() is not self._graph:
            where = f"by {self._open[-1].name} in a loop or branch of the graph"
            mend = "unroll it"
        return where and (
            f"The weight {self._names[key]} is read {where}, so its uses "
            f"cannot be counted: {mend}."
        )


@contextlib.contextmanager
def using(name: str) -> Iterator[None]:
    """Takes the weights read under `with` for one use each.

    Without a `UseRecorder` at work it does nothing.
    """
    recorder = layer_calls.current()
    if recorder is None:
        yield
        return
    with recorder.open_use(name):
        yield


def describe(weights: Sequence[keras.Variable], counts: Sequence[int]) -> str:
    """Returns a table of the weights, grouped by their number of uses."""
    groups: dict[int, list[keras.Variable]] = {}
    for weight, count in zip(weights, counts, strict=True):
        groups.setdefault(count, []).append(weight)
    lines = []
    for count in sorted(groups):
        values = sum(int(w.shape.num_elements()) for w in groups[count])
        lines.append(f"{count} uses: {values:,} weights")
        lines += [f"  {weight.path}" for weight in groups[count]]
    return "\n".join(lines)


def _read_past(path: str) -> UnclearUseError:
    return UnclearUseError(
        f"The weight {path} acts on the loss where no layer's call reads it, "
        "so its uses cannot be counted: read it by its Keras variable, inside "
        "a layer or under `with uses.using(name):`."
    )


def _current_graph():
    return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
