"""Pools of processes, queues, and children; with more load also pools whose processes are started anew."""
import concurrent.futures
import multiprocessing
import os
import subprocess
import sys
import threading

LOAD = int(os.environ.get("LOAD", "1"))


def square(number):
    return number * number


def main():
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:
        assert pool.map(square, range(50 * LOAD))[3] == 9
    queue = context.Queue()
    for number in range(LOAD):
        process = context.Process(target=queue.put, args=(number,))
        process.start()
        assert queue.get() == number
        process.join()
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        assert sum(pool.map(square, range(10 * LOAD))) > 0
    threads = [threading.Thread(target=square, args=(9,)) for _ in range(4 * LOAD)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(LOAD):
        # Python makes the child by fork or by vfork, as its arguments have it.
        subprocess.run(["true"], check=True, start_new_session=False, preexec_fn=None if number else int)
    print("done")


if __name__ == "__main__":
    main()
    sys.exit(0)
