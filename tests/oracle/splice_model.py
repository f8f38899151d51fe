"""The modelled content of a SPLICE (SPEC, "Modelled content")."""

from dataclasses import dataclass

from tests.oracle.adaptive import STRETCH, TOP, clamp, squash
from tests.oracle.range_coder import RangeDecoder
from tests.oracle.reader import Reader, Refused

__all__ = ["MOST_LITERALS", "decode_modelled"]

MOST_LITERALS = 1 << 18
_WORD = (1 << 32) - 1
_HISTORY = 1 << 20


class _Mixer:
    """Voters' slots, the sets of weights, and the range decoder."""

    def __init__(self, data: bytes, bits: int) -> None:
        self.coder = RangeDecoder(data)
        self.bits = bits
        self.slots: list[dict[int, tuple[int, int]]] = [{} for _ in range(16)]
        self.weights = [[5000 if i < 102 else 8000] * 16 for i in range(222)]
        self.haste = [2048] * 222

    def decide(self, voters: list[tuple[int, int]], sets: tuple[int, int]) -> int:
        """One bit; each voter is (context, node)."""
        places = []
        for context, node in voters:
            h = (context * 0x2545F491 + node) * 0x9E3779B1 & _WORD
            places.append(((h ^ h >> 15) * 0x85EBCA6B & _WORD) >> 32 - self.bits)
        found = [self.slots[i].get(place, (1 << 21, 0)) for i, place in enumerate(places)]
        votes = [STRETCH[p >> 10] if seen else 0 for p, seen in found]
        first, second = (self.weights[i] for i in sets)
        total = sum(vote * ((v + w) >> 4) for vote, v, w in zip(votes, first, second, strict=False))
        one = squash(clamp(total >> 12, 2816))
        bit = self.coder.bit([65536 - one], 0)
        for i in sets:
            haste = self.haste[i]
            self.haste[i] = haste - (haste >> 8)
            error = (bit * 65536 - one) * (10 + (haste >> 8)) >> 4
            for k, vote in enumerate(votes):
                weight = self.weights[i][k] + ((vote * error + 8192) >> 14)
                self.weights[i][k] = clamp(weight, 1 << 20)
        for i, (p, seen) in enumerate(found):
            step = 131072 // (2 * seen + 3)
            moved = p + (((TOP - p) >> 6) * step >> 10) if bit else p - ((p >> 6) * step >> 10)
            self.slots[i][places[i]] = (moved, min(seen + 1, 30))
        return bit

    def number(self, field: int, contexts: list[int]) -> int:
        base = 102 + 30 * field
        contexts = [4 * c + field + 0x5A000000 & _WORD for c in contexts]
        k = 0
        while k < 62 and self.decide([(c, k) for c in contexts], (base + min(k, 15), base + 28)):
            k += 1
        value = 1
        for d in range(k):
            if d < 12:
                node = value + 62528 * (k + 1)
                bit = self.decide([(c, node) for c in contexts], (base + 16 + d, base + 29))
            else:
                bit = self.coder.direct(1)
            value = 2 * value + bit
        return value - 1


@dataclass
class _Follower:
    place: int = 0
    length: int = 0
    flags: int = 0

    def lose(self) -> None:
        self.place = self.length = self.flags = 0

    def trust(self) -> int:
        ones = self.flags.bit_count()
        return 1 if ones > 1 else 2 if ones else 3 + (self.length >= 8) + (self.length >= 16)


