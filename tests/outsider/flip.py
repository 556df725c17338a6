#!/usr/bin/env python3
"""Flips bits of the two logs and policies that `pouch demo --once --dir D` leaves: `flip.py D`.

Every flipped bit must make the verifier refuse. By default one bit of every byte is flipped, the
choice drawn from `--seed N`; `--every-bit` flips them all; `--few N` takes N bytes of each file.
Then the controls: the same verifier with one defence left out must let something through, or the
flips did not try that defence. What happened is written to stdout as JSON; exit 1 if it is not
as it must be.
"""

import argparse
import functools
import json
import multiprocessing
import os
import random
import sys

import tiles
from note import Refused
from verify import verify

LOGS = ("directory", "messages")
POLICY = "the policy"
CHUNK = 1024


def line_starts(path, raw):
    """In the checkpoint: where each line says whose it is, and all of a short signature."""
    starts = [0] + [i + 1 for i, byte in enumerate(raw) if byte == 0x0A] if path == "checkpoint" else []
    return [i for start in starts for i in range(start, min(start + 120, len(raw)))]


def some(prefix):
    """Every eighth byte of the files whose path starts so."""
    return lambda path, raw: range(0, len(raw), 8) if path.startswith(prefix) else ()


def before_padding(_, raw):
    """The last digit before base64's padding holds bits that mean nothing; to flip those is to respell."""
    return [i for i in range(len(raw) - 1) if raw[i:i + 1] != b"=" and raw[i + 1:i + 2] == b"="]


# Each defence, and bytes that only this defence guards.
CONTROLS = {
    "quorum": line_starts,
    "tree": some("tile/"),
    "base64": before_padding,
    "ed25519": line_starts,
    "ml-dsa-44": some("checkpoint"),
}


@functools.cache
def load(root, log):
    """All files of a log, and its policy beside them under a name that no file can have."""
    files = tiles.folder(os.path.join(root, "relay", "log", log))
    with open(os.path.join(root, f"policy-{log}.txt"), "rb") as file:
        files[POLICY] = file.read()
    return files


def accepted(files, without=frozenset()):
    """Whether the ordinary verifier accepts these files. Any failure but a refusal is a fault of its."""
    try:
        verify({path: raw for path, raw in files.items() if path != POLICY}, files[POLICY], without=without)
    except Refused:
        return False
    return True


def survivors(job):
    """Those flips of a job that the verifier did not notice."""
    root, log, path, flips, without = job
    files, found = dict(load(root, log)), []
    whole = files[path]
    for offset, bit in flips:
        flipped = bytearray(whole)
        flipped[offset] ^= 1 << bit
        files[path] = bytes(flipped)
        if accepted(files, without):
            found.append({"log": log, "file": path, "offset": offset, "bit": bit})
    return found


def jobs(root, bits, offsets, without=frozenset()):
    """The flips, in portions of one file each."""
    for log in LOGS:
        for path, raw in sorted(load(root, log).items()):
            flips = [(offset, bit) for offset in offsets(path, raw) for bit in bits(log, path, offset)]
            for start in range(0, len(flips), CHUNK):
                yield root, log, path, flips[start:start + CHUNK], without


def run(pool, work):
    """How many bits were flipped, and which of them went unnoticed."""
    work = list(work)
    found = [one for some in pool.imap_unordered(survivors, work) for one in some]
    return sum(len(job[3]) for job in work), found


def main():
    """The command."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("dir")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--every-bit", action="store_true")
    options.add_argument("--few", type=int)
    options = options.parse_args()

    for log in LOGS:
        if not accepted(load(options.dir, log)):
            sys.exit(f"the {log} log is refused as it is: verify.py says why")

    def drawn(*place):
        return random.Random(repr((options.seed, *place)))

    def one(*place):
        return [drawn(*place).randrange(8)]

    def every(*_):
        return range(8)

    def all_bytes(path, raw):
        return drawn(path).sample(range(len(raw)), min(options.few or len(raw), len(raw)))

    with multiprocessing.Pool() as pool:
        flipped, found = run(pool, jobs(options.dir, every if options.every_bit else one, all_bytes))
        controls = {}
        for defence, aim in CONTROLS.items():
            bits = every if defence == "base64" else one
            tried, through = run(pool, jobs(options.dir, bits, aim, frozenset([defence])))
            controls[f"without {defence}"] = {"flipped": tried, "survivors": len(through)}

    held = not found and all(control["survivors"] for control in controls.values())
    print(json.dumps({
        "seed": options.seed,
        "files": sum(len(load(options.dir, log)) for log in LOGS),
        "bytes": sum(len(raw) for log in LOGS for raw in load(options.dir, log).values()),
        "flipped": flipped,
        "refused": flipped - len(found),
        "survivors": found,
        "controls": controls,
        "held": held,
    }, indent=2))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
