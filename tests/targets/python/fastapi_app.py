"""A FastAPI application. Both pages answer when they began and ended; the first one blocks the loop, the second does not."""

import os
import time

import commands
import fastapi

app = fastapi.FastAPI()


@app.get("/block/{seconds}/{kind}")
async def block(seconds: float, kind: str):
    return commands.block(seconds, kind)


@app.get("/pause/{seconds}")
def pause(seconds: float):
    """No coroutine: it runs in a thread of its own."""
    time.sleep(seconds)
    return {"event": "pause", "pid": os.getpid()}


@app.get("/")
async def page():
    return {"event": "page"}
