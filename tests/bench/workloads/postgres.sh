set -e
LOAD=${LOAD:-1}
PATH=$PATH:$(echo /usr/lib/postgresql/*/bin)
export PGHOST=/tmp PGDATA=/tmp/db
initdb --auth=trust --locale=C --encoding=UTF8 --no-sync > /tmp/initdb
pg_ctl -w -l /tmp/log -o "-c listen_addresses=127.0.0.1 -k /tmp" start > /dev/null
createdb load
pgbench -i -q -s 1 load > /dev/null 2>&1
pgbench -h 127.0.0.1 -c $((2 * LOAD)) -j 2 -t $((20 * LOAD)) load 2> /dev/null | grep -q processed
psql -qAtc "create table t as select generate_series(1, 20000 * $LOAD) x; create index on t(x)" load
test "$LOAD" = 1 || psql -qAtc "vacuum analyze" load
psql -qAtc "checkpoint" load
pg_ctl -w -m fast stop > /dev/null
if grep -iE "PANIC|Operation not permitted|not implemented" /tmp/log; then exit 9; fi
echo done
