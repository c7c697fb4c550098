set -e
LOAD=${LOAD:-1}
mkdir -p /run/sshd /tmp/ssh
for key in host user; do ssh-keygen -q -t ed25519 -N '' -f /tmp/ssh/$key; done
cp /tmp/ssh/user.pub /tmp/ssh/authorized
/usr/sbin/sshd -D -e -f /dev/null -p 2222 -h /tmp/ssh/host -o PermitRootLogin=yes -o StrictModes=no -o UsePAM=no \
    -o AuthorizedKeysFile=/tmp/ssh/authorized 2> /tmp/ssh/log &
server=$!
sleep 0.1
for i in $(seq 50); do (: < /dev/tcp/127.0.0.1/2222) 2> /dev/null && break; sleep 0.1; done
for i in $(seq "$LOAD"); do
    ssh -F /dev/null -i /tmp/ssh/user -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes \
        -o LogLevel=ERROR -p 2222 root@127.0.0.1 'echo there' | grep -q there
done
kill $server
wait $server || true
echo done
