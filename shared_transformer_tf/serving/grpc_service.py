"""TensorFlow Serving's gRPC interface."""

import grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from shared_transformer_tf.serving import refusal, tensor_message
from shared_transformer_tf.serving.service import Call, Service

REQUEST_ID_KEY = "x-request-id"
_SIGNATURES = "signature_def"


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata.

    Args:
        service: answers requests.
    """

    def __init__(self, service: Service):
        self._service = service

    async def Predict(self, request, context):  # noqa: N802  the name in gRPC
        """Runs a signature; its `output_filter` is heeded."""
        metadata = dict(context.invocation_metadata() or ())
        try:
            with self._service.call(
                "grpc", metadata.get(REQUEST_ID_KEY)
            ) as call:
                return await self._predict(request, context, call)
        except refusal.Refusal as error:
            await _abort(context, error)

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

    async def GetModelMetadata(self, request, context):  # noqa: N802
        """Returns the signatures of the version that is served."""
        try:
            spec = request.model_spec
            served = self._service.find(spec.name, _version(spec))
            if list(request.metadata_field) != [_SIGNATURES]:
                raise refusal.Refusal(
                    "INVALID_ARGUMENT",
                    f"The one metadata_field there is, is {_SIGNATURES!r}.",
                )
        except refusal.Refusal as error:
            await _abort(context, error)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = self._service.settings.name
        response.model_spec.version.value = served.servable.number
        response.metadata[_SIGNATURES].Pack(
            get_model_metadata_pb2.SignatureDefMap(
                signature_def=served.servable.definitions
            )
        )
        return response

    async def Classify(self, request, context):  # noqa: N802
        """Is not served."""
        await _unimplemented(context)

    async def Regress(self, request, context):  # noqa: N802
        """Is not served."""
        await _unimplemented(context)

    async def MultiInference(self, request, context):  # noqa: N802
        """Is not served."""
        await _unimplemented(context)


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus.

    Args:
        service: knows the versions.
    """

    def __init__(self, service: Service):
        self._service = service

    async def GetModelStatus(self, request, context):  # noqa: N802
        """Returns the state of all versions seen, or of the one asked for."""
        spec = request.model_spec
        response = get_model_status_pb2.GetModelStatusResponse()
        try:
            wanted = _version(spec)
            if spec.name == self._service.settings.name:
                _fill(response, self._service.manager.states, wanted)
            if not response.model_version_status:
                raise refusal.Refusal(
                    "NOT_FOUND", "There is no such model or version."
                )
        except refusal.Refusal as error:
            await _abort(context, error)
        return response

    async def HandleReloadConfigRequest(self, request, context):  # noqa: N802
        """Is not served: the folder is watched."""
        await _unimplemented(context)


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


async def _abort(context, error: refusal.Refusal) -> None:
    await context.abort(getattr(grpc.StatusCode, error.code), str(error))


async def _unimplemented(context) -> None:
    message = "This server answers Predict, GetModelMetadata, GetModelStatus."
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, message)
