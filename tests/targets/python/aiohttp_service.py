"""An aiohttp service: GET /block/SECONDS/KIND blocks its loop and says when, and with which stack."""

import aiohttp.web
import commands
import truth


async def page(_request):
    return aiohttp.web.json_response({"event": "page"})


async def block(request):
    return aiohttp.web.json_response(commands.block(request.match_info["seconds"], request.match_info["kind"]))


async def say_ready(application):
    truth.ready(loop="aiohttp", port=application["socket"].getsockname()[1])


def main():
    application = aiohttp.web.Application()
    application.add_routes([aiohttp.web.get("/", page), aiohttp.web.get("/block/{seconds}/{kind}", block)])
    application.on_startup.append(say_ready)
    application["socket"] = aiohttp.web_runner.socket.create_server(("127.0.0.1", 0))
    aiohttp.web.run_app(application, sock=application["socket"], print=None)


main()
