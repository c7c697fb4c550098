# A data store with its client; each run asks for only some of what it can do.
set -e
in_run() { [ $(((RUN + $2) % $1)) -eq 0 ]; }
redis-server --port 18182 --bind 127.0.0.1 --dir "$PWD" --save '' --logfile log --daemonize no &
server=$!
ask() { redis-cli -p 18182 "$@" >/dev/null; }
for _ in $(seq 100); do ask ping 2>/dev/null && break; sleep 0.1; done
ask set a 1; ask incr a; ask lpush l 1 2 3; ask get a
if in_run 2 0; then ask save; fi
if in_run 3 1; then ask bgsave; sleep 0.3; fi
if in_run 3 2; then ask config set appendonly yes; ask set b 2; sleep 0.2; fi
if in_run 4 1; then redis-benchmark -p 18182 -q -n 500 -c 10 -t set,get >/dev/null; fi
if in_run 4 2; then ask eval 'return redis.call("get", "a")' 0; fi
if in_run 5 0; then ask debug sleep 0.01 || true; ask client list; ask info; fi
if in_run 5 3; then ask config set maxmemory 10mb; ask flushall async; fi
ask shutdown nosave || true
wait $server || true
