"""A service and its clients in one process; each run asks for only some of what it can do."""

import asyncio
import hashlib
import http.server
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import urllib.request

RUN = int(sys.argv[1])


def in_run(every, phase):
    return (RUN + phase) % every == 0


class Service(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"path": self.path, "hash": hashlib.sha256(self.path.encode()).hexdigest()})
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()
for number in range(5):
    urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/{number}", timeout=10).read()
if in_run(2, 1):
    database = sqlite3.connect("data.db")
    database.execute("create table t (a)")
    database.executemany("insert into t values (?)", [(n,) for n in range(100)])
    database.commit()
if in_run(3, 0):
    subprocess.run(["true"], check=True)
if in_run(3, 2):
    async def both():
        process = await asyncio.create_subprocess_exec("echo", "x", stdout=subprocess.PIPE)
        await asyncio.gather(process.communicate(), asyncio.sleep(0.01))
    asyncio.run(both())
if in_run(4, 1):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "file"), "w") as file:
            file.write("x" * 100_000)
            os.fsync(file.fileno())
        os.truncate(os.path.join(folder, "file"), 10)
if in_run(4, 3):
    one, other = socket.socketpair()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    one.send(b"x")
    other.recv(1)
if in_run(5, 0):
    packet = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    packet.bind(("127.0.0.1", 0))
    packet.sendto(b"x", packet.getsockname())
    packet.recvfrom(1)
if in_run(5, 2):
    import multiprocessing
    with multiprocessing.get_context("fork").Pool(2) as pool:
        pool.map(abs, range(4))
server.shutdown()
