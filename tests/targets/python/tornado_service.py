"""Tornado, whose IOLoop runs on asyncio. Obeys commands.py on stdin."""

import asyncio
import os

import commands
import tornado.ioloop
import tornado.iostream
import truth


async def main():
    commands.count_signals()
    tornado.ioloop.PeriodicCallback(commands.count_work, 10).start()
    stdin = tornado.iostream.PipeIOStream(os.dup(0))
    truth.ready(loop="tornado")
    try:
        while await commands.obey((await stdin.read_until(b"\n")).decode()):
            pass
    except tornado.iostream.StreamClosedError:
        pass


tornado.ioloop.IOLoop.current().run_sync(main)
