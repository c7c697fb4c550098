set -e
# Once without a server: what a client does then must be in every run, not only in those that are early.
redis-cli ping > /tmp/refused 2>&1 || echo no server yet
redis-server --bind 127.0.0.1 --save '' --appendonly no > /tmp/log 2>&1 &
sleep 0.05
until redis-cli ping 2> /dev/null | grep PONG; do sleep 0.05; done
redis-cli set name value
redis-cli get name
redis-benchmark -q -n 2000 -c 10 > /tmp/benchmark
echo benchmark done
# One that really waits, so that every run does.
sleep 0.05 &
wait $!
redis-cli shutdown nosave
wait
echo stopped
