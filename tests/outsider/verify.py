#!/usr/bin/env python3
"""Checks a log's folder against a trust policy: `verify.py [--strict] LOGDIR POLICY`.

Exit 0 and one line that says what holds, or exit 1 and the reason. For anybody who would rather
not take our word: it is written from the specifications at c2sp.org and from nothing of ours.

By default it is the ordinary verifier of the specification: it passes over signatures by keys
that the policy does not name, because signed-note says so (a log may change its key, a witness
may be new). `--strict` goes further than the specification asks and refuses such lines too.
"""

import sys

import policy
import tiles
from note import Refused, checkpoint, require, signed_by


def verify(files, policy_text, strict=False, without=frozenset()):
    """Judges the files of a log, given as path and bytes.

    `without` leaves a defence out. It is there for the negative controls, which show that each
    defence is needed, and the command line cannot reach it.
    """
    rules = policy.read(policy_text, without)
    require("checkpoint" in files, "no checkpoint")
    point = checkpoint(files["checkpoint"], without)
    logs, cosigned = signers(point, rules, strict, without)
    require(logs, "no log of the policy signed this")
    require("quorum" in without or rules.satisfied(cosigned), "not cosigned by the policy's quorum")
    if "tree" not in without:
        require(tiles.tree(files, point.size) == point.root, "the root is not that of the entries")
    return point, cosigned


def signers(point, rules, strict, without):
    """The logs' keys and the witnesses' names that signed. A bad signature by any of them refuses all."""
    known = {(key.name, key.id): (name, key) for name, key in rules.witnesses.items()}
    logs, cosigned = set(), set()
    for name, key_id, signature in point.signatures:
        log = next((key for key in rules.logs if (key.name, key.id) == (name, key_id)), None)
        witness, key = known.get((name, key_id), (None, log))
        if key is None:
            require(not strict, f"a signature by a key that the policy does not know, {show(name)}")
            continue
        require(signed_by(key, point, signature, without), f"the signature of {show(name)} does not verify")
        if witness is not None:
            cosigned.add(witness)
        if log is not None:
            # A log's name is its origin: one log may not speak for another.
            require(name == point.origin, f"{show(name)} signed for another log")
            logs.add(log)
    return logs, cosigned


def show(name):
    """A name from a file, made safe to print."""
    return ascii(name.decode("utf-8", "replace"))


def main(arguments):
    """The command."""
    strict = "--strict" in arguments
    paths = [argument for argument in arguments if argument != "--strict"]
    if len(paths) != 2:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 2
    try:
        files = tiles.folder(paths[0])
        with open(paths[1], "rb") as file:
            text = file.read()
        point, cosigned = verify(files, text, strict)
    except (Refused, OSError) as reason:
        print(f"refused: {reason}", file=sys.stderr)
        return 1
    witnesses = ", ".join(sorted(show(name)[1:-1] for name in cosigned))
    print(f"accepted: {show(point.origin)[1:-1]} size {point.size} root {point.root.hex()} cosigned by {witnesses}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
