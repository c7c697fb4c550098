set -e
LOAD=${LOAD:-1}
cd /tmp
redis-server --port 6379 --dir /tmp --save "" --appendonly yes > /tmp/log &
server=$!
sleep 0.1
for i in $(seq 100); do redis-cli ping > /dev/null 2>&1 && break; sleep 0.1; done
redis-benchmark -q -n $((1000 * LOAD)) -c $((5 * LOAD)) -t set,get,lpush > /dev/null
test "$LOAD" = 1 || redis-benchmark -q -n $((1000 * LOAD)) -P 16 -d 20000 -t set,get > /dev/null
# A child that still writes would be ended by force.
while case $(redis-cli info persistence) in
  *aof_rewrite_in_progress:1* | *aof_rewrite_scheduled:1*) true ;;
  *) false ;;
esac; do sleep 0.1; done
redis-cli shutdown nosave > /dev/null
wait $server
echo done
