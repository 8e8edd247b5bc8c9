"""What the benchmark says while it runs."""

import sys
import time


def say(text):
    """One line that stays, with the time of day."""
    progress("")
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def progress(text):
    """What is being done, on a terminal only; the next line takes its place."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
