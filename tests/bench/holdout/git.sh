# A repository's life; each run does only some of it.
set -e
in_run() { [ $(((RUN + $2) % $1)) -eq 0 ]; }
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
export HOME=$PWD
git init -q -b main repository
cd repository
for file in one two three; do seq 1 $((RUN + 50)) >$file; git add $file; git commit -qm $file; done
git log --oneline >/dev/null
if in_run 2 0; then git checkout -qb side; echo x >>one; git commit -qam side; git checkout -q main; git merge -q --no-edit side; fi
if in_run 3 0; then git gc -q; fi
if in_run 3 1; then git clone -q . ../clone; (cd ../clone && git pull -q); fi
if in_run 4 1; then git stash list; echo y >>two; git stash -q; git stash pop -q; fi
if in_run 4 2; then git archive -o ../all.tar HEAD; fi
if in_run 5 1; then git grep -q 7; git blame one >/dev/null; fi
if in_run 5 4; then git worktree add -q ../tree HEAD; fi
git status --short >/dev/null
