"""A small asyncio HTTP service with a mistake in it: one of its handlers calls time.sleep."""

import asyncio
import time


async def list_orders():
    await asyncio.sleep(0.05)
    return "three orders\n"


async def export_report():
    time.sleep(0.5)  # The mistake: every other client waits here too. It should be `await asyncio.sleep(0.5)`.
    return "a report\n"


ROUTES = {"/orders": list_orders, "/report": export_report}


async def serve_client(reader, writer):
    request_line = (await reader.readline()).decode("latin-1").split()
    while (await reader.readline()).strip():
        pass
    handler = ROUTES.get(request_line[1]) if len(request_line) > 1 else None
    status, body = ("200 OK", await handler()) if handler else ("404 Not Found", "no such page\n")
    writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
    await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(serve_client, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
