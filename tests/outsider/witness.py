#!/usr/bin/env python3
"""A witness, written from c2sp.org/tlog-witness and /tlog-cosignature and from nothing of ours.

`witness.py keys DIR NAME` makes its two keys and prints their verifier keys, one a line.
`witness.py serve DIR VKEY... [--port N] [--tls]` cosigns the logs of these keys over HTTP, on that or a free port
of the loopback that it prints; with --tls over HTTPS, with a certificate of an authority of its own
in DIR/roots.pem. It prints a line for each checkpoint that it cosigned.
"""

import base64
import datetime
import ipaddress
import json
import os
import re
import ssl
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.x509.oid import NameOID

from note import (
    ED25519_COSIGNATURE,
    ML_DSA_44_COSIGNATURE,
    Key,
    Refused,
    checkpoint,
    from_base64,
    require,
    signed_by,
    verifier_key,
)
from tiles import parent_hash, tree_hash

# A note is at most some hundreds of kilobytes here; the specification bounds the proof.
BODY_MAX = 256 * 1024
PROOF_MAX = 63


class Status(Exception):
    """An answer other than the cosignatures."""

    def __init__(self, code, words, kind="text/plain"):
        super().__init__(words)
        self.code, self.words, self.kind = code, words, kind


def request(body):
    """The old size, the proof and the note of an add-checkpoint request."""
    head, blank, signed = body.partition(b"\n\n")
    require(blank, "no empty line")
    first, *proof = head.split(b"\n")
    old = re.fullmatch(rb"old (0|[1-9][0-9]{0,19})", first)
    require(old and int(old[1]) < 2**64, "no old size line")
    require(len(proof) <= PROOF_MAX, "too long a proof")
    hashed = [from_base64(line) for line in proof]
    require(all(len(one) == 32 for one in hashed), "a hash is 32 bytes")
    return int(old[1]), hashed, checkpoint(signed)


def grew(old, old_root, new, new_root, proof):
    """RFC 9162, section 2.1.4.2: whether a tree of `old` entries is the beginning of one of `new`."""
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    first, last = old - 1, new - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            before, after = parent_hash(sibling, before), parent_hash(sibling, after)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            after = parent_hash(after, sibling)
        first, last = first >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


