"""Where the model process begins. Whoever starts it imports this, and nothing of what it will hold."""

from __future__ import annotations

from multiprocessing.connection import Connection

from inference.host.messages import ModelProcessOptions


def run_model_process(commands: Connection, replies: Connection, options: ModelProcessOptions) -> None:
    """Main function of the model process: what reads a model is imported there alone."""
    from inference.host.server import serve_model

    serve_model(commands, replies, options)
