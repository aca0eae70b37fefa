"""One of many clients that load a server and check each answer."""

import collections
import dataclasses
import random
import time

import aiohttp
import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from shared_transformer_tf.benchmark import offline_answers

_MODEL = "translator"
_MOST_EXAMPLES = 5
_SECONDS = 60.0


@dataclasses.dataclass
class Tally:
    """What became of requests.

    Attributes:
        rows: by `right`, `tie`, `wrong`, `swapped`, and `lost`, those
            without an answer.
        milliseconds: of each request, by signature.
        examples: some answers that are not right.
    """

    rows: collections.Counter = dataclasses.field(
        default_factory=collections.Counter
    )
    milliseconds: dict[str, list[float]] = dataclasses.field(
        default_factory=lambda: collections.defaultdict(list)
    )
    examples: list[str] = dataclasses.field(default_factory=list)


class LoadClient:
    """Sends one request after the other, by gRPC or by HTTP.

    Args:
        rest: `host:port` of HTTP; "": speak gRPC.
        port: `host:port` of gRPC.
        answers: what may be asked, and what is right.
        seed: of the draw.
        tally: that all clients share.
    """

    def __init__(
        self,
        rest: str,
        port: str,
        answers: offline_answers.OfflineAnswers,
        seed: int,
        tally: Tally,
    ):
        self._rest = rest
        self._port = port
        self._answers = answers
        self._draw = random.Random(seed)
        self._tally = tally

    async def run(self, seconds: float, plain: bool) -> None:
        """Sends requests for some time.

        Args:
            seconds: no new request after them.
            plain: one text for `serving_default` each; else one to four
                texts for any variant.
        """
        end = time.monotonic() + seconds
        async with (
            aiohttp.ClientSession() as session,
            grpc.aio.insecure_channel(self._port) as channel,
        ):
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            while time.monotonic() < end:
                variant = self._answers.variants[0]
                count = 1
                if not plain:
                    variant = self._draw.choice(self._answers.variants)
                    count = self._draw.randint(1, 4)
                texts = self._draw.choices(self._answers.texts, k=count)
                await self._ask(session, stub, variant, texts)

    async def _ask(self, session, stub, variant, texts) -> None:
        started = time.monotonic()
        try:
            if self._rest:
                rows = await self._by_http(session, variant, texts)
            else:
                rows = await self._by_grpc(stub, variant, texts)
            if len(rows) != len(texts):
                raise ValueError(f"{len(rows)} rows for {len(texts)}")
        except (
            TimeoutError,
            grpc.RpcError,
            aiohttp.ClientError,
            ValueError,
        ) as error:
            self._tally.rows["lost"] += len(texts)
            self._show("lost", texts, repr(error))
            return
        took = 1000 * (time.monotonic() - started)
        self._tally.milliseconds[variant.signature].append(took)
        for text, row in zip(texts, rows, strict=True):
            verdict = self._answers.judge(variant, text, row)
            self._tally.rows[verdict] += 1
            if verdict != "right":
                self._show(verdict, text, row)

    def _show(self, verdict: str, text, came) -> None:
        if len(self._tally.examples) < _MOST_EXAMPLES:
            self._tally.examples.append(f"{verdict}: {text!r} {came!r}"[:500])

    async def _by_grpc(self, stub, variant, texts) -> list[dict]:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = _MODEL
        request.model_spec.signature_name = variant.signature
        for name, array in variant.inputs(texts).items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
        response = await stub.Predict(request, timeout=_SECONDS)
        return offline_answers.rows(
            {name: tf.make_ndarray(x) for name, x in response.outputs.items()}
        )

    async def _by_http(self, session, variant, texts) -> list[dict]:
        texts = [text.decode() for text in texts]
        columns = {"text": texts}
        for name, value in variant.values:
            columns[name] = [value] * len(texts)
        body = {"signature_name": variant.signature, "inputs": columns}
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        async with session.post(
            f"http://{self._rest}/v1/models/{_MODEL}:predict",
            json=body,
            timeout=timeout,
        ) as response:
            answer = await response.json()
        if response.status != 200:
            raise ValueError(f"{response.status} {answer}")
        outputs = answer["outputs"]
        if isinstance(outputs, list):
            return [{"translation": text} for text in outputs]
        return [
            dict(zip(outputs, row, strict=True))
            for row in zip(*outputs.values(), strict=True)
        ]
