"""Addresses to listen at, checked before anything slow starts."""

import socket

from shared_transformer_tf import errors


def check_free(host: str, port: int, flag: str) -> None:
    """Checks that an address can be listened at.

    Args:
        host: name or address of this machine.
        port: 0 stands for any free one.
        flag: that set the port, for the error.

    Raises:
        InputError: if the address is not ours or is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise errors.InputError(
            f"--host={host} is no address ({error}): give 127.0.0.1, for "
            "this machine alone, or one of its addresses."
        ) from error
    with socket.socket(family, kind, protocol) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(address)
            tried.listen()
        except OSError as error:
            raise errors.InputError(
                f"Cannot listen at {host}, port {port} ({error.strerror}): "
                f"stop what listens there, or give another --{flag}; 0 takes "
                "any free one."
            ) from error


def written(host: str, port: int) -> str:
    """Returns `host:port`, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
