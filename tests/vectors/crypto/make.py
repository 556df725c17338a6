#!/usr/bin/env python3
"""Known answers for pouch-crypto, from a second implementation that shares no code with it.

It is written from the specifications: RFC 9180 (HPKE's key schedule), c2sp.org/chunked-encryption,
draft-irtf-cfrg-xchacha, RFC 5869, the PURBs paper. Needs Python 3 and the `cryptography` package;
run it in this directory. The X-Wing answers in x-wing.txt are the draft's own.
"""

import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305


def h(label, length):
    """Bytes for a vector: SHAKE256 of a label."""
    return hashlib.shake_256(label.encode()).digest(length)


def extract(algorithm, salt, ikm):
    return hmac.new(salt or bytes(hashlib.new(algorithm).digest_size), ikm, algorithm).digest()


def expand(algorithm, prk, info, length):
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.new(prk, block + info + bytes([counter]), algorithm).digest()
        out, counter = out + block, counter + 1
    return out[:length]


def records(path, comment, rows):
    with open(path, "w") as out:
        out.write(f"# {comment}\n# Made by make.py.\n")
        for row in rows:
            out.write("\n")
            for name, value in row.items():
                out.write(f"{name}: {value.hex() if isinstance(value, bytes) else value}\n")


def read(path):
    rows, row = [], {}
    for line in list(open(path)) + ["\n"]:
        if line.startswith("#"):
            continue
        if line.strip():
            name, value = line.split(":", 1)
            row[name] = bytes.fromhex(value.strip())
        elif row:
            rows.append(row)
            row = {}
    return rows


def hpke_seal(kem_id, shared_secret, info, aad, plaintext):
    """RFC 9180, base mode, HKDF-SHA256, ChaCha20-Poly1305, first message."""
    suite = b"HPKE" + struct.pack(">HHH", kem_id, 1, 3)

    def labeled_extract(salt, label, ikm):
        return extract("sha256", salt, b"HPKE-v1" + suite + label + ikm)

    def labeled_expand(prk, label, info, length):
        return expand("sha256", prk, struct.pack(">H", length) + b"HPKE-v1" + suite + label + info, length)

    context = b"\0" + labeled_extract(b"", b"psk_id_hash", b"") + labeled_extract(b"", b"info_hash", info)
    secret = labeled_extract(shared_secret, b"secret", b"")
    key = labeled_expand(secret, b"key", context, 32)
    nonce = labeled_expand(secret, b"base_nonce", context, 12)
    return ChaCha20Poly1305(key).encrypt(nonce, plaintext, aad)


def hpke_rows():
    for number, vector in enumerate(read("x-wing.txt")):
        info, aad = h(f"info {number}", 40 * number), h(f"aad {number}", 16 * number)
        plaintext = h(f"plaintext {number}", 80 * number)
        yield {
            "seed": vector["sk"],
            "eseed": vector["eseed"],
            "info": info,
            "aad": aad,
            "plaintext": plaintext,
            "ciphertext": hpke_seal(0x647A, vector["ss"], info, aad, plaintext),
        }


CHUNK = 16 * 1024


def content_encrypt(key, salt, context, plaintext):
    info = b"c2sp.org/chunked-encryption@v1+AEAD_CHACHA20_POLY1305\0" + salt + context
    okm = expand("sha512", key, info, 32 + 12 + 32)
    aead, base, commitment = ChaCha20Poly1305(okm[:32]), int.from_bytes(okm[32:44], "big"), okm[44:]
    out = salt + commitment
    for number in range(len(plaintext) // CHUNK + 1):
        nonce = (base ^ number).to_bytes(12, "big")
        out += aead.encrypt(nonce, plaintext[number * CHUNK : (number + 1) * CHUNK], b"")
    return out


def content_rows():
    for length in (0, 1, 1000, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5, 300 * CHUNK):
        label = f"content {length}"
        key, salt, context = h(label + " key", 32), h(label + " salt", 24), h(label + " context", length % 50)
        out = content_encrypt(key, salt, context, h(label, length))
        yield {
            "label": label,
            "length": length,
            "key": key,
            "salt": salt,
            "context": context,
            "ciphertext-length": len(out),
            "header": out[:56],
            "ciphertext-sha256": hashlib.sha256(out).digest(),
        }


def hchacha20(key, nonce):
    state = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce))

    def quarter(a, b, c, d):
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[x] = (state[x] + state[y]) & 0xFFFFFFFF
            state[z] ^= state[x]
            state[z] = (state[z] << turn | state[z] >> (32 - turn)) & 0xFFFFFFFF

    for _ in range(10):
        quarter(0, 4, 8, 12), quarter(1, 5, 9, 13), quarter(2, 6, 10, 14), quarter(3, 7, 11, 15)
        quarter(0, 5, 10, 15), quarter(1, 6, 11, 12), quarter(2, 7, 8, 13), quarter(3, 4, 9, 14)
    return struct.pack("<8I", *state[:4], *state[12:])


def vault_rows():
    for number, length in enumerate((0, 32, 100)):
        seed, vault = h(f"vault seed {number}", 32), h(f"vault label {number}", number * 7)
        label, secret, nonce = h(f"label {number}", 9 * number), h(f"secret {number}", length), h(f"n {number}", 24)
        key = expand("sha256", extract("sha256", b"", seed), b"pouch v1 vault\0" + vault, 32)
        sealed = ChaCha20Poly1305(hchacha20(key, nonce[:16])).encrypt(bytes(4) + nonce[16:], secret, label)
        yield {
            "seed": seed,
            "vault-label": vault,
            "label": label,
            "secret": secret,
            "nonce": nonce,
            "wrapped": nonce + sealed,
        }


def digits_rows():
    digests = [bytes(32), b"\xff" * 32, (10**30).to_bytes(32, "big"), (10**30 - 1).to_bytes(32, "big")]
    for digest in digests + [h(f"digest {number}", 32) for number in range(4)]:
        digits = f"{int.from_bytes(digest, 'big') % 10**30:030}"
        yield {"digest": digest, "digits": " ".join(digits[at : at + 5] for at in range(0, 30, 5))}


def padme(length):
    length = max(length, 4096)
    exponent = length.bit_length() - 1
    low = (1 << (exponent - exponent.bit_length())) - 1
    return (length + low) & ~low


def padding_rows():
    lengths = [0, 1, 4095, 4096, 4097, 4351, 4352, 4353, 8191, 8192, 8193, 65535, 65536, 65537, 1 << 20]
    for length in lengths + [(1 << 26) - 1, 1 << 26, (1 << 26) + 1, 123456789]:
        yield {"length": length, "padded": padme(length)}


if __name__ == "__main__":
    records("hpke.txt", "HPKE base mode, X-Wing, HKDF-SHA256, ChaCha20-Poly1305.", hpke_rows())
    records("content.txt", "Chunked encryption; the plaintext is SHAKE256(label) of that length.", content_rows())
    records("vault.txt", "Wrapped secrets: HKDF-SHA256 and XChaCha20-Poly1305.", vault_rows())
    records("digits.txt", "Spoken digits.", digits_rows())
    records("padding.txt", "Padme lengths with a floor of 4,096.", padding_rows())
