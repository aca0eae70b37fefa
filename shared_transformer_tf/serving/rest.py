"""TensorFlow Serving's HTTP interface, metrics, health and the page."""

import asyncio
import importlib.resources
import json
import math

from aiohttp import web
from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2

from shared_transformer_tf.serving import (
    refusal,
    tensor_json,
    version_folder,
)
from shared_transformer_tf.serving.connections import Connections
from shared_transformer_tf.serving.service import Call, Service

DEADLINE_HEADER = "X-Timeout-Seconds"
REQUEST_ID_HEADER = "X-Request-Id"
_RETRY_SECONDS = "1"
_MODEL = "/v1/models/{name:[^/:]+}"
_VERSION = _MODEL + "/versions/{version:[^/:]+}"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; "
    "style-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_PAGE = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}


class Rest:
    """The HTTP application.

    Attributes:
        connections: for a watch over slow clients.

    Args:
        service: answers requests.
    """

    def __init__(self, service: Service):
        self._service = service
        told = service.settings
        self.connections = Connections(
            told.client_seconds,
            # A body that comes slowly and the longest deadline; sending the
            # answer is bounded by the other limit.
            600 + 2 * told.client_seconds,
        )

    def application(self) -> web.Application:
        """Returns what aiohttp runs."""
        application = web.Application(
            client_max_size=self._service.settings.max_body_bytes,
            middlewares=[self._answer],
        )
        routes = [
            web.get("/healthz", self._guarded(self._health)),
            web.get("/metrics", self._metrics),
            *(web.get(path, self._page) for path in _PAGE),
        ]
        for path in (_MODEL, _VERSION):
            routes += [
                web.post(path + ":predict", self._predict),
                web.get(path, self._guarded(self._status)),
                web.get(path + "/metadata", self._guarded(self._metadata)),
            ]
        application.add_routes(routes)
        return application

    @web.middleware
    async def _answer(self, request: web.Request, handler) -> web.Response:
        """Makes every error an object of JSON, whatever it is."""
        with self.connections.busy(request):
            try:
                response = await handler(request)
            except refusal.Refusal as error:
                response = _error(error.http_status, str(error))
                if error.http_status in (408, 413):
                    response.force_close()  # the rest is not waited for
                if error.code in refusal.TRY_LATER:
                    response.headers["Retry-After"] = _RETRY_SECONDS
            except web.HTTPException as error:
                message = (
                    f"{error.reason}: {request.method} {request.path[:200]!r}."
                )
                response = _error(error.status, message)
                if "Allow" in error.headers:
                    response.headers["Allow"] = error.headers["Allow"]
        response.headers.update(_HEADERS)
        return response

    async def _predict(self, request: web.Request) -> web.Response:
        asked = request.headers.get(REQUEST_ID_HEADER)
        with self._service.call("rest", asked) as call:
            response = _json(await self._predicted(request, call))
        response.headers[REQUEST_ID_HEADER] = call.request_id
        return response

    async def _predicted(self, request: web.Request, call: Call) -> bytes:
        seconds = _seconds(request)
        body = tensor_json.parse(await self._body(request))
        served = self._service.find(*_asked(request))
        entry = self._service.find_signature(
            served, body.get("signature_name", ""), call
        )
        arrays = tensor_json.decode(body, entry)
        outputs = await self._service.run(served, entry, arrays, seconds, call)
        return tensor_json.encode(body, entry, outputs)

    async def _body(self, request: web.Request) -> bytes:
        try:
            async with asyncio.timeout(self._service.settings.client_seconds):
                return await request.read()
        except TimeoutError:
            raise refusal.Refusal(
                "DEADLINE_EXCEEDED", "The body came too slowly.", 408
            ) from None
        except web.RequestPayloadError:
            raise refusal.Refusal(
                "INVALID_ARGUMENT",
                "The body is not encoded as its headers say.",
            ) from None
        except web.HTTPRequestEntityTooLarge:
            most = self._service.settings.max_body_bytes
            raise refusal.Refusal(
                "OUT_OF_RANGE", f"The body is larger than {most} bytes."
            ) from None

    def _guarded(self, handler):
        async def handle(request: web.Request) -> web.Response:
            with self._service.guard():
                return await handler(request)

        return handle

    async def _status(self, request: web.Request) -> web.Response:
        name, version = _asked(request)
        states = self._service.manager.states
        if name == self._service.settings.name and version is not None:
            states = {k: v for k, v in states.items() if k == version}
        if name != self._service.settings.name or not states:
            raise refusal.Refusal(
                "NOT_FOUND", "There is no such model or version."
            )
        return _json(
            {
                "model_version_status": [
                    {
                        "version": str(number),
                        "state": state.name,
                        "status": {
                            "error_code": "UNKNOWN" if state.error else "OK",
                            "error_message": state.error,
                        },
                    }
                    for number, state in sorted(states.items(), reverse=True)
                ]
            }
        )

    async def _metadata(self, request: web.Request) -> web.Response:
        served = self._service.find(*_asked(request))
        definitions = get_model_metadata_pb2.SignatureDefMap(
            signature_def=served.servable.definitions
        )
        return _json(
            {
                "model_spec": {
                    "name": self._service.settings.name,
                    "signature_name": "",
                    "version": str(served.servable.number),
                },
                "metadata": {
                    "signature_def": json_format.MessageToDict(
                        definitions,
                        preserving_proto_field_name=True,
                        always_print_fields_with_no_presence=True,
                    )
                },
            }
        )

    async def _health(self, request: web.Request) -> web.Response:
        served = self._service.find(self._service.settings.name, None)
        return _json(
            {
                "model": self._service.settings.name,
                "version": served.servable.number,
                "signatures": sorted(served.servable.signatures),
            }
        )

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(
            body=self._service.metrics.exposition(),
            headers={"Content-Type": "text/plain; version=0.0.4"},
        )

    async def _page(self, request: web.Request) -> web.Response:
        name, kind = _PAGE[request.path]
        folder = importlib.resources.files("shared_transformer_tf.serving")
        body = folder.joinpath("page", name).read_bytes()
        return web.Response(body=body, content_type=kind, charset="utf-8")


def _asked(request: web.Request) -> tuple[str, int | None]:
    version = request.match_info.get("version")
    if version is None:
        return request.match_info["name"], None
    if not (
        version.isascii()
        and version.isdecimal()
        and len(version) <= len(str(version_folder.LARGEST))
        and int(version) <= version_folder.LARGEST
    ):
        raise refusal.Refusal(
            "INVALID_ARGUMENT", f"{version!r:.80} is no version: give a number."
        )
    return request.match_info["name"], int(version)


def _seconds(request: web.Request) -> float | None:
    given = request.headers.get(DEADLINE_HEADER)
    if given is None:
        return None
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise refusal.Refusal(
            "INVALID_ARGUMENT",
            f"{DEADLINE_HEADER} is {given!r:.80}, expected seconds above 0.",
        )
    return seconds


def _json(content: bytes | dict, status: int = 200) -> web.Response:
    if isinstance(content, dict):
        content = json.dumps(content).encode()
    return web.Response(
        body=content, status=status, content_type="application/json"
    )


def _error(status: int, message: str) -> web.Response:
    return _json({"error": message}, status)
