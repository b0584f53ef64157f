/*
 * proxy_vectors.c - every PROXY header that others have collected, in
 * shared/vectors/proxy: whose verdict is another than ours would stand here in a
 * table with its reason; there is none.
 */
#include "proto/proxy_protocol.h"

#include "check.h"

#include <arpa/inet.h>
#include <jansson.h>

static json_t *
load(void)
{
	const char *dir = getenv("POSTHORSE_VECTORS");
	char path[512];

	(void)snprintf(path, sizeof path, "%s/proxy/proxy.json",
	    dir != NULL ? dir : "../shared/vectors");
	return json_load_file(path, 0, NULL);
}

/* What comes behind a header is not the header's. */
static struct span
unpack(const char *hex, uint8_t to[2048])
{
	size_t n = strlen(hex) / 2;

	CHECK(n < 2040, "%zu octets", n);
	for (size_t i = 0; i < n; i++) {
		const char digits[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		to[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	memcpy(to + n, "QUIT\r\n", 6);
	return span_of(to, n + 6);
}

/* The word of the file for a result; whether all of the header was used up. */
static const char *
verdict(struct span in, struct proxy_header *p)
{
	switch (proxy_header_feed(p, &in)) {
	case PROXY_CLIENT:
		return in.n == 6 ? "address" : "address, cut elsewhere";
	case PROXY_LOCAL:
	case PROXY_UNKNOWN:
		return in.n == 6 ? "local" : "local, cut elsewhere";
	case PROXY_BAD:
	case PROXY_TOO_LONG:
		return "reject";
	case PROXY_MORE:
	case PROXY_RESULT_COUNT:
	default:
		return "more";
	}
}

static void
check_client(const json_t *row, const struct proxy_client *c, const char *name)
{
	char text[INET6_ADDRSTRLEN];

	assert_non_null(inet_ntop(c->naddress == 4 ? AF_INET : AF_INET6,
	    c->address, text, sizeof text));
	CHECK_STR(text, json_string_value(json_object_get(row, "src")), "%s",
	    name);
	CHECK_NUM(c->port, (unsigned long long)json_integer_value(
	    json_object_get(row, "port")), "%s", name);
}

static void
test_collected(void **state UNUSED)
{
	json_t *root = load(), *row;
	uint8_t octets[2048];
	size_t i;

	if (root == NULL)
		skip();
	json_array_foreach(json_object_get(root, "cases"), i, row) {
		const char *name = json_string_value(json_object_get(row,
		    "name"));
		const char *want = json_string_value(json_object_get(row,
		    "expect"));
		struct proxy_header p = { 0 };

		CHECK_STR(verdict(unpack(json_string_value(json_object_get(row,
		    "hex")), octets), &p), want, "%s", name);
		if (strcmp(want, "address") == 0)
			check_client(row, &p.client, name);
	}
	CHECK(i >= 21, "%zu cases", i);
	json_decref(root);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_collected, "SMTP-11 PRS-6"),
	};

	return RUN_TESTS(tests);
}