class _History:
    def __init__(self) -> None:
        self.bytes = bytearray(_HISTORY)
        self.size = 0
        self.tables: dict[int, dict[int, int]] = {12: {}, 6: {}, 4: {}}
        self.followers = (_Follower(), _Follower())
        self.word = 0

    def past(self, back: int) -> int:
        return self.bytes[(self.size - back) % _HISTORY] if back <= self.size else 0

    def expected(self, i: int) -> int:
        place = self.followers[i].place
        return self.bytes[place % _HISTORY] if place else 0

    def remember(self, byte: int, *, find: bool) -> None:
        self.bytes[self.size % _HISTORY] = byte
        self.size += 1
        letter = 97 <= byte | 32 <= 122
        self.word = (self.word + byte + 1) * 0x2F0B4C47 & _WORD if letter else 0
        moved = [False, False]
        for length, table in self.tables.items():
            if self.size < length:
                continue
            h = 0
            for back in range(1, length + 1):
                h = (h + self.past(back) + 1) * 0x2F0B4C47 & _WORD
            place = table.get(h >> 16, 0)
            for i, follower in enumerate(self.followers):
                looks = follower.place == 0 or (i == 1 and follower.length == 0)
                if not find or not place or moved[i] or not looks or follower.place == place:
                    continue
                alike = 0
                while alike < min(32, place) and self.bytes[(place - 1 - alike) % _HISTORY] == self.past(
                    alike + 1
                ):
                    alike += 1
                if alike >= length:
                    follower.place, follower.length, follower.flags = place, alike, 0
                    moved[i] = True
            table[h >> 16] = self.size

    def follow(self, byte: int) -> None:
        for i, follower in enumerate(self.followers):
            if not follower.place:
                continue
            missed = self.expected(i) != byte
            follower.flags = (follower.flags << 1 | missed) & 255
            follower.length = 0 if missed else follower.length + 1
            follower.place += 1
            if follower.flags.bit_count() >= 4 or follower.place >= self.size:
                follower.lose()

    def copied(self, data: bytes) -> None:
        for follower in self.followers:
            follower.lose()
        kept = data if len(data) <= 128 else data[:64] + data[-64:]
        for i, byte in enumerate(kept):
            self.remember(byte, find=i + 1 == len(kept))


def _says(byte: int, node: int, done: int) -> int:
    if (byte | 256) >> (8 - done) != node:
        return 0
    return 1 + (byte >> (7 - done) & 1)


