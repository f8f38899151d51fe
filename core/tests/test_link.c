/* The device's link: two of them over a line with faults, and hand-made frames of a host that keeps no rule. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "crc32c.h"
#include "line.h"
#include "link.h"

enum { LENGTH = 20000, PACE = 12, LONG = 4000000, NONCE = 77, PEER = 0x01020304 };

static const uint8_t identity[SWL_IDENTITY] = "some content";

static uint8_t content(uint32_t offset) {
    return (uint8_t)(offset * 2654435761u >> 13 & (offset % 97 < 40 ? 0 : 255));
}

/* Any function of the length serves for a digest here. */
static void digest(void *context, uint8_t to[SWL_DIGEST]) {
    memset(to, (int)(*(const uint32_t *)context % 251), SWL_DIGEST);
}

static int read_content(void *context, uint32_t offset, uint8_t *to, uint32_t size) {
    const uint32_t length = *(const uint32_t *)context;
    if (offset >= length) {
        return -1;
    }
    uint32_t now = 0;
    for (; now < size && offset + now < length && (now == 0 || (offset + now) % 300 != 0); now++) {
        to[now] = content(offset + now);
    }
    return (int)now;
}

/* One end: its line out, what it sends, and how it reads. */
typedef struct {
    swl_link link;
    swl_config config;
    line out;
    uint32_t length;
    swl_outgoing outgoing;
    uint32_t reached; /* bytes read and right */
    uint32_t taken;   /* streams */
    uint32_t seeks;   /* left to do */
    uint32_t nonce;
    uint8_t result;
} end;

static uint32_t put(void *context, const uint8_t *bytes, uint32_t size) {
    return line_put(&((end *)context)->out, bytes, size);
}

static void start(end *e, uint32_t nonce, uint32_t now) {
    e->config = (swl_config){.context = e, .put = put, .patience = 60, .keep_alive = 500, .window = 2};
    e->nonce = nonce;
    swl_start(&e->link, &e->config, nonce, now);
}

static void send(end *e, uint32_t length, bool is_known) {
    e->length = length;
    e->outgoing = (swl_outgoing){.context = &e->length, .read = read_content, .digest = digest, .type = SWL_PATCH,
                                 .length = is_known ? length : SWL_UNKNOWN, .identity = identity, .name = "n"};
    assert(swl_send(&e->link, &e->outgoing));
    assert(!swl_send(&e->link, &e->outgoing));
}

/* What a caller does now and then: read, and seek as an update does; end the stream when all is there. */
static void use(end *e) {
    uint8_t bytes[64];
    uint8_t wanted[SWL_DIGEST];
    const swl_incoming *in = swl_opened(&e->link);
    if (in == NULL) {
        return;
    }
    const int got = swl_read(&e->link, e->reached, bytes, 1 + e->reached % sizeof bytes);
    for (int i = 0; i < got; i++) {
        assert(bytes[i] == content(e->reached++));
    }
    if (e->seeks > 0 && got > 0 && e->reached % 11 == 0) {
        e->seeks--;
        const uint32_t ahead = in->length == SWL_UNKNOWN ? 0 : (in->length - e->reached) / 5;
        e->reached = e->seeks % 2 == 1 ? e->reached / 2 : e->reached + ahead;
    }
    if (in->has_ended) {
        uint32_t length = in->length;
        digest(&length, wanted);
        assert(memcmp(in->digest, wanted, sizeof wanted) == 0);
        if (got < 0) {
            e->taken++;
            assert(e->reached == in->length);
            swl_done(&e->link, SWL_TAKEN, NULL);
            e->reached = 0;
        }
    }
}

static void pass(end *from, end *to) {
    uint8_t bytes[PACE];
    swl_receive(&to->link, bytes, line_get(&from->out, bytes, sizeof bytes));
}

static void step(end *a, end *b, uint32_t now) {
    pass(a, b);
    pass(b, a);
    use(a);
    use(b);
    swl_poll(&a->link, now);
    swl_poll(&b->link, now);
}

