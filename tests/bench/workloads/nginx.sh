set -e
LOAD=${LOAD:-1}
mkdir -p /tmp/nginx/site /var/lib/nginx /var/log/nginx
head -c 200000 /dev/zero > /tmp/nginx/site/index.html
cat > /tmp/nginx/conf << END
worker_processes 2;
pid /tmp/nginx/pid;
error_log /tmp/nginx/error;
events { worker_connections 256; }
http {
    access_log /tmp/nginx/access;
    sendfile on;
    server { listen 127.0.0.1:8080; root /tmp/nginx/site; }
}
END
nginx -c /tmp/nginx/conf
python3 - << 'END'
import os, threading, time, urllib.request
load = int(os.environ.get("LOAD", "1"))
def get():
    for _ in range(5 * load):
        with urllib.request.urlopen("http://127.0.0.1:8080/") as answer:
            assert len(answer.read()) == 200000
threads = [threading.Thread(target=get) for _ in range(2 * load)]
for thread in threads: thread.start()
for thread in threads: thread.join()
END
test "$LOAD" = 1 || nginx -c /tmp/nginx/conf -s reload
nginx -c /tmp/nginx/conf -s stop
sleep 0.05
while test -e /tmp/nginx/pid; do sleep 0.05; done
echo done
