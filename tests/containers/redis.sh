redis-server --bind 127.0.0.1 --save '' --appendonly no > /tmp/log 2>&1 &
until redis-cli ping 2> /dev/null | grep PONG; do sleep 0.05; done
redis-cli set name value
redis-cli get name
redis-benchmark -q -n 2000 -c 10 > /tmp/benchmark && echo benchmark done
redis-cli shutdown nosave
wait
echo stopped
