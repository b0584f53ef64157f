/*
 * line.c - one frame out, one frame in, against a peer that behaves and one
 * that does not.
 */
#include "check.h"
#include "io/channel.h"
#include "io/line.h"
#include "os/clock.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

static uint8_t packet[LINE_PACKET_MAX];

static enum err
hear(int fd, uint64_t within_ms, uint16_t *type, struct span *payload)
{
	return line_hear(fd, clock_mono_ms() + within_ms, packet, type,
	    payload);
}

static void
test_there_and_back(void **state UNUSED)
{
	static const char *const texts[] = { "", "x", "some words" };
	struct span payload;
	uint16_t type;
	int fds[2];

	assert_int_equal(channel_pair(fds), ERR_OK);
	for (size_t i = 0; i < COUNT(texts); i++) {
		CHECK_NUM(line_say(fds[0], (uint16_t)(0x0801 + i),
		    span_str(texts[i])), ERR_OK, "%s", texts[i]);
		CHECK_NUM(hear(fds[1], 1000, &type, &payload), ERR_OK, "%s",
		    texts[i]);
		CHECK_NUM(type, 0x0801 + i, "%s", texts[i]);
		CHECK(span_eq(payload, span_str(texts[i])), "%s", texts[i]);
	}
	(void)close(fds[0]);
	(void)close(fds[1]);
}

#define WIRE(octets)	octets, sizeof octets - 1
static const struct {
	const char	*name, *octets;
	size_t		 n;
} hostile[] = {
	{ "half a head", WIRE("\1\10\0") },
	{ "type 0", WIRE("\0\0\0\0\0\0") },
	{ "a length beyond it", WIRE("\1\10\2\0\0\0x") },
	{ "an octet behind it", WIRE("\1\10\0\0\0\0x") },
	{ "two frames", WIRE("\1\10\0\0\0\0\1\10\0\0\0\0") },
	{ "a length of 4 GiB", WIRE("\1\10\377\377\377\377") },
};

static void
test_hostile(void **state UNUSED)
{
	static uint8_t large[LINE_PACKET_MAX + 1] = { 1, 8, 0xfb, 0x1f };
	struct span payload;
	uint16_t type;
	int fds[2];

	assert_int_equal(channel_pair(fds), ERR_OK);
	for (size_t i = 0; i < COUNT(hostile); i++) {
		assert_true(send(fds[0], hostile[i].octets, hostile[i].n,
		    0) > 0);
		CHECK_NUM(hear(fds[1], 1000, &type, &payload), ERR_SYNTAX,
		    "%s", hostile[i].name);
	}
	assert_int_equal(send(fds[0], large, sizeof large, 0), sizeof large);
	CHECK_NUM(hear(fds[1], 1000, &type, &payload), ERR_SYNTAX, "too large");
	CHECK_NUM(line_say(fds[0], 1, span_of(large, LINE_PACKET_MAX)),
	    ERR_FULL, "ours too large");
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void *
say_late(void *arg)
{
	(void)usleep(50000);
	assert_int_equal(line_say(*(int *)arg, 7, SPAN("late")), ERR_OK);
	return NULL;
}

static void
test_time(void **state UNUSED)
{
	uint64_t began = clock_mono_ms();
	struct span payload;
	pthread_t thread;
	uint16_t type;
	int fds[2];

	assert_int_equal(channel_pair(fds), ERR_OK);
	CHECK_NUM(hear(fds[1], 60, &type, &payload), ERR_AGAIN, "silence");
	CHECK(clock_mono_ms() - began >= 60, "not before its time");
	CHECK_NUM(line_hear(fds[1], 0, packet, &type, &payload), ERR_AGAIN,
	    "a time that has passed");
	assert_int_equal(pthread_create(&thread, NULL, say_late, &fds[0]), 0);
	CHECK_NUM(hear(fds[1], 5000, &type, &payload), ERR_OK, "waits");
	CHECK(span_eq(payload, SPAN("late")), "what came");
	assert_int_equal(pthread_join(thread, NULL), 0);
	(void)close(fds[0]);
	CHECK_NUM(hear(fds[1], 1000, &type, &payload), ERR_CLOSED, "its end");
	CHECK_NUM(line_say(fds[1], 1, SPAN("x")), ERR_CLOSED, "nobody there");
	(void)close(fds[1]);
}

/* A peer that does not read is not waited for. */
static void
test_full(void **state UNUSED)
{
	static const uint8_t octets[4096];
	enum err e = ERR_OK;
	unsigned int n = 0;
	int fds[2];

	assert_int_equal(channel_pair(fds), ERR_OK);
	while (e == ERR_OK && n++ < 100000)
		e = line_say(fds[0], 1, span_of(octets, sizeof octets));
	CHECK_NUM(e, ERR_AGAIN, "full after %u", n);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_there_and_back, ""),
		TEST(test_hostile, "PRS-6"),
		TEST(test_time, "OPS-6"),
		TEST(test_full, ""),
	};

	return RUN_TESTS(tests);
}