static bool is_done(end *e) {
    return !swl_is_sending(&e->link, &e->result) && swl_is_idle(&e->link);
}

/* Both send. With `restarts`, one end or the other begins anew so often. Returns the milliseconds it took. */
static uint32_t exchange(uint32_t seed, uint32_t faulty, uint32_t seeks, uint32_t restarts, bool is_known) {
    static end a, b;
    uint32_t now = seed * 0x1000193u; /* also about to wrap */
    const uint32_t began = now;
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    a.out.random = seed;
    b.out.random = seed + 1;
    a.out.faulty = b.out.faulty = faulty;
    a.seeks = b.seeks = seeks;
    start(&a, 1 + seed, now);
    start(&b, 1000 + seed, now);
    send(&a, LENGTH, is_known);
    send(&b, LENGTH / 2 + seed, is_known);
    while (!is_done(&a) || !is_done(&b)) {
        step(&a, &b, ++now);
        assert(now - began < LONG);
        if (restarts > 0 && (now - began) % 700 == 699) {
            end *e = --restarts % 2 == 0 ? &a : &b;
            if (swl_is_sending(&e->link, &e->result)) {
                /* Like a reset: nothing is known but the content. What the other had of it, it goes on from. */
                start(e, e->nonce + 7919, now);
                assert(swl_send(&e->link, &e->outgoing));
                e->reached = 0;
            }
        }
    }
    assert(a.result == SWL_TAKEN && b.result == SWL_TAKEN);
    assert(a.taken > 0 && b.taken > 0);
    return now - began;
}

static void test_exchange(void) {
    const uint32_t clean = exchange(0, 0, 0, 0, true);
    for (uint32_t seed = 1; seed < 12; seed++) {
        exchange(seed, 0, seed, 0, seed % 2 == 0);
        exchange(seed, 300, 0, 0, true);
        exchange(seed, 2000, seed, 0, seed % 3 == 0);
        exchange(seed, 300, 0, 3, true);
        exchange(seed, 0, seed, 9, true);
    }
    printf("%d bytes in %u ms, of a line's %d\n", LENGTH, (unsigned)clean, LENGTH / PACE);
    assert(clean < 2 * LENGTH / PACE);
    /* Where one byte in 250 goes wrong, frames of 256 bytes would take twice as long. */
    uint32_t bad = 0;
    for (uint32_t seed = 1; seed < 7; seed++) {
        bad += exchange(seed, 4000, 0, 0, true) / 6;
    }
    printf("and in %u ms on a bad one\n", (unsigned)bad);
    assert(bad < 50000);
}

/* A host that is a row of frames. */
static end device;
static uint32_t clock;

static uint32_t seed_of(uint32_t sender, uint32_t receiver) {
    uint8_t nonces[8];
    sw_store32(nonces, sender);
    sw_store32(nonces + 4, receiver);
    return sw_crc32c(0, nonces, sizeof nonces);
}

static void hear(const uint8_t *body, size_t size, uint32_t seed) {
    uint8_t frame[4200] = {0};
    swl_receive(&device.link, frame, (uint32_t)line_frame(frame + 1, body, size, seed) + 1);
    swl_poll(&device.link, ++clock);
}

static void say(const char *body, size_t size) {
    hear((const uint8_t *)body, size, seed_of(PEER, NONCE));
}
#define SAY(text) say(text, sizeof(text) - 1)

