set -e
LOAD=${LOAD:-1}
cat > /tmp/supervisor.conf << END
[supervisord]
nodaemon=true
user=root
logfile=/tmp/supervisor.log
pidfile=/tmp/supervisor.pid
[unix_http_server]
file=/tmp/supervisor.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix:///tmp/supervisor.sock
[program:redis]
command=/usr/bin/redis-server --port 6379 --dir /tmp --save ""
END
supervisord -c /tmp/supervisor.conf > /dev/null 2>&1 &
server=$!
sleep 0.1
for i in $(seq 100); do redis-cli ping > /dev/null 2>&1 && break; sleep 0.1; done
for i in $(seq "$LOAD"); do
    redis-cli set a "$i" > /dev/null
    # It is said to be starting for its first second, however fast it answers.
    for j in $(seq 100); do supervisorctl -c /tmp/supervisor.conf status | grep -q RUNNING && break; sleep 0.1; done
    supervisorctl -c /tmp/supervisor.conf status | grep -q RUNNING
done
supervisorctl -c /tmp/supervisor.conf restart redis > /dev/null
kill $server
wait $server || true
echo done
