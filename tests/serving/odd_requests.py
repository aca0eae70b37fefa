"""Requests that no well-meaning client sends, made by seed."""

import base64
import json
import random

import numpy as np
import tensorflow as tf

from tests.serving import running

SIGNATURES = "serving_default nbest options numbers echo parse scalar".split()
_INPUTS = (
    "text beam_size length_penalty max_length whole parts flag x turns".split()
)
_PREDICT = "/v1/models/translator:predict"
_PATHS = (
    "/v1/models/translator",
    "/v1/models/translator/metadata",
    "/v1/models/translator/versions/1:predict",
    "/v1/models/translator/versions/999999999999999999999:predict",
    "/v1/models/translator/versions/%00:predict",
    "/v1/models/other:predict",
    "/v1/models/" + "n" * 5000 + ":predict",
    "/v1/models/%2e%2e%2f%2e%2e:predict",
    "/v1/models/translator:regress",
    "/v1/models//versions//:predict",
    "/../../etc/passwd",
    "/metrics",
    "/healthz",
    "/",
    "/page.js/../page.css",
    "/%C3%A9%ff?a=%ff",
)
_BREAKING = ("\x00", "\u2028", "\ud800", "\U0001f6b2", "<b>", '"', "\\", "\r\n")


class OddRequests:
    """Draws requests; all texts hold a token, to find them in answers.

    Args:
        seed: of the draw.
        token: that nobody else uses.
    """

    def __init__(self, seed, token):
        self._draw = random.Random(seed)
        self._token = token

    def text(self):
        draw = self._draw
        length = draw.choice([0, 1, 5, 50, 2000])
        odd = "".join(draw.choices(_BREAKING, k=length % 7))
        return f"{self._token} {odd}" + "w " * length

    def value(self, depth=0):
        """Returns any value of JSON."""
        draw = self._draw
        if depth < 4 and draw.random() < 0.4:
            items = [self.value(depth + 1) for _ in range(draw.randrange(4))]
            if draw.random() < 0.5:
                return items
            names = draw.choices([*_INPUTS, "b64", ""], k=len(items))
            return dict(zip(names, items, strict=True))
        return draw.choice(
            [
                None,
                True,
                0,
                -1,
                2**31,
                10**400,
                1e308,
                0.5,
                "",
                self.text(),
                {
                    "b64": base64.b64encode(
                        self.text().encode("utf-8", "replace")
                    ).decode()
                },
                {"b64": "*"},
            ]
        )

    def near(self):
        """Returns a body that is nearly right."""
        draw = self._draw
        body = {}
        if draw.random() < 0.7:
            body["signature_name"] = draw.choice([*SIGNATURES, "", "none"])
        rows = draw.choice([0, 1, 2, 7, 70, 1500])
        column = [self.text() for _ in range(min(rows, 3))] * (rows // 3 + 1)
        row = {"text": self.text(), "beam_size": 2, "max_length": 9}
        row["length_penalty"] = draw.choice([0.5, 1e39, None, "1", 2])
        body[draw.choice(["instances", "inputs"])] = draw.choice(
            [
                column[:rows],
                {"text": column[:rows]},
                [row] * min(rows, 50),
                {"whole": [[1, 2]], "parts": [[0.5]], "flag": [True]},
                1.5,
                self.value(),
            ]
        )
        return body

    def body(self):
        """Returns the bytes of a body."""
        draw = self._draw
        if draw.random() < 0.2:
            inputs, signature = self.right()
            texts = [text.decode() for text in inputs.pop("text")]
            inputs = {name: x.tolist() for name, x in inputs.items()}
            body = {"inputs": {"text": texts} | inputs}
            if signature:
                body["signature_name"] = signature
            return json.dumps(body).encode()
        kind = draw.random()
        if kind < 0.15:
            return draw.randbytes(draw.choice([0, 1, 10, 3000]))
        if kind < 0.25:
            opened = draw.choice(["[", '{"inputs":', '{"instances":['])
            return (opened * draw.choice([10, 900, 50_000])).encode()
        content = self.near() if kind < 0.8 else self.value()
        data = json.dumps(content).encode()
        if draw.random() < 0.15:  # damaged
            place = draw.randrange(len(data))
            return data[:place] + draw.randbytes(2) + data[place + 2 :]
        if draw.random() < 0.05:
            return data[: draw.randrange(len(data))]
        return data

    def rest(self):
        """Returns method, path, body and headers."""
        draw = self._draw
        path = _PREDICT if draw.random() < 0.8 else draw.choice(_PATHS)
        method = "POST"
        if path != _PREDICT or draw.random() < 0.05:
            method = draw.choice(["GET", "POST", "PUT", "OPTIONS", "HEAD"])
        headers = {}
        if draw.random() < 0.1:
            headers["X-Timeout-Seconds"] = draw.choice(
                ["0", "x", "1e400", "0.001", "5"]
            )
        if draw.random() < 0.1:
            headers["Content-Encoding"] = draw.choice(["gzip", "br", "x"])
        if draw.random() < 0.1:
            headers["X-Request-Id"] = self._token * draw.choice([1, 200])
        return method, path, self.body(), headers

    def tensor(self):
        """Returns a TensorProto that may lie."""
        draw = self._draw
        shape = [draw.choice([0, 1, 2, 3]) for _ in range(draw.randrange(4))]
        dtype = draw.choice(
            ["O", "i4", "i8", "f4", "f8", "b1", "u1", "c8", "f2"]
        )
        if dtype == "O":
            array = np.empty(shape, object)
            array[...] = self.text().encode("utf-8", "replace")
        else:
            array = np.ones(shape, dtype)
        message = tf.make_tensor_proto(array)
        lie = draw.random()
        if lie < 0.1:
            message.tensor_shape.dim.add().size = draw.choice(
                [-1, 10**12, 2**62]
            )
        elif lie < 0.15:
            message.dtype = draw.choice([0, 20, 21, 100, 7])
        elif lie < 0.2:
            message.tensor_shape.unknown_rank = True
        elif lie < 0.25:
            message.tensor_content = draw.randbytes(5)
        elif lie < 0.3:
            message.version_number = 99
        return message

    def right(self):
        """Returns inputs and signature that fit each other."""
        texts = [self.text().encode("utf-8", "replace")] * 3
        signature = self._draw.choice(["", "nbest", "options", "echo"])
        inputs = {"text": texts}
        if signature == "options":
            numbers = np.arange(3, dtype=np.int32)
            penalty = numbers.astype(np.float32)
            inputs |= {"beam_size": numbers, "length_penalty": penalty}
            inputs |= {"max_length": numbers}
        return inputs, signature

    def grpc(self):
        """Returns a PredictRequest."""
        draw = self._draw
        if draw.random() < 0.3:
            return running.message(*self.right())
        request = running.message(
            {},
            draw.choice([*SIGNATURES, "", "none", self._token]),
            name="translator" if draw.random() < 0.9 else self._token,
        )
        if draw.random() < 0.1:
            request.model_spec.version.value = draw.choice([0, 1, -(2**63)])
        if draw.random() < 0.05:
            request.model_spec.version_label = "label"
        if draw.random() < 0.1:
            request.output_filter.append(draw.choice(["scores", "none"]))
        names = draw.choice(
            [["text"], ["text"], _INPUTS[:4], _INPUTS[4:7], ["x"], ["none"], []]
        )
        for name in names:
            request.inputs[name].CopyFrom(self.tensor())
        return request
