/*
 * Jobs for the sender: whole and sealed, or not at all.
 */
#include "check.h"
#include "mail/envelope.h"
#include "os/file.h"
#include "role/sender/order.h"

#include <sys/mman.h>
#include <unistd.h>

static struct buf hosts, description;

static void
build_hosts(size_t n)
{
	hosts = buf_make(32768);
	for (size_t i = 0; i < n; i++) {
		struct buf addresses = buf_make(1024);
		struct resolve_address v4 = { SPAN("\x7f\0\0\1") };
		struct resolve_address v6 = { SPAN("0123456789abcdef") };
		struct resolve_host h = { .preference = (uint16_t)i,
			.name = SPAN("mx.example"), .port = 25 };

		assert_int_equal(ipc_list_add(&ipc_resolve_address, &v4,
		    &addresses), ERR_OK);
		assert_int_equal(ipc_list_add(&ipc_resolve_address, &v6,
		    &addresses), ERR_OK);
		h.addresses = buf_span(&addresses);
		assert_int_equal(ipc_list_add(&ipc_resolve_host, &h, &hosts),
		    ERR_OK);
		buf_free(&addresses);
	}
}

static void
build_description(size_t nmessages, uint64_t offset, uint64_t size)
{
	description = buf_make(1024 * 1024);
	for (size_t i = 0; i < nmessages; i++) {
		struct buf rcpts = buf_make(4096);
		struct deliver_recipient r = { .slot = 3,
			.address = SPAN("a@b.example") };
		struct deliver_message m = { .reverse_path = SPAN("s@c.example"),
			.offset = offset, .size = size };

		assert_int_equal(ipc_list_add(&ipc_deliver_recipient, &r,
		    &rcpts), ERR_OK);
		r.slot = 5;
		assert_int_equal(ipc_list_add(&ipc_deliver_recipient, &r,
		    &rcpts), ERR_OK);
		m.recipients = buf_span(&rcpts);
		assert_int_equal(ipc_list_add(&ipc_deliver_message, &m,
		    &description), ERR_OK);
		buf_free(&rcpts);
	}
}

static int
memfd_of(struct span octets, bool is_sealed)
{
	int fd;

	assert_int_equal(file_memfd("job", &fd), ERR_OK);
	assert_int_equal(file_write_all(fd, octets), ERR_OK);
	if (is_sealed)
		assert_int_equal(file_seal(fd), ERR_OK);
	return fd;
}

static bool
try(struct order *o, struct span octets, bool is_sealed, size_t n)
{
	struct deliver_job job = { .job = 9, .description = (uint32_t)n,
		.site = SPAN("mx.example"), .hosts = buf_span(&hosts) };

	return order_open(o, &job, 1, memfd_of(octets, is_sealed)) == ERR_OK;
}

static void
test_whole(void **state)
{
	struct order_address at;
	struct order o;
	size_t n = 0;

	(void)state;
	build_hosts(2);
	build_description(2, 0, 10);
	assert_true(try(&o, buf_span(&description), true, description.n));
	CHECK_NUM(o.nmessages, 2, "messages");
	CHECK_NUM(o.messages[1].nrcpts, 2, "recipients");
	CHECK_NUM(o.messages[1].slots[1], 5, "slot");
	CHECK_NUM(order_content(&o, &o.messages[0]).n, 10, "content");
	while (order_next_address(&o, &at))
		n++;
	CHECK_NUM(n, 4, "two hosts with two addresses");
	o.next_address = 0;
	o.sessions = ORDER_SESSIONS_MAX;
	CHECK(!order_next_address(&o, &at), "four sessions a try");
	order_close(&o);
	buf_free(&hosts);
	buf_free(&description);
}

/* RFC 8689: what is open and may go in plain at last. */
static void
test_optional(void **state)
{
	struct order o;

	(void)state;
	build_hosts(1);
	build_description(3, 0, 0);
	assert_true(try(&o, buf_span(&description), true, description.n));
	CHECK(!order_has_optional(&o) && !o.needs_tls, "none said so");
	o.messages[1].m.envelope = ENVELOPE_TLS_OPTIONAL;
	CHECK(order_has_optional(&o) && order_is_optional(&o.messages[1]) &&
	    !order_is_optional(&o.messages[0]), "one did");
	o.messages[1].is_answered[0] = true;
	CHECK(order_has_optional(&o), "one recipient is open");
	o.messages[1].is_answered[1] = true;
	CHECK(!order_has_optional(&o), "it has ended");
	o.messages[1].is_answered[1] = false;
	o.current = 2;
	CHECK(!order_has_optional(&o), "it is behind us");
	order_close(&o);
	buf_free(&hosts);
	buf_free(&description);
}

static void
test_cut(void **state)
{
	struct order o;

	(void)state;
	build_hosts(1);
	build_description(1, 0, 0);
	for (size_t cut = 1; cut < description.n; cut++) {
		CHECK(!try(&o, span_of(description.p, cut), true, cut),
		    "description cut at %zu", cut);
		order_close(&o);
	}
	for (size_t cut = 1; cut < hosts.n; cut++) {
		size_t whole = hosts.n;

		hosts.n = cut;
		CHECK(!try(&o, buf_span(&description), true, description.n),
		    "hosts cut at %zu", cut);
		hosts.n = whole;
		order_close(&o);
	}
	buf_free(&hosts);
	buf_free(&description);
}

static void
test_refused(void **state)
{
	static const struct {
		const char	*name;
		size_t		 messages;
		uint64_t	 offset, size;
		bool		 is_sealed;
		size_t		 more;		/* octets claimed, not there */
	} rows[] = {
		{ "not sealed", 1, 0, 0, false, 0 },
		{ "no message", 0, 0, 0, true, 0 },
		{ "too many messages", DELIVER_MESSAGES_MAX + 1, 0, 0, true, 0 },
		{ "content behind the end", 1, 0, 100000, true, 0 },
		{ "offset behind the end", 1, 100000, 0, true, 0 },
		{ "sum that overflows", 1, 2, UINT64_MAX, true, 0 },
		{ "description behind the end", 1, 0, 0, true, 1 },
	};
	struct order o;

	(void)state;
	build_hosts(1);
	for (size_t i = 0; i < COUNT(rows); i++) {
		build_description(rows[i].messages, rows[i].offset,
		    rows[i].size);
		CHECK(!try(&o, buf_span(&description), rows[i].is_sealed,
			  description.n + rows[i].more), "%s", rows[i].name);
		order_close(&o);
		buf_free(&description);
	}
	buf_free(&hosts);
}

/* The last host's words stay when its connection is long gone. */
static void
test_words(void **state)
{
	struct order o = { .fd = -1 };
	struct deliver_result said = { .fate = DELIVER_RETRY, .code = 421,
		.status = SPAN("4.3.2"), .remote = SPAN("mx"),
		.text = SPAN("busy") };

	(void)state;
	CHECK_NUM(order_words(&o).fate, DELIVER_RETRY, "nobody said anything");
	CHECK(order_words(&o).status.n > 0, "a status is there all the same");
	order_keep(&o, &said);
	said = order_words(&o);
	CHECK_NUM(said.code, 421, "code");
	CHECK(span_eq(said.text, SPAN("busy")), "text");
	order_close(&o);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_whole, "DLV-6"),
		TEST(test_optional, ""),
		TEST(test_cut, "PRS-6 PRV-3"),
		TEST(test_refused, "PRS-6 PRV-3"),
		TEST(test_words, "DLV-6"),
	};

	return RUN_TESTS(tests);
}
