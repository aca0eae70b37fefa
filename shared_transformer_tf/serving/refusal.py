"""Why a request is not answered, in the words of gRPC and of HTTP."""

HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "NOT_FOUND": 404,
    "OUT_OF_RANGE": 413,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
TRY_LATER = ("RESOURCE_EXHAUSTED", "UNAVAILABLE")


class Refusal(Exception):
    """A request that gets an error, in one line that is sent to its client.

    Args:
        code: the name of a gRPC status, one of `HTTP_STATUS`.
        message: what came and what was expected.
        http_status: `None`: the usual one of the code.
    """

    def __init__(self, code: str, message: str, http_status: int | None = None):
        super().__init__(message)
        self.code = code
        self.http_status = http_status or HTTP_STATUS[code]
