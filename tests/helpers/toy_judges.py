"""Judges of final answers that hang, raise or die, in place of Math-Verify."""

import os
import signal
import sys
import time


def judge(answer: str, reference: str) -> bool:
    """Does what an answer in words says; any other is right if its first character is the reference's."""
    if answer == "hang":
        time.sleep(600)
    if answer == "hang in C":
        return 10**10**9 > 0  # holds the interpreter, which no thread or Python signal handler interrupts
    if answer == "raise":
        raise RuntimeError("no verdict")
    if answer == "exit":
        sys.exit("no more")
    if answer == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    return answer[:1] == reference[:1]


def noting(answer: str, reference: str) -> bool:
    """Writes each answer and the process to the file that the reference names; always right."""
    with open(reference, "a") as file:
        file.write(f"{answer} {os.getpid()}\n")
    return True


def without_torch(answer: str, reference: str) -> bool:
    """Returns whether the process has not imported large packages."""
    return not {"torch", "transformers", "lightning", "pyarrow"}.intersection(sys.modules)
