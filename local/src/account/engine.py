# Runs ministack for as long as somebody holds the other end of standard input.
#
# The account that started it holds a pipe and writes nothing to it. When that process ends, however it
# ends, the pipe closes, and this whole process group - ministack and the functions that it runs - goes.
import os
import runpy
import signal
import sys
import threading


def end_with_parent():
    # Not sys.stdin, whose buffer would be locked when the interpreter goes.
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


threading.Thread(target=end_with_parent, daemon=True).start()
sys.argv = ["ministack"]
runpy.run_module("ministack", run_name="__main__")
