#!/usr/bin/env python3
"""Puts a witness through the protocol: every answer that c2sp.org/tlog-witness asks for.

`ask.py logs` prints the verifier keys of the logs that the witness must be told of, a log a line.
`ask.py run URL VKEY...` asks it, and names what it should not have answered. VKEY are the
witness's own keys. `ask.py again URL VKEY...` asks what a witness that forgot would get wrong.
"""

import base64
import hashlib
import http.client
import struct
import sys
import time
import urllib.parse

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

import examples
from note import ED25519, ML_DSA_44_COSIGNATURE, Key, Refused, checkpoint, signed_by, verifier_key
from tiles import tree_hash
from witness import signature_line, vkey

ORIGIN = b"outsider.example/grown"
MOST = 40


class Log:
    """A log of a few entries, with an Ed25519 key (0x01) and an ML-DSA-44 key (0x06)."""

    def __init__(self, origin=ORIGIN, seed=1):
        self.origin = origin
        self.ed25519 = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.ml_dsa = MLDSA44PrivateKey.from_seed_bytes(bytes([seed]) * 32)
        self.leaves = [hash_of(b"\0" + b"entry %d" % n) for n in range(MOST)]

    def keys(self):
        """Its verifier keys."""
        return (
            Key(self.origin, ED25519, self.ed25519.public_key().public_bytes_raw()),
            Key(self.origin, ML_DSA_44_COSIGNATURE, self.ml_dsa.public_key().public_bytes_raw()),
        )

    def root(self, size):
        """The root of so many entries."""
        return tree_hash(self.leaves[:size])

    def note(self, size, root=None, kinds=(0, 1), extra=b""):
        """A signed checkpoint. The log's own ML-DSA-44 line says nothing of the time: it is zero."""
        root = self.root(size) if root is None else root
        body = b"%s\n%d\n%s\n%s" % (self.origin, size, base64.b64encode(root), extra)
        first, second = self.keys()
        message = b"subtree/v1\n\0" + bytes([len(self.origin)]) + self.origin + bytes(8)
        message += bytes([len(self.origin)]) + self.origin + struct.pack(">QQ", 0, size) + root
        lines = [
            signature_line(first, self.ed25519.sign(body)),
            signature_line(second, bytes(8) + self.ml_dsa.sign(message)),
        ]
        return body + b"\n" + b"".join(lines[kind] for kind in kinds)

    def proof(self, old, new):
        """RFC 6962, section 2.1.2, by its own words."""
        return [] if old == 0 else subproof(old, self.leaves[:new], True)

    def request(self, old, new, **changes):
        """The body of a request."""
        return body(old, self.proof(old, new), self.note(new, **changes))


def hash_of(data):
    """SHA-256."""
    return hashlib.sha256(data).digest()


