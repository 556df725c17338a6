#!/usr/bin/env python3
"""Vectors for pouch-tlog, from a second implementation that shares no code with it.

It is written from c2sp.org/{signed-note,tlog-checkpoint,tlog-cosignature,tlog-policy,tlog-proof,
tlog-witness} and RFC 6962. Needs Python 3 and `cryptography` 48 or later; run it in this directory.
A file's name is its kind, a dot, and what is right or wrong with it; `refuse/codes.txt` says the code
of each refusal. ML-DSA-44 signatures are randomised, so they differ from run to run.

Kinds: note, checkpoint (a note's text), vkey, policy, proof, request (of tlog-witness), place (of a
tile) are parsed. `signed` is a note checked under accept/policy.network.txt; `proved` a proof verified
for entry 5 under the same policy. Entry i is the text "entry i".
"""

import base64
import hashlib
import os
import shutil
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

TIME = 1764000000
ORIGIN = "log.pouch.example/messages"


def seed(label):
    return hashlib.sha256(("pouch-tlog vector " + label).encode()).digest()


def b64(data):
    return base64.b64encode(data).decode()


class Key:
    def __init__(self, name, kind, label=None):
        self.name, self.kind = name, kind
        label = label or f"{name} {kind}"
        if kind == 6:
            self.secret = MLDSA44PrivateKey.from_seed_bytes(seed(label))
        else:
            self.secret = Ed25519PrivateKey.from_private_bytes(seed(label))
        self.public = self.secret.public_key().public_bytes_raw()
        self.typed = bytes([kind]) + self.public
        self.id = hashlib.sha256(name.encode() + b"\n" + self.typed).digest()[:4]
        self.vkey = f"{name}+{self.id.hex()}+{b64(self.typed)}"

    def line(self, text, time=TIME):
        origin, size, root = text.split("\n")[:3]
        stamp = struct.pack(">Q", time)
        if self.kind == 1:
            signature = self.secret.sign(text.encode())
        elif self.kind == 4:
            signature = stamp + self.secret.sign(f"cosignature/v1\ntime {time}\n{text}".encode())
        else:
            name, log = self.name.encode(), origin.encode()
            message = b"subtree/v1\n\0" + bytes([len(name)]) + name + stamp + bytes([len(log)]) + log
            message += struct.pack(">QQ", 0, int(size)) + base64.b64decode(root)
            signature = stamp + self.secret.sign(message)
        return self.raw(signature)

    def raw(self, signature):
        return f"\u2014 {self.name} {b64(self.id + signature)}\n"


def leaf(i):
    return hashlib.sha256(b"\0" + f"entry {i}".encode()).digest()