/* The body of the device's next frame, whose CRC is right for this session, or for a HELLO; 0 for none. */
static size_t answer(uint8_t body[SWL_MTU]) {
    static uint8_t frame[2 * SWL_MTU];
    uint8_t byte;
    size_t size = 0, out = 0;
    while (line_get(&device.out, &byte, 1) == 1 && (byte != 0 || size == 0)) {
        if (byte != 0) {
            frame[size++] = byte;
        }
    }
    for (size_t at = 0; at < size;) {
        const size_t code = frame[at];
        assert(at + code <= size);
        memcpy(body + out, frame + at + 1, code - 1);
        out += code - 1;
        at += code;
        if (code < 255 && at < size) {
            body[out++] = 0;
        }
    }
    assert(out == 0 || out > 4);
    if (out == 0) {
        return 0;
    }
    assert(sw_load32(body + out - 4) == sw_crc32c((body[0] & 7) == 0 ? 0 : seed_of(NONCE, PEER), body, out - 4));
    return out - 4;
}

static void expect(const char *wanted, size_t size) {
    uint8_t body[SWL_MTU + 8];
    const size_t got = answer(body);
    if (got != size || memcmp(body, wanted, size) != 0) {
        fprintf(stderr, "said:");
        for (size_t i = 0; i < got; i++) {
            fprintf(stderr, " %02x", body[i]);
        }
        fprintf(stderr, "\n");
        assert(0);
    }
}
#define EXPECT(text) expect(text, sizeof(text) - 1)

#define HELLO_OF_PEER(flags, named) "\0SW\1" flags "\4\3\2\1" named "\x80\0\4\1\x32\0"
#define OPEN_REST "\0\0some content\0\0\0\0"

static void meet(void) {
    memset(&device, 0, sizeof device);
    clock = 1000;
    start(&device, NONCE, clock);
    swl_poll(&device.link, clock);
    EXPECT("\0SW\1\1\x4d\0\0\0\0\0\0\0\0\1\2\1\x32\0");
    hear((const uint8_t *)HELLO_OF_PEER("\1", "\0\0\0\0"), 19, 0);
    EXPECT("\0SW\1\1\x4d\0\0\0\4\3\2\1\0\1\2\1\x32\0");
    assert(!swl_stands(&device.link));
    hear((const uint8_t *)HELLO_OF_PEER("\0", "\x4d\0\0\0"), 19, 0);
    assert(swl_stands(&device.link));
    EXPECT("");
}

static void test_session(void) {
    meet();
    SAY("\7");
    EXPECT("\6\0\0\xff\xff\0\0\0\0");
    /* Silence of four keep-alives: PINGs, then HELLOs; a right frame and it stands again. */
    for (unsigned i = 0; i < 4; i++) {
        EXPECT("");
        clock += 499;
        swl_poll(&device.link, ++clock);
        if (i < 3) {
            EXPECT("\7");
        }
    }
    assert(!swl_stands(&device.link));
    EXPECT("\0SW\1\1\x4d\0\0\0\4\3\2\1\0\1\2\1\x32\0");
    SAY("\6\0\0\0\0\0\0\0\0");
    assert(swl_stands(&device.link));
    /* Its own HELLO comes back; a wrong CRC; another session's; too long; garbage. */
    const uint16_t noise = swl_noise(&device.link);
    hear((const uint8_t *)"\0SW\1\1\x4d\0\0\0\0\0\0\0\0\1\2\1\x32\0", 19, 0);
    EXPECT("");
    assert(swl_noise(&device.link) == noise);
    static const uint8_t zeros[SWL_MTU];
    hear((const uint8_t *)"\7", 1, 0);
    hear(zeros, sizeof zeros, 0);
    swl_receive(&device.link, (const uint8_t *)"\5\1\0", 3);
    hear((const uint8_t *)"\0SX\1\1\4\3\2\1\0\0\0\0\x80\0\4\1\x32\0", 19, 0);
    hear((const uint8_t *)"\0SW\1\1\0\0\0\0\0\0\0\0\x80\0\4\1\x32\0", 19, 0);
    SAY("\x0f");
    SAY("\6\1\0\0\0\0\0\0\0");
    SAY("\1\0");
    EXPECT("");
    assert(swl_noise(&device.link) == noise + 8);
    /* The peer starts anew: a session that stood is left with a nonce of its own. */
    hear((const uint8_t *)"\0SW\1\1\5\3\2\1\0\0\0\0\x80\0\4\1\x32\0", 19, 0);
    assert(!swl_stands(&device.link) && device.link.nonce != NONCE);
}

