# Shell scripting: pipes, substitutions, files, jobs; each run does only some of it.
set -e
in_run() { [ $(((RUN + $2) % $1)) -eq 0 ]; }
seq 1 200 | sort -rn | head -n 5 >numbers
total=0
while read -r number; do total=$((total + number)); done <numbers
[ "$total" -eq 990 ]
if in_run 2 0; then find / -maxdepth 1 -name 'etc' | grep -c etc >/dev/null; fi
if in_run 3 1; then (sleep 0.05; echo late >late) & wait; fi
if in_run 3 2; then tar -cf all.tar numbers && tar -tf all.tar >/dev/null; gzip -f all.tar; fi
if in_run 4 0; then mkfifo pipe; (echo through >pipe) & read -r word <pipe; wait; fi
if in_run 4 1; then trap 'true' USR1; kill -USR1 $$; fi
if in_run 5 2; then cp -a numbers copy; ln -s copy link; chmod 600 copy; mv copy moved; rm link; fi
if in_run 5 3; then timeout 1 sleep 0.01; fi
if in_run 7 4; then exec 3<>/dev/null; echo x >&3; ulimit -n >/dev/null; fi
date >/dev/null
