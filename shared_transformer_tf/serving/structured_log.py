"""A log of one JSON object a line, on stderr."""

import datetime
import json
import logging
import sys

LOGGER = logging.getLogger("shared_transformer_tf.serving")


class JsonFormatter(logging.Formatter):
    """Formats records; those of other libraries have the event `message`."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns one line of JSON."""
        time = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        facts = {
            "time": time.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
        }
        given = getattr(record, "facts", None)
        if given is None:
            facts |= {"event": "message", "message": record.getMessage()}
        else:
            facts |= {"event": record.getMessage()} | given
        if record.exc_info:
            facts["traceback"] = self.formatException(record.exc_info)
        return json.dumps(facts)


def start() -> None:
    """Makes stderr a log of JSON lines, of whatever library."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    LOGGER.setLevel(logging.INFO)
    # A broken request is in our own log, and no warning.
    for name in ("aiohttp.server", "aiohttp.access"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # Of the loader, that there is another one.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def info(event: str, **facts: object) -> None:
    """Writes a line."""
    LOGGER.info(event, extra={"facts": facts})


def warning(event: str, **facts: object) -> None:
    """Writes a line about something that an operator should look at."""
    LOGGER.warning(event, extra={"facts": facts})


def bug(event: str, error: Exception, **facts: object) -> None:
    """Writes a line with a traceback."""
    LOGGER.error(event, exc_info=error, extra={"facts": facts})