static void test_streams(void) {
    uint8_t bytes[SWL_MTU];
    meet();
    /* Opened, and again by mistake; another one; one coded; one longer than 32 bits say. */
    SAY("\x19\0\0\2" OPEN_REST "\x81\x05name");
    EXPECT("\6\1\0\0\0\0\0\0\0");
    SAY("\x19\1\0\2" OPEN_REST "\x81\x05name");
    EXPECT("\6\2\0\1\0\0\0\0\0");
    SAY("\x21\2\0\2" OPEN_REST "\x81\x05name");
    EXPECT("\6\3\0\2\0\0\0\0\0");
    EXPECT("\x25\0\0\1");
    SAY("\6\1\0\0\0\0\0\0\0");
    const swl_incoming *in = swl_opened(&device.link);
    assert(in != NULL && in->type == SWL_PATCH && in->length == 640 && !in->has_ended);
    /* Nothing was asked for: data counts for nothing, and has its turn. */
    SAY("\x1b\3\0\0early");
    EXPECT("\6\4\0\3\0\0\0\0\0");
    assert(swl_read(&device.link, 0, bytes, 10) == 0);
    swl_poll(&device.link, ++clock);
    EXPECT("\x1a\1\0\0\x80\2");
    SAY("\6\2\0\1\0\0\0\0\0");
    /* A frame too early, the one that is missing, that again, one behind where we are, one that laps over. */
    SAY("\x1b\5\0\5" "56789");
    EXPECT("\6\4\0\5\0\0\0\0\0");
    SAY("\x1b\4\0\0" "01234");
    EXPECT("\6\5\0\4\0\0\0\0\0");
    SAY("\x1b\4\0\0" "01234");
    EXPECT("\6\5\0\4\0\0\0\0\0");
    SAY("\x1b\5\0\7" "789");
    EXPECT("\6\6\0\5\0\0\0\0\0");
    SAY("\x1b\6\0\2" "23456789");
    EXPECT("\6\7\0\6\0\0\0\0\0");
    assert(swl_read(&device.link, 0, bytes, 64) == 10 && memcmp(bytes, "0123456789", 10) == 0);
    /* Back, and once more for want of an answer. The end that was on its way then counts for nothing. */
    assert(swl_read(&device.link, 4, bytes, 64) == 0);
    swl_poll(&device.link, ++clock);
    EXPECT("\x1a\2\0\4\x84\2");
    clock += 999;
    swl_poll(&device.link, clock);
    uint8_t body[SWL_MTU];
    assert(answer(body) > 0);
    SAY("\x1c\7\0\x80\5" "0123456789abcdef0123456789abcdef");
    EXPECT("\6\x08\0\7\0\0\0\0\0");
    assert(!in->has_ended);
    /* It breaks off. */
    SAY("\x1c\x08\0");
    EXPECT("\6\x09\0\x08\0\0\0\0\0");
    assert(in->broke_off && swl_read(&device.link, 4, bytes, 64) == -1);
    swl_done(&device.link, SWL_BROKE_OFF, "why");
    assert(swl_opened(&device.link) == NULL);
    swl_poll(&device.link, ++clock);
    EXPECT("\x1d\3\0\3why");
    /* Frames that make no sense have their turn too. */
    const uint16_t noise = swl_noise(&device.link);
    SAY("\x1b\x09\0");
    SAY("\x19\x0a\0\2" OPEN_REST "\x80");
    assert(swl_noise(&device.link) == noise + 1 && device.link.next == 11);
}

