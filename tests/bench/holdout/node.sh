exec node "$HERE/node.js" "$RUN"