class _Splice:
    def __init__(self, mixer: _Mixer, base: bytes) -> None:
        self.mixer = mixer
        self.base = base
        self.history = _History()
        self.differences = [0, 0, 0, 0]
        self.hits = [0, 0]
        self.out = bytearray()
        self.reference = 0
        self.recent = [0, 0, 0, 0]
        self.runs = [(0, 0, 0), (0, 0, 0)]
        """Literals, length and move of the last two."""

    def literal(self, reference: int, place: int, *, first: bool) -> None:
        history, a, b = self.history, *self.history.followers
        b0 = self.base[reference] if reference < len(self.base) else 0
        b1 = self.base[reference + 1] if reference + 1 < len(self.base) else 0
        if first:
            for i, follower in enumerate(history.followers):
                if history.expected(i) == b0:
                    follower.lose()
        p = [history.past(i) for i in range(9)]
        four = p[1] | p[2] << 8 | p[3] << 16 | p[4] << 24
        align = len(self.out) % 4
        s, t = ((b0 + self.differences[i]) % 256 for i in (0, 3))
        ea, eb = history.expected(0), history.expected(1)
        node = 1
        for done in range(8):
            says_a = _says(ea, node, done) if a.place else 0
            says_b = _says(eb, node, done) if b.place else 0
            says_s, says_t = _says(s, node, done), _says(t, node, done)
            voters = [
                (ea | eb << 8, node),
                (p[1] | p[2] << 8, node),
                (place + 1024 * p[8], node),
                (four, node),
                (four * 0x01000193 + (p[5] + 256 * p[6]) * 0x3D4D51CB, node),
                (history.word, node),
                ((16 * says_b + min(b.length, 15)) * 256 + b.flags if says_b else 0, 0),
                (2 * (b0 | b1 << 8 | p[1] << 16) + first, node),
                (place, node),
                ((16 * says_a + min(a.length, 15)) * 256 + a.flags if says_a else 0, 0),
                (256 * says_s + self.hits[0] if says_s else 0, 0),
                (4 * (256 * says_t + self.hits[1]) + align if says_t else 0, 0),
                (ea | b0 << 8 | b1 << 16 | p[1] << 24, node),
                (align + 4 * p[4] + 1024 * t, node),
                (place + 1024 * p[1], node),
                (place + 1024 * b0, node),
            ]
            trust = a.trust() if says_a else 0
            sets = (trust + 6 * (7 - done), 48 + 27 * first + 9 * says_a + 3 * says_b + says_t)
            node = 2 * node + self.mixer.decide(voters, sets)
        byte = node - 256
        for i, foreseen in enumerate((s, t)):
            self.hits[i] = (self.hits[i] << 1 | (foreseen == byte)) & 255
        self.differences = [(byte - b0) % 256, *self.differences[:3]]
        history.follow(byte)
        history.remember(byte, find=True)
        self.out.append(byte)

    def run(self, literals: int, room: int) -> tuple[int, int]:
        """Literals and a run; returns how many literals and bytes of the base it took."""
        number, history = self.mixer.number, self.runs
        l1, l2 = (min(run[0], 255) for run in history)
        r1, r2 = (min(run[1], 65535) for run in history)
        v1, v2 = (run[2] for run in history)
        q, v = history[0][1].bit_length(), 8 * v1 + v2
        before = number(
            0, [0, l1, 64 * v1 + q, l1 + 256 * l2, v, r1, 65536 * r1 + r2, 8 * (256 * r1 + l1) + v1]
        )
        if before > literals:
            raise Refused("more literals than there are")
        n = min(before, 255)
        move = number(1, [0, v1, v, n, 8 * n + v1, 256 * v + l1, 256 * n + l1, r1])
        if move > 6:
            raise Refused("unknown move")
        made = len(self.out)
        start = self.reference if move == 1 else self.reference + before
        if move == 6:
            folded = number(2, [0, n, v1, q, 8 * n + v1, v2, 64 * n + q, l1])
            start += -(folded + 1 >> 1) if folded & 1 else folded >> 1
        elif move >= 2:
            start = made + before + self.recent[move - 2]
        for i in range(before):
            place = min(before, 15) + 16 * min(i, 15) + 256 * min(move, 2)
            self.literal(self.reference + i, place, first=i == 0)
        m = 64 * (8 * move + v1) + q
        last = [65536 * r1 + r2, 8 * (256 * r1 + n) + move]
        size = 1 + number(3, [move, n + 256 * move, r1, 64 * move + q, l1 + 256 * n, m, *last])
        if self.mixer.coder.missing > 4:
            raise Refused("a splice ends early")
        if start < 0 or start + size > len(self.base) or size > room:
            raise Refused("a run reaches outside the base or makes too much")
        distance = start - (made + before)
        # By its place: 0 can stand there twice.
        del self.recent[self.recent[:3].index(distance) if distance in self.recent[:3] else 3]
        self.recent.insert(0, distance)
        self.out += self.base[start : start + size]
        self.history.copied(self.base[start : start + size])
        self.reference = start + size
        self.runs = [(before, size, move), history[0]]
        return before, size

    def tail(self, literals: int) -> None:
        """The literals behind the last run."""
        for i in range(literals):
            self.literal(self.reference + i, 15 + 16 * 15 + 256 * 3, first=False)
            if self.mixer.coder.missing > 4:
                raise Refused("a splice ends early")


def decode_modelled(reader: Reader, base: bytes, length: int, most_runs: int) -> bytes:
    """What the rest of a payload of kind 3 makes."""
    count, literals = reader.unsigned(), reader.unsigned()
    if count > most_runs or literals > min(MOST_LITERALS, length):
        raise Refused("more runs or literals than the splice can hold")
    data = reader.take(reader.left())
    if not data:
        raise Refused("a splice without decisions")
    bits = min(max((16 * (count + literals)).bit_length(), 10), 18)
    splice = _Splice(_Mixer(data, bits), base)
    room = length - literals
    for _ in range(count):
        before, size = splice.run(literals, room)
        literals -= before
        room -= size
    splice.tail(literals)
    if room or not splice.mixer.coder.ended():
        raise Refused("a splice makes another length than its block says, or does not end where it should")
    return bytes(splice.out)
