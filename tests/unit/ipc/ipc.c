/*
 * Every message of every conversation: there and back, cut at each octet, and
 * with octets left over.
 */
#include "check.h"
#include "ipc/all.h"

#define STRUCT_MAX	512u

/* Numbers at their bound, octets of a few lengths. */
static void
fill(const struct ipc_type *t, uint8_t *msg, size_t octets)
{
	static const uint8_t text[64] = "some octets \0 of a stranger";

	memset(msg, 0, STRUCT_MAX);
	for (size_t i = 0; i < t->nfields; i++) {
		const struct ipc_field *f = &t->fields[i];
		uint8_t *at = msg + f->offset;

		if (f->kind == IPC_OCTETS) {
			struct span s = { text,
				MIN(octets, (size_t)MIN(f->max, sizeof text)) };
			memcpy(at, &s, sizeof s);
		} else if (f->kind == IPC_ID)
			memset(at, 0xa5, MSG_ID_OCTETS);
		else if (f->kind == IPC_U8)
			*at = (uint8_t)f->max;
		else
			*at = (uint8_t)MIN(f->max, (uint64_t)0x7f);
	}
}

static void
test_there_and_back(void **state)
{
	uint8_t msg[STRUCT_MAX], got[STRUCT_MAX];

	(void)state;
	for (size_t i = 0; i < IPC_ALL_COUNT; i++) {
		const struct ipc_type *t = ipc_all[i];
		struct buf b = buf_make(IPC_PAYLOAD_MAX), again = b;

		assert_true(t->size <= STRUCT_MAX);
		fill(t, msg, 20);
		CHECK_NUM(ipc_encode(t, msg, &b), ERR_OK, "%s", t->name);
		CHECK_NUM(ipc_decode(t, buf_span(&b), got), ERR_OK, "%s", t->name);
		CHECK_NUM(ipc_encode(t, got, &again), ERR_OK, "%s", t->name);
		CHECK(span_eq(buf_span(&b), buf_span(&again)), "%s", t->name);
		buf_free(&b);
		buf_free(&again);
	}
}

static void
test_cut_and_overlong(void **state)
{
	uint8_t msg[STRUCT_MAX], got[STRUCT_MAX];

	(void)state;
	for (size_t i = 0; i < IPC_ALL_COUNT; i++) {
		const struct ipc_type *t = ipc_all[i];
		struct buf b = buf_make(IPC_PAYLOAD_MAX);
		size_t n;

		fill(t, msg, 20);
		assert_int_equal(ipc_encode(t, msg, &b), ERR_OK);
		n = b.n;
		for (size_t cut = 0; cut < n; cut++) {
			uint8_t *exact = malloc(cut + 1);

			assert_non_null(exact);
			memcpy(exact, b.p, cut);
			CHECK_NUM(ipc_decode(t, span_of(exact, cut), got),
			    ERR_SYNTAX, "%s cut at %zu", t->name, cut);
			free(exact);
		}
		for (size_t more = 1; more <= 16; more++) {
			assert_int_equal(buf_addc(&b, 0), ERR_OK);
			CHECK_NUM(ipc_decode(t, buf_span(&b), got), ERR_SYNTAX,
			    "%s and %zu more", t->name, more);
		}
		buf_free(&b);
	}
}

/* One beyond each bound, ours and theirs. */
static void
test_bounds(void **state)
{
	uint8_t msg[STRUCT_MAX], got[STRUCT_MAX];

	(void)state;
	for (size_t i = 0; i < IPC_ALL_COUNT; i++)
		for (size_t k = 0; k < ipc_all[i]->nfields; k++) {
			const struct ipc_type *t = ipc_all[i];
			const struct ipc_field *f = &t->fields[k];
			struct ipc_field wide = *f;
			struct ipc_type loose = { .size = STRUCT_MAX,
				.fields = &wide, .nfields = 1, .name = "loose" };
			struct ipc_type one = { .size = STRUCT_MAX,
				.fields = f, .nfields = 1, .name = "one" };
			struct buf b = buf_make(64 * 1024 * 1024);

			if (f->kind == IPC_U8 && f->max < UINT8_MAX) {
				memset(msg, 0, sizeof msg);
				msg[f->offset] = (uint8_t)(f->max + 1);
			} else if (f->kind == IPC_OCTETS) {
				struct span s = { calloc(1, (size_t)f->max + 1),
					(size_t)f->max + 1 };
				assert_non_null(s.p);
				memcpy(msg + f->offset, &s, sizeof s);
			} else {
				continue;
			}
			wide.max = UINT32_MAX;
			CHECK_NUM(ipc_encode(&one, msg, &b), ERR_FULL,
			    "%s field %zu", t->name, k);
			CHECK_NUM(b.n, 0, "nothing half written");
			assert_int_equal(ipc_encode(&loose, msg, &b), ERR_OK);
			CHECK_NUM(ipc_decode(&one, buf_span(&b), got),
			    ERR_SYNTAX, "%s field %zu", t->name, k);
			if (f->kind == IPC_OCTETS) {
				struct span s;

				memcpy(&s, msg + f->offset, sizeof s);
				free((void *)(uintptr_t)s.p);
			}
			buf_free(&b);
		}
}

static void
test_numbers_are_unique(void **state)
{
	(void)state;
	for (size_t i = 0; i < IPC_ALL_COUNT; i++) {
		CHECK(ipc_all[i]->number != 0, "%s", ipc_all[i]->name);
		for (size_t k = 0; k < i; k++)
			CHECK(ipc_all[i]->number != ipc_all[k]->number, "%s %s",
			    ipc_all[i]->name, ipc_all[k]->name);
	}
}

static void
test_list(void **state)
{
	struct buf list = buf_make(1000);
	struct resolve_address a = { SPAN("\x7f\0\0\1") }, got;
	struct span walk;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(ipc_list_add(&ipc_resolve_address, &a, &list),
		    ERR_OK);
	for (size_t cut = 0; cut <= list.n; cut++) {
		enum err e;

		walk = span_of(list.p, cut);
		for (n = 0; (e = ipc_list_next(&ipc_resolve_address, &walk,
				 &got)) == ERR_OK; n++)
			CHECK(span_eq(got.address, a.address), "item %zu", n);
		CHECK_NUM(e, cut % 12 == 0 ? ERR_NONE : ERR_SYNTAX,
		    "cut at %zu", cut);
	}
	CHECK_NUM(n, 3, "all came");
	buf_free(&list);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_there_and_back, "PRS-6"),
		TEST(test_cut_and_overlong, "PRS-6 PRV-4"),
		TEST(test_bounds, "PRS-6 MEM-2"),
		TEST(test_numbers_are_unique, ""),
		TEST(test_list, "PRS-6"),
	};

	return RUN_TESTS(tests);
}