/* The host begins anew with another stream while the caller reads: the caller is told, and then gets the other. */
static void test_another_stream(void) {
    uint8_t bytes[4];
    meet();
    SAY("\1\0\0\2" OPEN_REST "\x81\x05");
    assert(swl_opened(&device.link) != NULL && swl_read(&device.link, 0, bytes, 4) == 0);
    hear((const uint8_t *)"\0SW\1\1\5\3\2\1\0\0\0\0\x80\0\4\1\x32\0", 19, 0);
    assert(swl_read(&device.link, 0, bytes, 4) == 0);
    hear((const uint8_t *)"\1\0\0\5" OPEN_REST "\x81\x05", 24, seed_of(0x01020305, device.link.nonce));
    assert(swl_opened(&device.link) == NULL && swl_read(&device.link, 0, bytes, 4) == -1);
    swl_done(&device.link, SWL_FAILED, NULL);
    assert(swl_opened(&device.link)->type == SWL_DEVICE_MODEL);
}

/* A host that never acknowledges: the session ends, and begins with another nonce. */
static void test_no_answer(void) {
    static uint8_t body[SWL_MTU + 8];
    unsigned opens = 0;
    meet();
    send(&device, 5, true);
    for (const uint32_t nonce = device.link.nonce; device.link.nonce == nonce; clock++) {
        swl_poll(&device.link, clock);
        opens += answer(body) > 0 && (body[0] & 7) == 1;
        if (clock % 400 == 0) {
            SAY("\7");
        }
        assert(clock < 60000);
    }
    assert(opens == 17 && !swl_stands(&device.link));
}

/* The number or the hexadecimal digits behind the next `key`; NULL if there is none. */
static const char *find(const char *text, const char *key) {
    const char *at = strstr(text, key);
    return at == NULL ? NULL : at + strlen(key);
}

static uint32_t read_hex(const char *at, uint8_t *to) {
    uint32_t size = 0;
    for (unsigned byte; sscanf(at + 2 * size, "%2x", &byte) == 1 && at[2 * size] != '"'; size++) {
        to[size] = (uint8_t)byte;
    }
    return size;
}

/* tests/golden/link_frames.json, which the host's end is tested with too. */
static void test_golden_frames(void) {
    static char text[1 << 16];
    static uint8_t body[4200], framed[4300], out[4300];
    unsigned cases = 0;
    FILE *file = fopen("tests/golden/link_frames.json", "rb");
    assert(file != NULL);
    const size_t got = fread(text, 1, sizeof text - 1, file);
    assert(got > 0 && got < sizeof text - 1);
    fclose(file);
    for (const char *at = text; (at = find(at, "\"nonces\": ")) != NULL; cases++) {
        uint32_t sender = 0, receiver = 0;
        const bool is_hello = sscanf(at, "[%" SCNu32 ",%" SCNu32, &sender, &receiver) != 2;
        const uint32_t seed = is_hello ? 0 : seed_of(sender, receiver);
        const uint32_t size = read_hex(find(at, "\"body\": \""), body);
        const uint32_t framed_size = read_hex(find(at, "\"framed\": \""), framed);
        assert(line_frame(out, body, size, seed) == framed_size && memcmp(out, framed, framed_size) == 0);
        meet();
        swl_link *link = &device.link;
        if (size + 4 > SWL_MTU) {
            const uint16_t noise = link->noise;
            swl_receive(link, framed, framed_size);
            assert(link->noise == noise + 1);
            continue;
        }
        link->seed_out = link->seed_in = seed;
        memcpy(swl_body(link), body, size);
        swl_put_frame(link, swl_body(link) + size);
        assert(link->out_end == 1 + framed_size && memcmp(link->line + 1, framed, framed_size) == 0);
        const uint32_t heard = link->heard_at = 1;
        swl_receive(link, framed, framed_size);
        assert(memcmp(link->frame, body, size) == 0 && (is_hello || link->heard_at != heard));
    }
    assert(cases >= 22);
}

int main(void) {
    assert(sizeof(void *) > 4 || sizeof(swl_link) <= 1024);
    test_golden_frames();
    test_session();
    test_streams();
    test_another_stream();
    test_no_answer();
    test_exchange();
    puts("link: right");
    return 0;
}
