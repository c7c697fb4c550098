exec python3 "$HERE/python.py" "$RUN"
