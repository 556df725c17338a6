"""Whom to believe: a trust policy after c2sp.org/tlog-policy, and nothing of ours."""

import functools
import re
from dataclasses import dataclass

from note import ED25519, ED25519_COSIGNATURE, ML_DSA_44_COSIGNATURE, Refused, require, verifier_key

# What may sign as a log, and what may cosign as a witness.
LOG_KINDS = (ED25519, ML_DSA_44_COSIGNATURE)
WITNESS_KINDS = (ED25519_COSIGNATURE, ML_DSA_44_COSIGNATURE)


@dataclass(frozen=True)
class Policy:
    """The logs, the witnesses by name, the groups by name, and which of these must have signed."""

    logs: tuple
    witnesses: dict
    groups: dict  # name -> (how many, of which names)
    quorum: bytes

    def satisfied(self, cosigned):
        """Whether these witnesses (names) are enough."""
        return self.quorum == b"none" or self.witnessed(self.quorum, cosigned)

    def witnessed(self, name, cosigned):
        """Whether a witness cosigned, or enough of a group did."""
        if name in self.witnesses:
            return name in cosigned
        least, members = self.groups[name]
        return sum(self.witnessed(member, cosigned) for member in members) >= least


@functools.lru_cache(maxsize=8)
def read(text, without=frozenset()):
    """Reads a policy. It must say all of it in the one way that the specification gives."""
    require(not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", text), "a control character in the policy")
    require(text.endswith(b"\n"), "the policy does not end its last line")
    logs, witnesses, groups, members, quorum = [], {}, {}, set(), None
    for line in text.split(b"\n")[:-1]:
        words = re.split(rb"[ \t]+", line.strip(b" \t"))
        if words[0] == b"" or words[0].startswith(b"#"):
            continue
        match words:
            case [b"log", key, *url] if len(url) <= 1:
                logs.append(distinct(verifier_key(key, without), logs, LOG_KINDS))
            case [b"witness", name, key, *url] if len(url) <= 1:
                key = distinct(verifier_key(key, without), witnesses.values(), WITNESS_KINDS)
                new(name, witnesses, groups)
                witnesses[name] = key
            case [b"group", name, least, *of] if of:
                new(name, witnesses, groups)
                for member in of:
                    # A name in two groups, or twice in one, would let one witness count twice.
                    require(member in witnesses or member in groups, "a member not defined above")
                    require(member not in members, "a member listed twice")
                    members.add(member)
                groups[name] = (threshold(least, len(of)), tuple(of))
            case [b"quorum", name]:
                require(quorum is None, "a second quorum line")
                require(name == b"none" or name in witnesses or name in groups, "a quorum not defined above")
                quorum = name
            case _:
                raise Refused("a line that the policy's format does not know")
    require(quorum is not None, "no quorum line")
    return Policy(tuple(logs), witnesses, groups, quorum)


def distinct(key, others, kinds):
    """A key of a kind that fits its task, and not there already under another name or kind."""
    require(key.kind in kinds, "a key of a kind that does not fit its task")
    require(all(key.public != other.public for other in others), "the same public key twice")
    return key


def new(name, witnesses, groups):
    """A name that is free: witnesses and groups share one list of names."""
    require(name != b"none" and name not in witnesses and name not in groups, "a name defined twice")


def threshold(word, members):
    """How many members must have cosigned: `any`, `all` or a number between them."""
    if word in (b"any", b"all"):
        return 1 if word == b"any" else members
    require(re.fullmatch(rb"[1-9][0-9]*", word), "a threshold is any, all or a number")
    require(int(word) <= members, "a threshold that cannot be reached")
    return int(word)
