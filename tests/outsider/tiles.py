"""A log's folder after c2sp.org/tlog-tiles: every file in it is needed or is refused.

The tree is computed anew from the entries. What the folder says of the tree is only compared.
"""

import hashlib
import os
import re
import stat

from note import Refused, require

WIDTH = 256

# tile/<level or entries>/<index as x001/x234/067>[.p/<width>]
PATH = re.compile(r"tile/(entries|0|[1-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


def folder(root):
    """Every file under a folder, by its path inside it. A log consists of plain files only."""
    files = {}
    for parent, folders, names in os.walk(root, onerror=unreadable):
        for name in folders + names:
            path = os.path.join(parent, name)
            mode = os.lstat(path).st_mode
            require(stat.S_ISREG(mode) or stat.S_ISDIR(mode), f"{path}: not a plain file")
        for name in names:
            path = os.path.join(parent, name)
            with open(path, "rb") as file:
                files[os.path.relpath(path, root)] = file.read()
    return files


def unreadable(error):
    """os.walk passes over what it cannot read, unless told not to."""
    raise Refused(str(error))


def index_path(index):
    """1234067 is written x001/x234/067."""
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03}")
    return "/".join(groups)


def parent_hash(left, right):
    """RFC 6962: the hash of a node over its two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_hash(hashes):
    """RFC 6962, section 2.1. Pairing from the left and carrying the odd one up gives its splits."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    while len(hashes) > 1:
        pairs = [parent_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes) - 1, 2)]
        hashes = pairs + hashes[len(hashes) & ~1:]
    return hashes[0]


def bundle(raw, count, path):
    """Splits an entry bundle into its entries: each behind its length, and nothing after the last."""
    entries, at = [], 0
    while at < len(raw):
        end = at + 2 + int.from_bytes(raw[at:at + 2], "big")
        require(at + 2 <= len(raw) and end <= len(raw), f"{path}: cut short")
        entries.append(raw[at:end])
        at = end
    require(len(entries) == count, f"{path}: {len(entries)} entries where its place has {count}")
    return entries


def tree(files, size):
    """Computes the root from the entries, and compares every other file with it.

    A log keeps the partial tiles of its earlier checkpoints, at least until the full tile is
    there (tlog-tiles, Partial Tiles). Such a file is a beginning of a tile of today, so it is
    judged like one; a partial tile wider than the tree of today is of no tree that we know.
    """
    seen = set()

    def take(level, index, width):
        path = f"tile/{level}/{index_path(index)}" + (f".p/{width}" if width < WIDTH else "")
        require(path in files, f"{path}: missing")
        seen.add(path)
        return files[path], path

    def tiles(count):
        return [(i, min(WIDTH, count - i * WIDTH)) for i in range((count + WIDTH - 1) // WIDTH)]

    # Entries with their lengths, as the bundles hold them; a leaf hash covers the entry alone.
    entries = [e for i, width in tiles(size) for e in bundle_at(take("entries", i, width), width)]
    levels = [[hashlib.sha256(b"\x00" + entry[2:]).digest() for entry in entries]]
    while len(levels[-1]) >= WIDTH:
        below = levels[-1]
        full = len(below) // WIDTH
        levels.append([tree_hash(below[i * WIDTH:(i + 1) * WIDTH]) for i in range(full)])
    for level, hashes in enumerate(levels):
        for index, width in tiles(len(hashes)):
            raw, path = take(level, index, width)
            require(raw == b"".join(hashes[index * WIDTH:][:width]), f"{path}: not the tree of these entries")
    earlier(files, seen | {"checkpoint"}, entries, levels)
    return tree_hash(levels[0])


def bundle_at(taken, width):
    """The entries of a bundle that was just taken from the folder."""
    return bundle(taken[0], width, taken[1])


def earlier(files, seen, entries, levels):
    """Every file beyond the needed ones is a partial tile of an earlier tree, to the last bit."""
    for path in sorted(files.keys() - seen):
        match = PATH.fullmatch(path)
        require(match and match[3], f"{path}: no file of a log of this size")
        index = int(match[2].replace("x", "").replace("/", ""))
        require(index_path(index) == match[2], f"{path}: an index has one spelling")
        level = None if match[1] == "entries" else int(match[1])
        require(level is None or level < len(levels), f"{path}: no such level in this tree")
        all_of_level = entries if level is None else levels[level]
        held, width = all_of_level[index * WIDTH:(index + 1) * WIDTH], int(match[3])
        require(width < WIDTH and width <= len(held), f"{path}: wider than the tree")
        require(files[path] == b"".join(held[:width]), f"{path}: not a beginning of the tile of today")
