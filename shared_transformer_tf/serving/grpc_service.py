"""TensorFlow Serving's gRPC interface."""

from collections.abc import Callable

import grpc
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    predict_pb2,
)

from shared_transformer_tf.serving import refusal, tensor_message
from shared_transformer_tf.serving.service import Call, Service

REQUEST_ID_KEY = "x-request-id"
_SIGNATURES = "signature_def"


class GrpcService:
    """Predict, GetModelMetadata and GetModelStatus.

    Args:
        service: answers requests.
    """

    def __init__(self, service: Service):
        self._service = service

    def add_to(self, server: grpc.aio.Server) -> None:
        """Makes a server answer; other methods are UNIMPLEMENTED."""
        for name, methods in (
            (
                "PredictionService",
                {
                    "Predict": (self.predict, predict_pb2.PredictRequest),
                    "GetModelMetadata": (
                        self.get_model_metadata,
                        get_model_metadata_pb2.GetModelMetadataRequest,
                    ),
                },
            ),
            (
                "ModelService",
                {
                    "GetModelStatus": (
                        self.get_model_status,
                        get_model_status_pb2.GetModelStatusRequest,
                    )
                },
            ),
        ):
            handlers = {
                method: grpc.unary_unary_rpc_method_handler(
                    _answering(*told),
                    response_serializer=lambda message: (
                        message.SerializeToString()
                    ),
                )
                for method, told in methods.items()
            }
            server.add_generic_rpc_handlers(
                [
                    grpc.method_handlers_generic_handler(
                        f"tensorflow.serving.{name}", handlers
                    )
                ]
            )

    async def predict(self, request, context):
        """Runs a signature; its `output_filter` is heeded."""
        metadata = dict(context.invocation_metadata() or ())
        with self._service.call("grpc", metadata.get(REQUEST_ID_KEY)) as call:
            return await self._predict(request, context, call)

    async def _predict(self, request, context, call: Call):
        spec = request.model_spec
        served = self._service.find(spec.name, _version(spec))
        entry = self._service.find_signature(served, spec.signature_name, call)
        names = list(request.output_filter) or list(entry.outputs)
        for name in names:
            if name not in entry.outputs:
                raise refusal.Refusal(
                    "INVALID_ARGUMENT",
                    f"There is no output {name!r:.80}, expected some of "
                    f"{', '.join(entry.outputs)}.",
                )
        arrays = tensor_message.decode(request.inputs, entry)
        seconds = context.time_remaining()
        outputs = await self._service.run(served, entry, arrays, seconds, call)
        response = predict_pb2.PredictResponse()
        response.model_spec.name = self._service.settings.name
        response.model_spec.version.value = served.servable.number
        response.model_spec.signature_name = entry.name
        for name in names:
            response.outputs[name].CopyFrom(
                tensor_message.encode(outputs[name])
            )
        return response

    async def get_model_metadata(self, request, context):
        """Returns the signatures of the version that is served."""
        with self._service.guard():
            return self._metadata(request)

    def _metadata(self, request):
        spec = request.model_spec
        served = self._service.find(spec.name, _version(spec))
        if list(request.metadata_field) != [_SIGNATURES]:
            raise refusal.Refusal(
                "INVALID_ARGUMENT",
                f"The one metadata_field there is, is {_SIGNATURES!r}.",
            )
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = self._service.settings.name
        response.model_spec.version.value = served.servable.number
        response.metadata[_SIGNATURES].Pack(
            get_model_metadata_pb2.SignatureDefMap(
                signature_def=served.servable.definitions
            )
        )
        return response

    async def get_model_status(self, request, context):
        """Returns the state of all versions seen, or of the one asked for."""
        with self._service.guard():
            return self._status(request)

    def _status(self, request):
        spec = request.model_spec
        wanted = _version(spec)
        response = get_model_status_pb2.GetModelStatusResponse()
        if spec.name == self._service.settings.name:
            _fill(response, self._service.manager.states, wanted)
        if not response.model_version_status:
            raise refusal.Refusal(
                "NOT_FOUND", "There is no such model or version."
            )
        return response


def _answering(method: Callable, request_type: type) -> Callable:
    """Makes a method take bytes and tell refusals.

    gRPC itself answers bytes that are no message with UNKNOWN and logs a
    traceback.
    """

    async def answer(data: bytes, context):
        try:
            try:
                request = request_type.FromString(data)
            except DecodeError as error:
                name = request_type.DESCRIPTOR.name
                raise refusal.Refusal(
                    "INVALID_ARGUMENT", f"The message is no {name}."
                ) from error
            return await method(request, context)
        except refusal.Refusal as error:
            code = getattr(grpc.StatusCode, error.code)
            await context.abort(code, str(error))

    return answer


def _fill(response, states, wanted: int | None) -> None:
    values = get_model_status_pb2.ModelVersionStatus.State
    for number, state in sorted(states.items(), reverse=True):
        if wanted in (None, number):
            entry = response.model_version_status.add()
            entry.version = number
            entry.state = values.Value(state.name)
            if state.error:
                entry.status.error_code = grpc.StatusCode.UNKNOWN.value[0]
                entry.status.error_message = state.error


def _version(spec) -> int | None:
    choice = spec.WhichOneof("version_choice")
    if choice == "version_label":
        raise refusal.Refusal(
            "INVALID_ARGUMENT", "Versions have no labels here: give a number."
        )
    return spec.version.value if choice == "version" else None
