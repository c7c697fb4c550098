# A web server with its client; each run asks for only some of what it can do.
set -e
in_run() { [ $(((RUN + $2) % $1)) -eq 0 ]; }
mkdir -p www logs; chmod 755 . www; seq 1 20000 >www/index.html
cat >nginx.conf <<CONF
daemon off; pid $PWD/pid; error_log $PWD/logs/error; worker_processes 2;
events { worker_connections 64; }
http {
  access_log $PWD/logs/access; client_body_temp_path $PWD/body; proxy_temp_path $PWD/proxy;
  fastcgi_temp_path $PWD/f; uwsgi_temp_path $PWD/u; scgi_temp_path $PWD/s;
  server {
    listen 127.0.0.1:18181; root $PWD/www; sendfile on; gzip on;
    location /up { client_body_in_file_only on; proxy_pass http://127.0.0.1:18181/; }
    location /proxy/ { proxy_pass http://127.0.0.1:18181/; }
  }
}
CONF
nginx -p "$PWD" -c "$PWD/nginx.conf" &
server=$!
ask() { curl -s -o /dev/null --retry 20 --retry-connrefused --retry-delay 1 "$@"; }
ask http://127.0.0.1:18181/
if in_run 2 0; then ask --compressed http://127.0.0.1:18181/; fi
if in_run 3 1; then ask http://127.0.0.1:18181/proxy/; fi
if in_run 3 2; then ask -r 0-9 http://127.0.0.1:18181/; ask http://127.0.0.1:18181/none; fi
if in_run 4 0; then ask --data-binary @www/index.html http://127.0.0.1:18181/up; fi
if in_run 4 1; then kill -HUP $server; sleep 0.3; ask http://127.0.0.1:18181/; fi
if in_run 5 1; then kill -USR1 $server; sleep 0.1; ask http://127.0.0.1:18181/; fi
kill -QUIT $server
wait $server