class Witness:
    """Keys, the logs that it knows, and what it cosigned last of each, kept in a file."""

    def __init__(self, folder, vkeys):
        with open(os.path.join(folder, "keys.json"), encoding="utf-8") as file:
            kept = json.load(file)
        self.name = kept["name"].encode()
        self.ed25519 = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(kept["ed25519"]))
        self.ml_dsa = MLDSA44PrivateKey.from_seed_bytes(bytes.fromhex(kept["ml-dsa-44"]))
        self.logs = {}
        for vkey in vkeys:
            key = verifier_key(vkey.encode())
            self.logs.setdefault(key.name, []).append(key)
        self.path = os.path.join(folder, "cosigned.json")
        self.lock = threading.Lock()
        self.cosigned = {}
        if os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as file:
                self.cosigned = json.load(file)

    def keys(self):
        """Its two verifier keys."""
        return verifier_keys(self.name, self.ed25519, self.ml_dsa)

    def add_checkpoint(self, body):
        """Judges a request; the signature lines, or a `Status`."""
        try:
            old, proof, point = request(body)
        except Refused as reason:
            raise Status(400, str(reason)) from reason
        if point.origin not in self.logs:
            raise Status(404, "unknown log")
        known = {(key.name, key.id): key for key in self.logs[point.origin]}
        mine = [(known[name, key], line) for name, key, line in point.signatures if (name, key) in known]
        if not mine or not all(signed_by(key, point, line) for key, line in mine):
            raise Status(403, "not signed by the log")
        if old > point.size:
            raise Status(400, "the old size is larger than the new one")
        with self.lock:
            last, root = self.latest(point.origin)
            if old != last:
                raise Status(409, str(last), "text/x.tlog.size")
            if point.size == 0 and point.root != tree_hash([]):
                raise Status(422, "the empty tree has another root")
            if not grew(old, root, point.size, point.root, proof):
                raise Status(422, "not proved")
            self.remember(point)
            return self.lines(point, int(time.time()))

    def latest(self, origin):
        """Size and root of what was cosigned last."""
        size, root = self.cosigned.get(origin.decode(), (0, tree_hash([]).hex()))
        return size, bytes.fromhex(root)

    def remember(self, point):
        """On the disk before anybody sees a signature."""
        self.cosigned[point.origin.decode()] = (point.size, point.root.hex())
        new = self.path + ".new"
        with open(new, "w", encoding="utf-8") as file:
            json.dump(self.cosigned, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self.path)
        folder = os.open(os.path.dirname(self.path), os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def lines(self, point, seconds):
        """Cosignatures of both kinds."""
        stamp = struct.pack(">Q", seconds)
        first, second = self.keys()
        message = b"cosignature/v1\ntime %d\n" % seconds + point.body
        lines = signature_line(first, stamp + self.ed25519.sign(message))
        message = b"subtree/v1\n\0" + bytes([len(self.name)]) + self.name + stamp
        message += bytes([len(point.origin)]) + point.origin
        message += struct.pack(">QQ", 0, point.size) + point.root
        return lines + signature_line(second, stamp + self.ml_dsa.sign(message))


def verifier_keys(name, ed25519, ml_dsa):
    """The keys as others know them."""
    return (
        Key(name, ED25519_COSIGNATURE, ed25519.public_key().public_bytes_raw()),
        Key(name, ML_DSA_44_COSIGNATURE, ml_dsa.public_key().public_bytes_raw()),
    )


def vkey(key):
    """A verifier key in its text form."""
    encoded = base64.b64encode(bytes([key.kind]) + key.public)
    return b"+".join([key.name, key.id.hex().encode(), encoded]).decode()


def signature_line(key, signature):
    """EM DASH, the name, base64 of key ID and signature."""
    return "\u2014 ".encode() + key.name + b" " + base64.b64encode(key.id + signature) + b"\n"


def handler(witness):
    """The HTTP interface."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_POST(self):
            length = self.headers.get("content-length", "")
            if self.path != "/add-checkpoint":
                return self.answer(404, b"nothing here\n")
            if not length.isdigit() or int(length) > BODY_MAX:
                self.close_connection = True
                return self.answer(400, b"a body of unknown or too large a size\n")
            try:
                lines = witness.add_checkpoint(self.rfile.read(int(length)))
            except Status as status:
                return self.answer(status.code, status.words.encode() + b"\n", status.kind)
            self.answer(200, lines)
            print("cosigned", flush=True)
            return None

        def answer(self, code, body, kind="text/plain"):
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Standard output says what others wait for, and nothing else."""

    return Handler


def authority(folder, host):
    """An authority and a server's certificate by it, made once."""
    path = os.path.join(folder, "server.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if os.path.exists(path):
        context.load_cert_chain(path)
        return context
    now = datetime.datetime.now(datetime.timezone.utc)

    def certificate(subject, public, issuer, signer, extensions):
        name = lambda text: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
        made = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer))
        made = made.public_key(public).serial_number(x509.random_serial_number())
        made = made.not_valid_before(now - datetime.timedelta(days=1))
        made = made.not_valid_after(now + datetime.timedelta(days=1))
        for extension, critical in extensions:
            made = made.add_extension(extension, critical)
        return made.sign(signer, hashes.SHA256())

    root, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    anchored = certificate(
        "outsider root", root.public_key(), "outsider root", root, [(x509.BasicConstraints(True, 0), True)]
    )
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
    served = certificate("outsider witness", own.public_key(), "outsider root", root, [(names, False)])
    pem = serialization.Encoding.PEM
    with open(os.path.join(folder, "roots.pem"), "wb") as file:
        file.write(anchored.public_bytes(pem))
    private = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(private + served.public_bytes(pem))
    context.load_cert_chain(path)
    return context


def make_keys(folder, name):
    """New keys in a folder."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    seeds = {"name": name, "ed25519": os.urandom(32).hex(), "ml-dsa-44": os.urandom(32).hex()}
    with open(os.path.join(folder, "keys.json"), "x", encoding="utf-8") as file:
        json.dump(seeds, file)


def main(arguments):
    """The command."""
    match arguments:
        case ["keys", folder, name]:
            make_keys(folder, name)
            for key in Witness(folder, []).keys():
                print(vkey(key))
        case ["serve", folder, *logs]:
            host, port = "127.0.0.1", 0
            if "--port" in logs:
                at = logs.index("--port")
                port = int(logs[at + 1])
                del logs[at:at + 2]
            tls = "--tls" in logs
            witness = Witness(folder, [log for log in logs if log != "--tls"])
            server = ThreadingHTTPServer((host, port), handler(witness))
            if tls:
                context = authority(folder, host)
                server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            print(f"ready {server.server_address[1]}", flush=True)
            server.serve_forever()
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
