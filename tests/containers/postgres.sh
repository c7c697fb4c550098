set -e
# Nobody but a database's owner may start it, and root may not.
if test "$(id -u)" = 0; then exec su -s /bin/sh nobody -c "/bin/sh /load.sh"; fi
cd /tmp
PATH=$PATH:$(echo /usr/lib/postgresql/*/bin)
export PGHOST=/tmp
initdb --pgdata=db --auth=trust --locale=C --encoding=UTF8 --no-sync > /tmp/initdb
{
    echo "listen_addresses = ''"
    echo "unix_socket_directories = '/tmp'"
    # What the background does must be in every run, not only in those that are long.
    echo "autovacuum_naptime = 1"
    echo "checkpoint_timeout = 30"
} >> db/postgresql.conf
pg_ctl --pgdata=db --wait --silent --log=/tmp/log start
createdb load
pgbench --initialize --quiet load 2> /tmp/initialized
pgbench --client=4 --jobs=2 --transactions=100 load > /tmp/transactions 2>&1
grep 'actually processed' /tmp/transactions
psql --no-psqlrc --quiet --tuples-only --no-align load <<'SQL'
CREATE TABLE letters AS SELECT i, md5(i::text) AS word FROM generate_series(1, 200000) AS i;
CREATE INDEX ON letters (word);
ANALYZE letters;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT count(DISTINCT word) FROM letters;
SELECT count(*) FROM letters WHERE word LIKE 'a%';
VACUUM letters;
CHECKPOINT;
DROP TABLE letters;
SQL
pg_dump load | grep -c 'CREATE TABLE'
# The background gets its turn.
sleep 3
pg_ctl --pgdata=db --wait --silent stop
echo stopped
