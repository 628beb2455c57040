"""An aiohttp service that watches its own loop: `watched_inside.py nothing`, or `library` (the library pyleak of PyPI,
within the process, by a thread of its own). GET /blocks/COUNT/SECONDS blocks the loop and answers how long that was, and
what the library says of it."""

import asyncio
import contextlib
import json
import os
import sys
import time

import aiohttp.web

THRESHOLD_SECONDS = 0.02


def watch():
    if sys.argv[1] == "nothing":
        return contextlib.nullcontext()
    import pyleak

    return pyleak.no_event_loop_blocking(action="log", threshold=THRESHOLD_SECONDS)


def block(seconds):
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        pass
    return time.monotonic() - begin


async def page(_request):
    return aiohttp.web.json_response({})


async def blocks(request):
    blocked = []
    async with watch() as watched:
        for _ in range(int(request.match_info["count"])):
            blocked.append(block(float(request.match_info["seconds"])))
            await asyncio.sleep(0.05)
        told = [event.duration for event in watched.detector.detected_blocks] if watched else []
    return aiohttp.web.json_response({"blocked": blocked, "told": told})


async def serve():
    application = aiohttp.web.Application()
    application.add_routes([aiohttp.web.get("/", page), aiohttp.web.get("/blocks/{count}/{seconds}", blocks)])
    runner = aiohttp.web.AppRunner(application)
    await runner.setup()
    site = aiohttp.web.SockSite(runner, aiohttp.web_runner.socket.create_server(("127.0.0.1", 0)))
    await site.start()
    port = runner.addresses[0][1]
    print(json.dumps({"event": "ready", "pid": os.getpid(), "port": port}), flush=True)
    async with watch():
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(serve())
