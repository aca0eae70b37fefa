"""A server of exported models over HTTP and gRPC, and its client."""
