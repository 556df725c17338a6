"""Signed notes and checkpoints, read as a stranger reads them.

Written from c2sp.org/signed-note, /tlog-checkpoint and /tlog-cosignature alone. It shares no
code with the logs that it judges, so a mistake on either side shows as a disagreement.
"""

import base64
import binascii
import functools
import hashlib
import re
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

# The type bytes that signed-note assigns, and the length of the public key behind each.
ED25519, ED25519_COSIGNATURE, ML_DSA_44_COSIGNATURE = 0x01, 0x04, 0x06
KEY_LENGTH = {ED25519: 32, ED25519_COSIGNATURE: 32, ML_DSA_44_COSIGNATURE: 1312}

# signed-note asks for at least 16 signatures to be accepted, and for some limit.
SIGNATURES_MAX = 256


class Refused(Exception):
    """Why a log, a note or a policy is not accepted."""


def require(condition, reason):
    """Refuses unless the condition holds."""
    if not condition:
        raise Refused(reason)


def from_base64(text, without=frozenset()):
    """Decodes base64 that has exactly one spelling: no strange characters, no idle bits set."""
    try:
        raw = base64.b64decode(text, validate="base64" not in without)
    except (binascii.Error, ValueError) as error:
        raise Refused(f"not base64: {error}") from error
    if "base64" not in without:
        require(base64.b64encode(raw) == bytes(text), "base64 is not canonical")
    return raw


def key_name(name):
    """A key's name: UTF-8, not empty, with neither spaces nor a plus."""
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("a key's name is not UTF-8") from error
    require(text and "+" not in text and not any(c.isspace() for c in text), "not a key's name")
    return name


@dataclass(frozen=True)
class Key:
    """A verifier key: a name, a kind of signature and a public key."""

    name: bytes
    kind: int
    public: bytes

    @property
    def id(self):
        """The four bytes that commit to all three."""
        return hashlib.sha256(self.name + b"\n" + bytes([self.kind]) + self.public).digest()[:4]


def verifier_key(text, without=frozenset()):
    """Reads `name+id+base64(type || key)`. The base64 may hold a plus; the other two may not."""
    parts = bytes(text).split(b"+", 2)
    require(len(parts) == 3, "a verifier key has three parts")
    raw = from_base64(parts[2], without)
    require(raw and raw[0] in KEY_LENGTH, "not a kind of key known here")
    require(len(raw) == 1 + KEY_LENGTH[raw[0]], "a public key of the wrong length")
    key = Key(key_name(parts[0]), raw[0], raw[1:])
    require(re.fullmatch(rb"[0-9a-f]{8}", parts[1]), "a key ID is 8 small hex digits")
    require(parts[1] == key.id.hex().encode(), "the key ID is not that of this name and key")
    return key


@dataclass(frozen=True)
class Checkpoint:
    """A log's statement: so many entries, with this root."""

    body: bytes
    origin: bytes
    size: int
    root: bytes
    signatures: tuple  # of (name, key ID, signature), in the order written


# Reading is remembered too, as verifying is below: one flip leaves all other files as they were.
@functools.lru_cache(maxsize=8)
def checkpoint(note, without=frozenset()):
    """Reads a checkpoint with its signature lines. Nothing of it is verified yet."""
    try:
        note.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("the checkpoint is not UTF-8") from error
    require(not re.search(rb"[\x00-\x09\x0b-\x1f]", note), "a control character in the checkpoint")
    require(note.endswith(b"\n"), "the checkpoint does not end its last line")
    body, blank, below = note.rpartition(b"\n\n")
    require(blank, "no empty line before the signatures")
    lines = below.split(b"\n")[:-1]
    require(1 <= len(lines) <= SIGNATURES_MAX, "no signatures, or too many")
    text = body.split(b"\n")
    require(len(text) >= 3 and all(text), "a checkpoint has at least three lines, none empty")
    plain = re.fullmatch(rb"0|[1-9][0-9]{0,19}", text[1])
    require(plain and int(text[1]) < 2**64, "the size is not a plain number of 64 bits")
    root = from_base64(text[2], without)
    require(len(root) == 32, "the root is not 32 bytes")
    signatures = tuple(signature_line(line, without) for line in lines)
    return Checkpoint(body + b"\n", text[0], int(text[1]), root, signatures)


def signature_line(line, without):
    """Reads `EM DASH, space, name, space, base64(key ID || signature)`."""
    mark = "\u2014 ".encode()
    require(line.startswith(mark), "not a signature line")
    name, space, encoded = line[len(mark):].partition(b" ")
    require(space, "a signature line without a signature")
    raw = from_base64(encoded, without)
    require(len(raw) > 4, "a signature line without a signature")
    return key_name(name), raw[:4], raw[4:]


def signed_by(key, point, signature, without=frozenset()):
    """Whether this key signed this checkpoint, in the way of its kind."""
    if key.kind == ED25519:
        return ed25519(key.public, signature, point.body, without)
    # Cosignatures of both kinds begin with the time, in seconds, at which they were made.
    if len(signature) < 8:
        return False
    (time,) = struct.unpack(">Q", signature[:8])
    if time > 2**63 - 1:
        return False
    if key.kind == ED25519_COSIGNATURE:
        message = b"cosignature/v1\ntime %d\n" % time + point.body
        return ed25519(key.public, signature[8:], message, without)
    # The name, the origin and the numbers are given their lengths, as TLS presents them.
    if len(key.name) > 255 or not 1 <= len(point.origin) <= 255:
        return False
    message = b"subtree/v1\n\0" + bytes([len(key.name)]) + key.name + struct.pack(">Q", time)
    message += bytes([len(point.origin)]) + point.origin
    message += struct.pack(">QQ", 0, point.size) + point.root
    return ml_dsa_44(key.public, signature[8:], message, without)


# A flipped bit leaves all other signatures as they were: to remember the last few answers is what
# makes half a million flips a matter of minutes. An answer depends on the arguments alone.
@functools.lru_cache(maxsize=64)
def ed25519(public, signature, message, without):
    """RFC 8032. `cryptography` refuses a second spelling of the same signature (S >= L)."""
    return "ed25519" in without or holds(Ed25519PublicKey.from_public_bytes, public, signature, message)


@functools.lru_cache(maxsize=64)
def ml_dsa_44(public, signature, message, without):
    """FIPS 204, pure, with the empty context."""
    return "ml-dsa-44" in without or holds(MLDSA44PublicKey.from_public_bytes, public, signature, message)


def holds(load, public, signature, message):
    """Asks the library, and takes any objection of its as a no."""
    try:
        load(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
