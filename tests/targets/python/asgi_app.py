"""An ASGI application for uvicorn, and for gunicorn's uvicorn workers.

GET /block/SECONDS/KIND blocks the loop of the worker that answers, and says which that was, when, and with which stack;
any other page is answered at once.
"""

import json
import os

import commands


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await answer_lifespan(receive, send)
        return
    words = scope["path"].strip("/").split("/")
    fact = commands.block(*words[1:]) if words[0] == "block" else {"event": "page", "pid": os.getpid()}
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(fact).encode() + b"\n"})


async def answer_lifespan(receive, send):
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
