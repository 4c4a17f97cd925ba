#!/usr/bin/env python3
"""meter.py FILE COMMAND...: runs COMMAND; appends wall and CPU seconds and peak RSS (bytes) to FILE as one line."""
import os
import subprocess
import sys
import time

t = time.monotonic()
p = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL)
_, status, use = os.wait4(p.pid, 0)
p.returncode = os.waitstatus_to_exitcode(status)
with open(sys.argv[1], "a") as f:
    f.write(f"{time.monotonic() - t:.3f} {use.ru_utime + use.ru_stime:.3f} {use.ru_maxrss * 1024}\n")
sys.exit(p.returncode)
