/*
 * members.c - whom an alias stands for, told by a lookup that may lie (PRV-3),
 * and what their sender is told of them (RFC 3461 5.2.7).
 */
#include "check.h"
#include "role/receiver/receiver.h"

#define LIST_MAX	(64u * 1024)

static struct session *
session_make(uint8_t notify)
{
	struct session *s = calloc(1, sizeof *s);

	CHECK(s != NULL, "memory");
	s->members = buf_make(ENVELOPE_MAX);
	s->server.tx.asked = SPAN("all@a.example");
	s->server.tx.reverse_path = SPAN("s@b.example");
	s->server.tx.notify = notify;
	s->server.tx.orcpt = SPAN("rfc822;o@a.example");
	return s;
}

static void
session_drop(struct session *s)
{
	members_end(s);
	free(s);
}

static void
add(struct buf *list, const char *address, const char *owner)
{
	const struct lookup_member m = { .address = span_str(address),
		.owner = span_str(owner) };

	CHECK(ipc_list_add(&ipc_lookup_member, &m, list) == ERR_OK, "room");
}

/* address/notify of each, "+" behind who has ORCPT, "L" before a list. */
static void
print(const struct session *s, struct buf *to)
{
	struct span list = s->server.members.list;
	struct envelope_recipient r;

	buf_cut(to, 0);
	while (envelope_next(&list, &r) == ERR_OK)
		CHECK(buf_addf(to, "%s%s%.*s/%u%s%s%.*s", to->n > 0 ? " " : "",
		    r.route == ENVELOPE_LIST ? "L" : "", SPAN_FMT(r.address),
		    r.notify, r.orcpt.n > 0 ? "+" : "",
		    r.owner.n > 0 ? "<" : "", SPAN_FMT(r.owner)) == ERR_OK,
		    "room");
}

#define SUCCESS		ENVELOPE_SUCCESS
#define FAILURE		ENVELOPE_FAILURE
static const struct {
	uint8_t		 notify;
	const char	*members[3][2];		/* address, owner */
	bool		 is_list;
	const char	*want;
} asks[] = {
	{ 0, { { "a@x", "" }, { "b@x", "" } }, false, "a@x/0+ b@x/0" },
	{ SUCCESS, { { "a@x", "" }, { "b@x", "" } }, false, "a@x/2+ b@x/1" },
	{ SUCCESS | FAILURE, { { "a@x", "" }, { "b@x", "" } }, false,
	    "a@x/6+ b@x/4" },
	{ ENVELOPE_NEVER, { { "a@x", "" }, { "b@x", "" } }, false,
	    "a@x/1+ b@x/1" },
	{ SUCCESS, { { "a@x", "o@x" } }, true, "Lall@a.example/2+ a@x/0<o@x" },
	{ FAILURE, { { "a@x", "o@x" } }, true, "a@x/0<o@x" },
	/* A list inside of an alias: told of, and no member is. */
	{ SUCCESS, { { "a@x", "o@x" }, { "b@x", "" } }, true,
	    "Lall@a.example/2+ a@x/0<o@x b@x/1" },
	{ 0, { { "a@x", "o@x" }, { "b@x", "" } }, true, "a@x/0<o@x b@x/0+" },
};

static void
test_asks(void **state)
{
	struct buf list = buf_make(LIST_MAX), got = buf_make(4096);

	(void)state;
	for (size_t i = 0; i < COUNT(asks); i++) {
		struct session *s = session_make(asks[i].notify);
		struct lookup_rcpt_answer m = { .is_list = asks[i].is_list };

		buf_cut(&list, 0);
		for (size_t k = 0; k < 3 && asks[i].members[k][0] != NULL; k++)
			add(&list, asks[i].members[k][0],
			    asks[i].members[k][1]);
		m.members = buf_span(&list);
		CHECK(members_add(s, ASK_RCPT, &m) == ERR_OK, "row %zu", i);
		print(s, &got);
		CHECK(span_eq(buf_span(&got), span_str(asks[i].want)),
		    "row %zu: %.*s", i, SPAN_FMT(buf_span(&got)));
		session_drop(s);
	}
	buf_free(&list);
	buf_free(&got);
}

