# A server that boxes in the part that reads what nobody has vouched for yet, and a client that logs in twice.
# $1 is an empty folder.
set -e
mkdir -p /run/sshd
for key in host user; do ssh-keygen -q -t ed25519 -N '' -f "$1/$key"; done
/usr/sbin/sshd -D -e -f /dev/null -p 4022 -h "$1/host" -o ListenAddress=127.0.0.1 -o PermitRootLogin=yes \
    -o StrictModes=no -o UsePAM=no -o AuthorizedKeysFile="$1/user.pub" -o PidFile=none 2> "$1/log" &
server=$!
trap 'kill $server 2> /dev/null' EXIT
until grep -q 'Server listening' "$1/log"; do sleep 0.1; kill -0 $server; done
for i in 1 2; do
    ssh -F /dev/null -i "$1/user" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes \
        -o LogLevel=ERROR -p 4022 root@127.0.0.1 'echo logged in'
done
