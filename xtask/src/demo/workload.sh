#!/bin/sh
# What a small service does: files, pipes, a process in the background, and a server that is asked something
# over the loopback.
set -eu
PATH="${0%/*}/bin:$PATH"
folder=$(mktemp -d)
cd "$folder"

echo "files and pipes:"
seq 1 500 | sort -r -n | tee numbers | tail -n 3 | tr '\n' ' '
echo
ln numbers copy
rm numbers
chmod 600 copy
sha256sum < copy | cut -c 1-16

echo "a process in the background:"
(sleep 0.2; echo done > flag) &
wait $!
cat flag

echo "a server and its client:"
mkdir www
echo "it works" > www/index.html
httpd -f -p 127.0.0.1:28080 -h www &
server=$!
until wget -q -O - http://127.0.0.1:28080/index.html 2> /dev/null; do sleep 0.1; done
kill "$server"

cd /
rm -r "$folder"