/* Of a copy nobody hears; what has no reverse-path gets none. */
static void
test_copies_and_null(void **state)
{
	struct buf list = buf_make(LIST_MAX), got = buf_make(4096);
	struct session *s = session_make(SUCCESS);
	struct lookup_rcpt_answer m = { .is_list = 1 };

	(void)state;
	add(&list, "a@x", "o@x");
	add(&list, "b@x", "");
	m.members = buf_span(&list);
	CHECK(members_add(s, ASK_COPY, &m) == ERR_OK, "a copy");
	print(s, &got);
	CHECK(span_eq(buf_span(&got), SPAN("a@x/0<o@x b@x/1")), "%.*s",
	    SPAN_FMT(buf_span(&got)));
	members_end(s);
	s->server.tx.reverse_path = SPAN("");
	CHECK(members_add(s, ASK_RCPT, &m) == ERR_OK, "null");
	print(s, &got);
	CHECK(span_eq(buf_span(&got),
	    SPAN("Lall@a.example/2+ a@x/0 b@x/1")), "%.*s",
	    SPAN_FMT(buf_span(&got)));
	session_drop(s);
	buf_free(&list);
	buf_free(&got);
}

/* Parts follow each other, each with some, a thousand in all. */
static void
test_parts(void **state)
{
	struct buf one = buf_make(LIST_MAX), hundred = buf_make(LIST_MAX);
	struct session *s = session_make(0);
	struct lookup_rcpt_answer m = { 0 };

	(void)state;
	add(&one, "a@x", "");
	for (unsigned int i = 0; i < 100; i++)
		add(&hundred, "a@x", "");
	m.members = buf_span(&hundred);
	for (m.next = 100; m.next <= 1000; m.next += 100)
		CHECK(members_add(s, ASK_RCPT, &m) == ERR_OK, "%u", m.next);
	CHECK_NUM(s->server.members.n, 1000, "all of them");
	m.members = buf_span(&one);
	m.next = 0;
	CHECK(members_add(s, ASK_RCPT, &m) == ERR_SYNTAX, "one past it");
	session_drop(s);
	buf_free(&one);
	buf_free(&hundred);
}

static const struct {
	const char	*address, *owner;	/* NULL: no member at all */
	uint32_t	 next;
} lies[] = {
	{ NULL, "", 0 },			/* nobody */
	{ NULL, "", 1 },			/* a part without an end */
	{ "a@x", "", 2 },			/* not the next one */
	{ "a@x", "", 1000 },
	{ "", "", 0 }, { "a", "", 0 }, { "a@", "", 0 },
	{ "a@x\r\nDATA", "", 0 }, { "a b@x", "", 0 }, { "<a@x>", "", 0 },
	{ "a@x", "o", 0 }, { "a@x", "o@x>\r\nRCPT", 0 },
};

static void
test_lies(void **state)
{
	struct buf list = buf_make(LIST_MAX);

	(void)state;
	for (size_t i = 0; i < COUNT(lies); i++) {
		struct session *s = session_make(SUCCESS);
		struct lookup_rcpt_answer m = { .next = lies[i].next };

		buf_cut(&list, 0);
		if (lies[i].address != NULL)
			add(&list, lies[i].address, lies[i].owner);
		m.members = buf_span(&list);
		CHECK(members_add(s, ASK_RCPT, &m) == ERR_SYNTAX, "row %zu", i);
		session_drop(s);
	}
	/* What is no list, cut anywhere. */
	buf_cut(&list, 0);
	add(&list, "abc@x.example", "");
	for (size_t n = 1; n < list.n; n++) {
		struct session *s = session_make(0);
		const struct lookup_rcpt_answer m = {
			.members = span_of(list.p, n) };

		CHECK(members_add(s, ASK_RCPT, &m) == ERR_SYNTAX, "%zu", n);
		session_drop(s);
	}
	buf_free(&list);
}

static const struct CMUnitTest tests[] = {
	TEST(test_asks, "DLV-6"),
	TEST(test_copies_and_null, "RLY-4"),
	TEST(test_parts, "DLV-5"),
	TEST(test_lies, "PRV-3"),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
