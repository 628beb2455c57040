"""A WSGI application for gunicorn's green workers, which have replaced time.sleep by one that lets others run.

GET /block/SECONDS/KIND blocks the loop of the worker, /pause/SECONDS takes as long without blocking."""

import json
import os
import time

import commands


def app(environ, start_response):
    words = environ["PATH_INFO"].strip("/").split("/")
    fact = {"event": words[0], "pid": os.getpid()}
    if words[0] == "block":
        fact = commands.block(*words[1:])
    elif words[0] == "pause":
        time.sleep(float(words[1]))
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(fact).encode() + b"\n"]