def subproof(old, leaves, whole):
    """SUBPROOF of RFC 6962."""
    if old == len(leaves):
        return [] if whole else [tree_hash(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if old <= split:
        return subproof(old, leaves[:split], whole) + [tree_hash(leaves[split:])]
    return subproof(old - split, leaves[split:], False) + [tree_hash(leaves[:split])]


def body(old, proof, note):
    """A request's body."""
    return b"old %d\n" % old + b"".join(base64.b64encode(one) + b"\n" for one in proof) + b"\n" + note


class Asked:
    """Asks a witness, and counts what it answered wrongly."""

    def __init__(self, url, vkeys):
        parts = urllib.parse.urlsplit(url)
        self.at, self.path = parts.netloc, parts.path.rstrip("/")
        self.connection = http.client.HTTPConnection(self.at, timeout=30)
        self.keys = [verifier_key(text.encode()) for text in vkeys]
        self.wrong, self.asked = [], 0

    def send(self, data, method="POST", path="/add-checkpoint"):
        """One request, on the connection of before while it is open (keep-alive)."""
        for again in (True, False):
            try:
                self.connection.request(method, self.path + path, body=data)
                answer = self.connection.getresponse()
                return answer.status, answer.getheader("Content-Type", ""), answer.read()
            except (http.client.HTTPException, ConnectionError):
                self.connection.close()
                if not again:
                    raise
        return None

    def expect(self, what, data, status, size=None, **how):
        """An answer must have this status, and what the specification says of its body."""
        self.asked += 1
        found, kind, answer = self.send(data, **how)
        good = found == status
        if status == 409:
            good = good and kind == "text/x.tlog.size" and answer == b"%d\n" % size
        elif status == 200:
            good = good and self.cosigned(data, answer)
        else:
            good = good and "\u2014".encode() not in answer
        if not good:
            self.wrong.append(f"{what}: {found} {kind} {answer[:200]!r}, not {status}")

    def cosigned(self, data, answer):
        """One line by each of the witness's keys, good, of now, and no other line."""
        point = checkpoint(data.partition(b"\n\n")[2])
        try:
            lines = checkpoint(point.body + b"\n" + answer).signatures
        except Refused:
            return False
        if sorted(key for _, key, _ in lines) != sorted(key.id for key in self.keys):
            return False
        for name, key_id, line in lines:
            key = next(key for key in self.keys if key.id == key_id)
            (seconds,) = struct.unpack(">Q", line[:8])
            if name != key.name or not signed_by(key, point, line) or abs(time.time() - seconds) > 120:
                return False
        return True


def grown(ask):
    """A log that grows, and every way in which a request for it can be wrong."""
    log, other = Log(), Log(b"unknown.example/log", 2)
    far = hash_of(b"elsewhere")
    ask.expect("an unknown log", other.request(0, 1), 404)
    ask.expect("an empty log with another root", log.request(0, 0, root=far), 422)
    ask.expect("a proof of what needs none", body(0, [far], log.note(0)), 422)
    ask.expect("an empty log", log.request(0, 0), 200)
    ask.expect("an empty log again", log.request(0, 0), 200)
    ask.expect("a first proof of what needs none", body(0, [far], log.note(3)), 422)
    ask.expect("the first entries", log.request(0, 3), 200)
    ask.expect("the same entries", log.request(3, 3), 200)
    ask.expect("the same size with another root", body(3, [], log.note(3, root=far)), 422)
    ask.expect("the same size with a proof", body(3, [far], log.note(3)), 422)
    ask.expect("another old size", log.request(0, 3), 409, 3)
    ask.expect("an old size that was never cosigned", log.request(5, 7), 409, 3)
    ask.expect("an old size larger than the new", body(3, [], log.note(2)), 400)
    ask.expect("an old size larger than anything", body(2**63, [], log.note(9)), 400)
    ask.expect("no proof", body(3, [], log.note(7)), 422)
    ask.expect("another proof", body(3, log.proof(4, 7), log.note(7)), 422)
    ask.expect("half a proof", body(3, log.proof(3, 7)[:-1], log.note(7)), 422)
    ask.expect("a proof and a hash more", body(3, log.proof(3, 7) + [far], log.note(7)), 422)
    ask.expect("growth with the Ed25519 signature alone", log.request(3, 7, kinds=[0]), 200)
    ask.expect("growth with the ML-DSA-44 signature alone", log.request(7, 8, kinds=[1]), 200)
    ask.expect("growth with an extension line", log.request(8, 9, extra=b"more\n"), 200)
    stranger = other.note(1).rpartition(b"\n\n")[2]
    ask.expect("strangers' lines besides", body(9, log.proof(9, 12), log.note(12) + stranger), 200)
    bare = log.note(13).rpartition(b"\n\n")[0] + b"\n\n"
    ask.expect("strangers' lines alone", body(12, log.proof(12, 13), bare + stranger), 403)
    elsewhere = log.note(14).rpartition(b"\n\n")[2]
    ask.expect("the log's lines of another note", body(12, log.proof(12, 13), bare + elsewhere), 403)
    mixed = log.note(13) + elsewhere
    ask.expect("good lines and a bad one of the log", body(12, log.proof(12, 13), mixed), 403)
    for old, new in [(12, 16), (16, 17), (17, 32), (32, 33), (33, MOST)]:
        ask.expect(f"growth from {old} to {new}", log.request(old, new), 200)
    ask.expect("back", log.request(12, 16), 409, MOST)


def malformed(ask):
    """What is no request at all."""
    good = Log().request(MOST, MOST)
    for what, data in [
        ("nothing", b""),
        ("no empty line", good.replace(b"\n\n", b"\n")),
        ("no old size", good.partition(b"\n")[2]),
        ("a leading zero", good.replace(b"old ", b"old 0", 1)),
        ("a sign", good.replace(b"old ", b"old +", 1)),
        ("two spaces", good.replace(b"old ", b"old  ", 1)),
        ("a capital", good.replace(b"old ", b"Old ", 1)),
        ("a carriage return", good.replace(b"\n", b"\r\n", 1)),
        ("a size beyond 64 bits", good.replace(b"old 40", b"old 18446744073709551616", 1)),
        ("a short hash", good.replace(b"\n\n", b"\nAAAA\n\n", 1)),
        ("a hash that is not base64", good.replace(b"\n\n", b"\n" + b"*" * 44 + b"\n\n", 1)),
        ("64 hashes", body(MOST, [hash_of(b"")] * 64, Log().note(MOST))),
        ("no signatures", good[: good.rindex(b"\n\n") + 2]),
        ("a note that ends early", good[:-1]),
    ]:
        ask.expect(what, data, 400)
    ask.expect("63 hashes", body(MOST, [hash_of(b"")] * 63, Log().note(MOST)), 422)
    for method in ["GET", "HEAD", "PUT", "DELETE"]:
        found = ask.send(good, method=method)[0]
        if found < 400:
            ask.wrong.append(f"{method}: {found}")
    found = ask.send(good, path="/elsewhere")[0]
    if found < 400:
        ask.wrong.append(f"another path: {found}")


def published(ask):
    """Examples of a public witness."""
    for what, data, status, size in examples.ASKED:
        ask.expect(what, data, status, size)


def again(ask):
    """After a restart: it remembers."""
    log = Log()
    ask.expect("everything anew", log.request(0, 3), 409, MOST)
    ask.expect("another past", body(MOST, [], log.note(MOST, root=hash_of(b"elsewhere"))), 422)
    ask.expect("the same", log.request(MOST, MOST), 200)


def main(arguments):
    """The command."""
    match arguments:
        case ["logs"]:
            for keys in [[vkey(key) for key in Log().keys()], *([one] for one in examples.LOGS)]:
                print(" ".join(keys))
            return 0
        case ["run", url, *vkeys]:
            ask, parts = Asked(url, vkeys), [grown, malformed, published]
        case ["again", url, *vkeys]:
            ask, parts = Asked(url, vkeys), [again]
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    for part in parts:
        part(ask)
    print(f"{ask.asked} asked, {len(ask.wrong)} answered wrongly")
    for wrong in ask.wrong:
        print(f"  {wrong}")
    return 1 if ask.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
