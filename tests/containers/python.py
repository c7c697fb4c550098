import os
import selectors
import socket
import subprocess
import tempfile
import threading


def in_threads():
    results, lock = [], threading.Lock()

    def work(number):
        with lock:
            results.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("threads", sum(results))


def tcp():
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = server.accept()
        with connection, selectors.DefaultSelector() as selector:
            selector.register(connection, selectors.EVENT_READ)
            selector.select()
            connection.sendall(connection.recv(100).upper())

    thread = threading.Thread(target=serve)
    thread.start()
    with socket.create_connection(server.getsockname()) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(b"hello")
        print("tcp", client.recv(100).decode())
    thread.join()
    server.close()


def udp():
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind(("127.0.0.1", 0))
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other.sendto(b"hello", one.getsockname())
    print("udp", one.recvfrom(100)[0].decode().upper())
    one.close()
    other.close()


def unix():
    one, other = socket.socketpair()
    one.sendall(b"hello")
    print("unix", other.recv(100).decode().upper())
    one.close()
    other.close()


def child():
    process = subprocess.run(["/bin/sh", "-c", "exit 3"])
    print("child", process.returncode)


def file():
    with tempfile.NamedTemporaryFile() as temporary:
        temporary.write(b"x" * 1000)
        temporary.flush()
        print("file", os.stat(temporary.name).st_size)


for step in (in_threads, tcp, udp, unix, child, file):
    step()
