set -e
nginx -c /etc/nginx.conf
for request in 1 2 3 4 5; do wget -q -O - http://127.0.0.1:8080/index.html; done
wget -S -O /dev/null http://127.0.0.1:8080/nothing 2>&1 | { read -r line; read -r version code rest; echo "$version $code"; }
nginx -c /etc/nginx.conf -s quit
# At least once, so that every run sleeps.
sleep 0.05
while test -e /run/nginx.pid; do sleep 0.05; done
echo stopped
