/*
 * Any text gives a configuration or errors; a configuration prints, and what
 * it prints reads back to what prints the same.
 */
#include "config/config.h"

static struct config *
read_it(struct span text)
{
	static const struct config_host host = { "mx.example.org", 2 };
	struct config_report report = config_report_make();
	struct config *c = NULL;
	enum err e = config_parse(text, "/etc/x", NULL, &host, &c, &report);

	ASSERT((e == ERR_OK) == (c != NULL));
	ASSERT(e == ERR_NOMEM || (e == ERR_OK) == (report.nerrors == 0));
	config_report_free(&report);
	return c;
}

/* What is read as an address or a network prints as what reads the same. */
static void
read_network(struct span text)
{
	struct buf out = buf_make(64);
	struct network n, again;
	struct address a;

	if (network_parse(text, &n) == ERR_OK) {
		ASSERT(network_print(&n, &out) == ERR_OK);
		ASSERT(network_parse(buf_span(&out), &again) == ERR_OK);
		ASSERT(address_eq(&n.base, &again.base));
		ASSERT(n.bits == again.bits && network_holds(&n, &n.base));
	}
	if (address_parse(text, &a) == ERR_OK)
		ASSERT(a.n == 4 || a.n == 16);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf first = buf_make(CONFIG_PRINT_MAX);
	struct buf again = buf_make(CONFIG_PRINT_MAX);
	struct config *c = read_it(span_of(data, size)), *d;

	read_network(span_of(data, size));
	if (c != NULL && config_print(c, false, &first) == ERR_OK) {
		d = read_it(buf_span(&first));
		ASSERT(d != NULL);
		ASSERT(config_print(d, false, &again) == ERR_OK);
		ASSERT(span_eq(buf_span(&first), buf_span(&again)));
		config_free(d);
	}
	config_free(c);
	buf_free(&first);
	buf_free(&again);
	return 0;
}