def split(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(low, high):
    n = high - low
    if n == 0:
        return hashlib.sha256(b"").digest()
    if n == 1:
        return leaf(low)
    k = split(n)
    return hashlib.sha256(b"\1" + mth(low, low + k) + mth(low + k, high)).digest()


def path(m, low, high):
    if high - low <= 1:
        return []
    k = split(high - low)
    if m < low + k:
        return path(m, low, low + k) + [mth(low + k, high)]
    return path(m, low + k, high) + [mth(low, low + k)]


def subproof(m, low, high, whole):
    if low + m == high:
        return [] if whole else [mth(low, high)]
    k = split(high - low)
    if m <= k:
        return subproof(m, low, low + k, whole) + [mth(low + k, high)]
    return subproof(m - k, low + k, high, False) + [mth(low, low + k)]


def text(size, root=None, origin=ORIGIN, extensions=()):
    lines = [origin, str(size), b64(root if root is not None else mth(0, size)), *extensions]
    return "\n".join(lines) + "\n"


LOG = [Key(ORIGIN, 1), Key(ORIGIN, 6)]
W = {n: [Key(f"{n}.pouch.example/witness", 4), Key(f"{n}.pouch.example/witness", 6)] for n in ("nl", "md", "fr")}
SIZE = 300
TEXT = text(SIZE)
log_lines = [k.line(TEXT) for k in LOG]
nl = [k.line(TEXT, TIME + 5) for k in W["nl"]]
md = [k.line(TEXT, TIME + 9) for k in W["md"]]
GOOD = TEXT + "\n" + "".join(log_lines + nl + md)


def policy(quorum="2"):
    out = f"log {LOG[0].vkey}\nwitness {ORIGIN}/ml-dsa-44 {LOG[1].vkey}\n"
    for name, (ed, ml) in W.items():
        out += f"witness {name}/ed25519 {ed.vkey}\nwitness {name}/ml-dsa-44 {ml.vkey}\n"
    for name in W:
        out += f"group {name} all {name}/ed25519 {name}/ml-dsa-44\n"
    out += f"group quorum {quorum} nl md fr\n"
    return out + f"group log-and-quorum all {ORIGIN}/ml-dsa-44 quorum\nquorum log-and-quorum\n"


def proof(index, hashes, note, extra=None):
    out = "c2sp.org/tlog-proof@v1\n" + (f"extra {extra}\n" if extra is not None else "")
    return out + f"index {index}\n" + "".join(b64(h) + "\n" for h in hashes) + "\n" + note


def request(old, hashes, note):
    return f"old {old}\n" + "".join(b64(h) + "\n" for h in hashes) + "\n" + note


def flip(line, byte):
    """The line with one bit of its signature flipped."""
    head, blob = line.rstrip("\n").rsplit(" ", 1)
    blob = bytearray(base64.b64decode(blob))
    blob[byte] ^= 1
    return f"{head} {b64(bytes(blob))}\n"


for directory in ("accept", "refuse"):
    shutil.rmtree(directory, ignore_errors=True)
    os.mkdir(directory)
codes = []


def accept(name, content):
    data = content if isinstance(content, bytes) else content.encode()
    open(f"accept/{name}.txt", "wb").write(data)


def refuse(name, code, content):
    data = content if isinstance(content, bytes) else content.encode()
    open(f"refuse/{name}.txt", "wb").write(data)
    codes.append(f"{name}.txt POUCH-TLG-{code:02}\n")


# Small keys and a small note for what needs no ML-DSA.
A1, B1 = Key("log.example/a", 1), Key("log.example/b", 1)
V = [Key(f"w{i}.example", 4) for i in range(5)]
SMALL = text(5, origin="log.example/a")
SIG = A1.line(SMALL)

# signed-note
EXAMPLE = """This is an example message.

\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""
accept("note.c2sp-example", EXAMPLE)
accept("note.c2sp-poem", """Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed \u00e8 subito sera.

\u2014 quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
""")
BEHIND = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""
accept("note.c2sp-checkpoint", BEHIND)
accept("note.c2sp-cosigned", BEHIND + "\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n")
accept("note.text-with-empty-lines", "a\n\n\nb\n\n\n" + SIG)
accept("note.100-signatures", SMALL + "\n" + SIG * 100)
refuse("note.no-empty-line", 23, SMALL + SIG)
refuse("note.no-signature", 24, SMALL + "\n")
refuse("note.101-signatures", 25, SMALL + "\n" + SIG * 101)
refuse("note.not-utf-8", 21, (SMALL + "\n" + SIG).encode().replace(b"log", b"l\xffg", 1))
refuse("note.tab-in-text", 22, "a\tb\n\n" + SIG)
refuse("note.carriage-return", 22, (SMALL + "\n" + SIG).replace("\n", "\r\n"))
refuse("note.signature-line-unfinished", 26, SMALL + "\n" + SIG[:-1])
refuse("note.hyphen-for-dash", 26, SMALL + "\n" + SIG.replace("\u2014", "-"))
refuse("note.text-after-signatures", 26, SMALL + "\n" + SIG + "more\n")
refuse("note.plus-in-key-name", 26, SMALL + "\n" + SIG.replace("log.example/a", "log+example"))
refuse("note.unicode-space-in-key-name", 26, SMALL + "\n" + SIG.replace("log.example/a", "log\u2003example"))
refuse("note.no-key-name", 26, SMALL + "\n" + SIG.replace("log.example/a", ""))
refuse("note.base64-unpadded", 26, SMALL + "\n" + SIG.replace("=", ""))
stray = SIG.rstrip("=\n")
alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
refuse("note.base64-stray-bit", 26, SMALL + "\n" + stray[:-1] + alphabet[alphabet.index(stray[-1]) ^ 1] + "=\n")
refuse("note.base64-url-alphabet", 26, SMALL + "\n" + "\u2014 log.example/a " + b64(A1.id + b"\xff\xff\xfe" * 21 + b"a").replace("+", "-").replace("/", "_") + "\n")
refuse("note.only-a-key-id", 26, SMALL + "\n" + A1.raw(b""))
refuse("note.too-large", 20, SMALL + "x" * 163840 + "\n\n" + SIG)

# tlog-checkpoint
accept("checkpoint.plain", SMALL)
accept("checkpoint.empty-log", text(0, origin="log.example/a"))
accept("checkpoint.extension-lines", text(5, extensions=("one", "two and three")))
accept("checkpoint.origin-with-spaces", text(5, origin="a log + spaces"))
accept("checkpoint.largest-size", text(5).replace("\n5\n", "\n18446744073709551615\n"))
refuse("checkpoint.unfinished", 36, SMALL[:-1])
refuse("checkpoint.empty-origin", 36, text(5, origin=""))
refuse("checkpoint.empty-extension", 36, text(5, extensions=("", "two")))
refuse("checkpoint.two-lines", 37, "log.example/a\n5\n")
refuse("checkpoint.size-leading-zero", 38, SMALL.replace("\n5\n", "\n05\n"))
refuse("checkpoint.size-signed", 38, SMALL.replace("\n5\n", "\n+5\n"))
refuse("checkpoint.size-hexadecimal", 38, SMALL.replace("\n5\n", "\nf\n"))
refuse("checkpoint.size-too-large", 38, SMALL.replace("\n5\n", "\n18446744073709551616\n"))
refuse("checkpoint.root-31-bytes", 39, text(5, root=bytes(31)))
refuse("checkpoint.root-unpadded", 39, SMALL.replace("=", ""))
refuse("checkpoint.root-trailing-space", 39, SMALL[:-1] + " \n")

# vkeys
accept("vkey.c2sp-example", "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
for key, what in ((LOG[0], "log-ed25519"), (LOG[1], "log-ml-dsa-44"), (W["nl"][0], "witness-ed25519"), (W["nl"][1], "witness-ml-dsa-44")):
    accept(f"vkey.{what}", key.vkey)
name, kid, body = A1.vkey.split("+", 2)
refuse("vkey.two-parts", 30, f"{name}+{body.replace('+', 'A')}")
refuse("vkey.id-upper-case", 30, f"abc+{'ABCDEF01'}+{body}")
refuse("vkey.id-short", 30, f"{name}+{kid[:-1]}+{body}")
refuse("vkey.base64-unpadded", 30, f"{name}+{kid}+{body}".rstrip("=") + "=")
refuse("vkey.empty", 30, "")
refuse("vkey.no-name", 31, f"+{kid}+{body}")
refuse("vkey.space-in-name", 31, f"log a+{kid}+{body}")
refuse("vkey.name-256-bytes", 32, Key("n" * 256, 1).vkey)
accept("vkey.name-255-bytes", Key("n" * 255, 1).vkey)
ecdsa = Key(name, 1)
ecdsa.typed = b"\2" + ecdsa.public
refuse("vkey.type-ecdsa", 33, f"{name}+{kid}+{b64(ecdsa.typed)}")
refuse("vkey.ed25519-31-bytes", 34, f"{name}+{kid}+{b64(A1.typed[:-1])}")
refuse("vkey.ed25519-small-order", 34, f"{name}+{kid}+{b64(bytes([1, 1]) + bytes(31))}")
refuse("vkey.ml-dsa-44-short", 34, f"{name}+{kid}+{b64(LOG[1].typed[:-1])}")
refuse("vkey.id-of-another-name", 35, f"log.example/b+{kid}+{body}")
refuse("vkey.id-of-another-type", 35, f"{name}+{kid}+{b64(bytes([4]) + A1.public)}")

# tlog-policy
ws = "".join(f"witness X{i} {k.vkey}\n" for i, k in enumerate(V))
lg = f"log {A1.vkey}\n"
accept("policy.network", policy())
accept("policy.quorum-none", f"{lg}quorum none\n")
accept("policy.only-a-quorum", "quorum none\n")
accept("policy.one-witness", f"{lg}{ws}quorum X3\n")
accept("policy.nested", f"{lg}{ws}group X 2 X0 X1 X2\ngroup Y any X3 X4\ngroup both all X Y\nquorum both\n")
accept("policy.whitespace-comments-urls", f"# a comment\n\n \t \n\t # another\n \tlog\t {A1.vkey}  https://log.example/ \n{ws}group any all X0 X1\nlog {B1.vkey}\nquorum\tany\n")
accept("policy.octets-in-names", lg.encode() + b"witness \xff\xfe " + V[0].vkey.encode() + b"\nquorum \xff\xfe\n")
accept("policy.quorum-of-a-member", f"{lg}{ws}group X all X0 X1\nquorum X0\n")
accept("policy.witness-after-quorum", f"{lg}witness X {V[0].vkey}\nquorum X\nwitness Y {V[1].vkey}\n")
many = [Key(f"m{i}.example", 4) for i in range(66)]
mw = "".join(f"witness M{i} {k.vkey}\n" for i, k in enumerate(many[:65]))
accept("policy.65-witnesses", f"{mw}quorum M64\n")
accept("policy.65-logs", "".join(f"log {Key(k.name, 1).vkey}\n" for k in many[:65]) + "quorum none\n")
accept("policy.65-groups", mw + "".join(f"group G{i} all M{i}\n" for i in range(65)) + "quorum G0\n")
refuse("policy.control-character", 54, f"{lg}quorum none\r\n")
refuse("policy.delete-character", 54, f"{lg}# \x7f\nquorum none\n")
refuse("policy.unfinished", 55, f"{lg}quorum none")
refuse("policy.unknown-keyword", 56, f"{lg}logs\nquorum none\n")
refuse("policy.log-without-key", 57, "log\nquorum none\n")
refuse("policy.log-four-words", 57, f"log {A1.vkey} url more\nquorum none\n")
refuse("policy.group-without-members", 57, f"{ws}group X all\nquorum X\n")
refuse("policy.quorum-two-names", 57, f"{ws}quorum X0 X1\n")
refuse("policy.vkey-malformed", 30, "log abc\nquorum none\n")
refuse("policy.log-with-cosigner-key", 58, f"log {V[0].vkey}\nquorum none\n")
refuse("policy.witness-with-note-key", 58, f"witness X {A1.vkey}\nquorum X\n")
refuse("policy.duplicate-log", 59, f"{lg}log {Key('log.example/other', 1, 'log.example/a 1').vkey}\nquorum none\n")
refuse("policy.duplicate-witness", 59, f"witness X {V[0].vkey}\nwitness Y {Key('other.example', 4, 'w0.example 4').vkey}\nquorum X\n")
refuse("policy.name-twice", 61, f"witness X {V[0].vkey}\nwitness X {V[1].vkey}\nquorum X\n")
refuse("policy.group-named-as-witness", 61, f"{ws}group X0 all X1\nquorum X0\n")
refuse("policy.witness-named-none", 61, f"witness none {V[0].vkey}\nquorum none\n")
refuse("policy.quorum-undefined", 62, f"{ws}quorum Y\n")
refuse("policy.quorum-before-witness", 62, f"quorum X0\n{ws}")
refuse("policy.member-undefined", 62, f"{ws}group X all X0 Y\nquorum X\n")
refuse("policy.member-none", 62, f"{ws}group X any X0 none\nquorum X\n")
refuse("policy.group-of-itself", 62, f"{ws}group X all X0 X\nquorum X\n")
refuse("policy.name-by-other-octets", 62, f"witness K {V[0].vkey}\nquorum \u212a\n")
refuse("policy.member-twice", 63, f"{ws}group X all X0 X0\nquorum X\n")
refuse("policy.member-of-two-groups", 63, f"{ws}group X all X0 X1\ngroup Y all X1 X2\nquorum Y\n")
refuse("policy.threshold-zero", 64, f"{ws}group X 0 X0 X1\nquorum X\n")
refuse("policy.threshold-above-members", 64, f"{ws}group X 3 X0 X1\nquorum X\n")
refuse("policy.threshold-leading-zero", 64, f"{ws}group X 02 X0 X1\nquorum X\n")
refuse("policy.threshold-word", 64, f"{ws}group X most X0 X1\nquorum X\n")
refuse("policy.two-quorums", 65, f"{ws}quorum X0\nquorum X0\n")
refuse("policy.two-quorums-none", 65, "quorum none\nquorum none\n")
refuse("policy.no-quorum", 66, f"{lg}{ws}")
refuse("policy.empty", 66, "")
refuse("policy.66-witnesses", 67, f"{mw}witness M65 {many[65].vkey}\nquorum M64\n")

# notes under a policy
accept("signed.quorum-of-two", GOOD)
accept("signed.unknown-signers-ignored", GOOD + V[0].line(TEXT) + A1.line(SMALL))
accept("signed.third-witness-with-one-key", GOOD + W["fr"][0].line(TEXT))
accept("signed.same-witness-again", GOOD + W["nl"][0].line(TEXT, TIME + 50))
EXT = text(SIZE, extensions=("an extension",))
accept("signed.extension-line", EXT + "\n" + "".join(k.line(EXT) for k in LOG + W["nl"] + W["md"]))
refuse("signed.no-log-signature", 50, TEXT + "\n" + "".join(nl + md))
refuse("signed.other-origin", 50, text(SIZE, origin="log.example/a") + "\n" + A1.line(text(SIZE, origin="log.example/a")))
refuse("signed.log-ed25519-only", 51, TEXT + "\n" + "".join([log_lines[0]] + nl + md))
refuse("signed.log-ml-dsa-44-only", 51, TEXT + "\n" + "".join([log_lines[1]] + nl + md))
refuse("signed.one-witness", 52, TEXT + "\n" + "".join(log_lines + nl))
refuse("signed.one-witness-twice", 52, TEXT + "\n" + "".join(log_lines + nl + [k.line(TEXT, TIME + 50) for k in W["nl"]]))
refuse("signed.two-witnesses-ed25519-only", 52, TEXT + "\n" + "".join(log_lines + nl[:1] + md[:1]))
refuse("signed.two-witnesses-half-each", 52, TEXT + "\n" + "".join(log_lines + nl[:1] + md[1:]))
refuse("signed.log-ed25519-bit-flipped", 47, GOOD.replace(log_lines[0], flip(log_lines[0], 40)))
refuse("signed.log-ml-dsa-44-bit-flipped", 47, GOOD.replace(log_lines[1], flip(log_lines[1], 2000)))
refuse("signed.witness-time-bit-flipped", 47, GOOD.replace(nl[1], flip(nl[1], 11)))
refuse("signed.third-witness-wrong", 47, GOOD + flip(W["fr"][0].line(TEXT), 60))
refuse("signed.size-altered", 47, GOOD.replace("\n300\n", "\n301\n"))
OTHER = text(SIZE, root=mth(0, 299))
refuse("signed.signatures-of-another-root", 47, OTHER + "\n" + "".join(log_lines + nl + md))
refuse("signed.ml-dsa-44-under-other-name", 47, GOOD.replace(nl[1], Key(W["nl"][1].name, 6).raw(base64.b64decode(Key("x.example", 6, W["nl"][1].name + " 6").line(TEXT).split(" ")[-1])[4:])))
far = W["nl"][1]
refuse("signed.time-beyond-2-63", 47, GOOD.replace(nl[1], far.line(TEXT, 1 << 63)))
refuse("signed.signature-shortened", 47, GOOD.replace(nl[0], W["nl"][0].raw(base64.b64decode(nl[0].split(" ")[-1])[4:-1])))
refuse("signed.not-a-checkpoint", 37, EXAMPLE)

# tlog-proof
p5 = path(5, 0, SIZE)
small_note = SMALL + "\n" + SIG
accept("proof.plain", proof(5, p5, GOOD))
accept("proof.extra", proof(5, p5, small_note, b64(b"anything")))
accept("proof.no-path", proof(0, [], small_note))
refuse("proof.other-version", 71, proof(5, p5, small_note).replace("@v1", "@v2"))
refuse("proof.extra-empty", 72, proof(5, p5, small_note, ""))
refuse("proof.extra-not-base64", 72, proof(5, p5, small_note, "a*"))
refuse("proof.no-index", 73, proof(5, p5, small_note).replace("index 5\n", ""))
refuse("proof.index-leading-zero", 73, proof("05", p5, small_note))
refuse("proof.extra-after-index", 74, proof(5, [], small_note).replace("index 5\n", "index 5\nextra AAAA\n"))
refuse("proof.hash-short", 74, proof(5, [p5[0], p5[1][:31]], small_note))
refuse("proof.65-hashes", 75, proof(5, [p5[0]] * 65, small_note))
refuse("proof.no-empty-line", 76, "c2sp.org/tlog-proof@v1\nindex 5\n")
refuse("proof.unsigned-checkpoint", 23, proof(5, p5, SMALL))
accept("proved.entry-5", proof(5, p5, GOOD))
accept("proved.entry-5-extra", proof(5, p5, GOOD, b64(b"anything")))
refuse("proved.other-index", 6, proof(4, p5, GOOD))
refuse("proved.other-entry", 6, proof(6, path(6, 0, SIZE), GOOD))
refuse("proved.index-beyond-size", 3, proof(300, p5, GOOD))
refuse("proved.path-short", 5, proof(5, p5[:-1], GOOD))
refuse("proved.path-long", 5, proof(5, p5 + [p5[0]], GOOD))
refuse("proved.path-swapped", 6, proof(5, [p5[1], p5[0]] + p5[2:], GOOD))
refuse("proved.no-quorum", 52, proof(5, p5, TEXT + "\n" + "".join(log_lines + nl)))

# tlog-witness
accept("request.c2sp-example", """old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

""" + BEHIND + "\u2014 example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n")
accept("request.first", request(0, [], small_note))
accept("request.grown", request(200, subproof(200, 0, SIZE, True), GOOD))
accept("request.63-hashes", request(1, [p5[0]] * 63, small_note))
refuse("request.no-old-size", 78, "\n".join(["size 0", "", small_note]))
refuse("request.old-size-leading-zero", 78, request("00", [], small_note))
refuse("request.hash-short", 79, request(3, [p5[0][:31]], small_note))
refuse("request.64-hashes", 80, request(3, [p5[0]] * 64, small_note))
refuse("request.no-checkpoint", 81, "old 0\n")
refuse("request.unsigned-checkpoint", 23, request(0, [], SMALL))

# tlog-tiles
for n, place in enumerate(("tile/0/000", "tile/0/x001/x234/067", "tile/2/001.p/1", "tile/63/999.p/255", "tile/0/x018/x446/x744/x073/x709/x551/615")):
    accept(f"place.{n}", place)
for n, place in enumerate(("tile/entries/000", "tile/entries/x001/x234/067.p/12")):
    accept(f"place.entries-{n}", place)
for what, place in {
    "level-64": "tile/64/000",
    "level-leading-zero": "tile/01/000",
    "index-unpadded": "tile/0/1",
    "index-four-digits": "tile/0/1234",
    "index-without-x": "tile/0/001/234",
    "index-last-with-x": "tile/0/x001/x234",
    "index-leading-element": "tile/0/x000/001",
    "index-too-large": "tile/0/x018/x446/x744/x073/x709/x551/616",
    "index-empty": "tile/0/",
    "width-zero": "tile/0/000.p/0",
    "width-256": "tile/0/000.p/256",
    "width-leading-zero": "tile/0/000.p/01",
    "slash-at-end": "tile/0/000/",
    "entries-level": "tile/entries/0/000",
    "climbing": "tile/0/../000",
}.items():
    refuse(f"place.{what}", 8, place)

open("refuse/codes.txt", "w").write("".join(codes))
