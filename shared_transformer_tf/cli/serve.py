"""Serves an exported model over HTTP and gRPC, and on a page for people.

python bin/serve.py --model=runs/multi30k/export
python bin/serve.py --model=FOLDER --rest_port=0 --port=0

Prints one line with the addresses when it answers. The newest version in the
folder is served; a newer one takes over without a failed request. Stop it
with SIGTERM or Ctrl-C: what was accepted is answered first.
"""

import asyncio
import dataclasses
import os
import sys
from collections.abc import Sequence

from absl import flags

from shared_transformer_tf import extras
from shared_transformer_tf.cli import command, startup

_HELP = {
    "model": "Folder of numbered versions, as `export` writes it.",
    "name": "What clients call the model.",
    "host": "Address to listen at; only this machine reaches the default.",
    "rest_port": "Port of HTTP; 0: any free one.",
    "port": "Port of gRPC; 0: any free one.",
    "max_batch_size": "Rows run at once.",
    "max_wait_ms": "How long a row waits for others to fill its batch.",
    "max_queue_rows": "Rows that may wait; then clients are told to try later.",
    "threads": "Batches run at the same time.",
    "deadline_seconds": "For requests that name no deadline.",
    "max_body_bytes": "Of one request.",
    "client_seconds": "What a client may take to send a request, and leave its "
    "answer unread.",
    "poll_seconds": "Between looks for a new version.",
    "stop_seconds": "What accepted requests get when the server is stopped.",
    "log_texts": "Show in the log what is translated.",
}
_DEFINE = {
    str: flags.DEFINE_string,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    bool: flags.DEFINE_boolean,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code.

    Args:
        argv: the program's name and its arguments; `None`: `sys.argv`.
    """
    argv = sys.argv if argv is None else argv
    return command.run(__doc__, _define_flags, _serve, argv)


def _define_flags(values: flags.FlagValues) -> None:
    from shared_transformer_tf.serving import settings

    for field in dataclasses.fields(settings.Settings):
        required = field.default is dataclasses.MISSING
        default = "" if required else field.default
        define = _DEFINE[field.type]
        define(field.name, default, _HELP[field.name], flag_values=values)


def _serve(values: flags.FlagValues) -> None:
    from shared_transformer_tf.serving import (
        address,
        settings,
        version_folder,
    )

    command.require(values, "model")
    told = settings.Settings(**{name: values[name].value for name in _HELP})
    extras.require("serving")
    version_folder.check(told.model)
    address.check_free(told.host, told.rest_port, "rest_port")
    address.check_free(told.host, told.port, "port")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    startup.import_tensorflow()
    from shared_transformer_tf.serving import server, structured_log

    def ready(running: server.Server) -> None:
        rest = address.written(told.host, running.rest_port)
        grpc = address.written(told.host, running.port)
        version = running.manager.current.servable.number
        print(
            f"Serving {told.name} version {version}: page and REST at "
            f"http://{rest} , gRPC at {grpc}",
            flush=True,
        )

    structured_log.start()
    try:
        ended, code = asyncio.run(server.serve(told, ready)), 0
    except KeyboardInterrupt:  # before it serves, or a second time
        print("Stopped.", file=sys.stderr, flush=True)
        ended, code = False, command.INTERRUPTED_EXIT_CODE
    if not ended:
        # What nothing ends but the end of the process: a load, a request.
        sys.stdout.flush()
        os._exit(code)
