"""A scan box at the end of a pseudo-terminal: prints the name of its port, then sends every line it is given, byte by byte."""

import os
import sys
import time
import tty

BYTE_SECONDS = 0.001

box, port = os.openpty()
tty.setraw(port)
print(os.ttyname(port), flush=True)
for line in sys.stdin:
    for byte in (line.strip() + "\r\n").encode():
        os.write(box, bytes([byte]))
        time.sleep(BYTE_SECONDS)
