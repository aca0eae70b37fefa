"""One version of a model in memory.

It is loaded by name from the graph, as TensorFlow Serving does, not by
`tf.saved_model.load`: a SavedModel that needs Python is noticed here, and
`close` frees what it took at once. The speed of the two is the same.
"""

import pathlib
import threading

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  registers the SentencePiece operations
from tensorflow_serving.apis import prediction_log_pb2

from shared_transformer_tf import errors
from shared_transformer_tf.serving import (
    refusal,
    signature,
    tensor_message,
    version_folder,
)

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
_MOST_WARMUP_RECORDS = 1000
_WARMUP_SECONDS = 600.0


class Servable:
    """Runs the signatures of a SavedModel; may be called by many threads.

    Attributes:
        number: the version.
        signatures: by name.
        definitions: SignatureDef messages by name.

    Args:
        version: what to load.

    Raises:
        InputError: if it cannot be loaded or has nothing to serve.
    """

    def __init__(self, version: version_folder.VersionFolder):
        self.number = version.number
        self._path = version.path
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        try:
            loaded = tf.compat.v1.saved_model.loader.load(
                self._session, [tf.saved_model.SERVING], version.path
            )
            self.definitions = {
                name: definition
                for name, definition in loaded.signature_def.items()
                if not name.startswith("__")
            }
            self.signatures = signature.read(self.definitions)
        except Exception as error:  # damaged files raise almost any kind
            self.close()
            raise errors.InputError(
                f"{version.path} cannot be loaded: {_first_line(error)}. Copy "
                "it again or remove it."
            ) from error
        if not self.signatures:
            self.close()
            raise errors.InputError(
                f"{version.path} has no signature of text, numbers or "
                "booleans to serve: export it again or remove it."
            )
        self._callables = {}
        self._lock = threading.Lock()

    def run(
        self, name: str, arrays: dict[str, np.ndarray], seconds: float
    ) -> dict[str, np.ndarray]:
        """Runs a signature.

        Args:
            name: of the signature.
            arrays: that its `check` accepts.
            seconds: after which it is given up.

        Returns:
            The outputs by name.

        Raises:
            Refusal: if the graph fails.
        """
        entry = self.signatures[name]
        milliseconds = max(1, round(1000 * seconds))
        options = tf.compat.v1.RunOptions(timeout_in_ms=milliseconds)
        try:
            outputs = self._callable(entry)(
                *(arrays[name] for name in entry.inputs), options=options
            )
        except tf.errors.DeadlineExceededError as error:
            raise refusal.Refusal(
                "DEADLINE_EXCEEDED", "The model took longer than it may."
            ) from error
        except (tf.errors.InvalidArgumentError, ValueError) as error:
            raise refusal.Refusal(
                "INVALID_ARGUMENT", f"The model refuses: {_first_line(error)}"
            ) from error
        except tf.errors.OpError as error:
            raise refusal.Refusal(
                "INTERNAL", f"The model failed: {_first_line(error)}"
            ) from error
        return dict(zip(entry.outputs, outputs, strict=True))

    def _callable(self, entry: signature.Signature):
        with self._lock:
            if entry.name not in self._callables:
                self._callables[entry.name] = self._session.make_callable(
                    [spec.tensor for spec in entry.outputs.values()],
                    [spec.tensor for spec in entry.inputs.values()],
                    accept_options=True,
                )
            return self._callables[entry.name]

    def warm_up(self) -> int:
        """Runs the requests that lie beside the model.

        Returns:
            How many there were.

        Raises:
            InputError: if one is damaged or fails.
        """
        path = pathlib.Path(self._path, WARMUP_FILE)
        if not path.exists():
            return 0
        count = 0
        try:
            for record in tf.compat.v1.io.tf_record_iterator(str(path)):
                log = prediction_log_pb2.PredictionLog.FromString(record)
                self._replay(log)
                count += 1
                if count >= _MOST_WARMUP_RECORDS:
                    break
        except Exception as error:  # damaged files raise almost any kind
            raise errors.InputError(
                f"Warm-up request {count + 1} of {path} fails: "
                f"{_first_line(error)}. Copy {self._path} again or remove it."
            ) from error
        return count

    def _replay(self, log: prediction_log_pb2.PredictionLog) -> None:
        if log.WhichOneof("log_type") != "predict_log":
            raise errors.InputError("It is no PredictLog, and must be one.")
        request = log.predict_log.request
        name = request.model_spec.signature_name or signature.DEFAULT
        if name not in self.signatures:
            raise errors.InputError(f"The model has no signature {name!r}.")
        entry = self.signatures[name]
        arrays = tensor_message.decode(request.inputs, entry)
        entry.check(arrays)
        self.run(name, arrays, _WARMUP_SECONDS)

    def close(self) -> None:
        """Frees the graph and its weights."""
        self._session.close()


def _first_line(error: Exception) -> str:
    # TensorFlow's errors put a preface before the message of their context.
    cause = error.__context__ if isinstance(error, tf.errors.OpError) else None
    lines = str(cause or error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300].rstrip(".")
