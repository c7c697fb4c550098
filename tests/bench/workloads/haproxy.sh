set -e
LOAD=${LOAD:-1}
mkdir -p /tmp/site
head -c 100000 /dev/zero > /tmp/site/file
cd /tmp/site
python3 -m http.server --bind 127.0.0.1 8081 > /dev/null 2>&1 &
site=$!
cat > /tmp/haproxy.conf << END
global
    maxconn 200
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
listen front
    bind 127.0.0.1:8080
    server one 127.0.0.1:8081 check
END
haproxy -db -f /tmp/haproxy.conf > /tmp/log 2>&1 &
server=$!
python3 - << 'END'
import os, threading, time, urllib.request
load = int(os.environ.get("LOAD", "1"))
def get(tries=1):
    while True:
        try:
            with urllib.request.urlopen("http://127.0.0.1:8080/file") as answer:
                assert len(answer.read()) == 100000
            return
        except OSError:
            tries += 1
            if tries > 100: raise
            time.sleep(0.1)
get()
threads = [threading.Thread(target=lambda: [get() for _ in range(5 * load)]) for _ in range(2 * load)]
for thread in threads: thread.start()
for thread in threads: thread.join()
END
kill $server $site
wait $server $site || true
echo done
