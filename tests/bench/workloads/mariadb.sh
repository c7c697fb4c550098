set -e
LOAD=${LOAD:-1}
mariadb-install-db --no-defaults --user=root --datadir=/tmp/db --auth-root-authentication-method=normal > /tmp/log 2>&1
mariadbd --no-defaults --user=root --datadir=/tmp/db --socket=/tmp/sock --bind-address=127.0.0.1 --pid-file=/tmp/pid > /tmp/log 2>&1 &
server=$!
sql() { mariadb --no-defaults --user=root --socket=/tmp/sock "$@"; }
sleep 0.1
for i in $(seq 300); do sql -e "select 1" > /dev/null 2>&1 && break; sleep 0.1; done
sql -e "create database load_; create table load_.t (a int primary key auto_increment, b text)"
client() { for i in $(seq $((20 * LOAD))); do echo "insert into load_.t (b) values (repeat('x', 1000 * $LOAD)); select count(*) from load_.t;"; done | sql > /dev/null; }
clients=
for i in $(seq $((2 * LOAD))); do client & clients="$clients $!"; done
wait $clients
sql -e "optimize table load_.t" > /dev/null
kill $server
wait $server
echo done
