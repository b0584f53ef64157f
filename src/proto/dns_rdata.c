/*
 * dns_rdata.c - names and addresses that came from the DNS.
 */
#include "proto/dns_rdata.h"

static bool
is_host_letter(uint8_t c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-';
}

/* RFC 1123 2.1: no hyphen at either end. */
static bool
is_label(struct span label)
{
	if (label.n == 0 || label.n > DNS_LABEL_MAX || label.p[0] == '-' ||
	    label.p[label.n - 1] == '-')
		return false;
	for (size_t i = 0; i < label.n; i++)
		if (!is_host_letter(label.p[i]))
			return false;
	return true;
}

static bool
name_add(struct dns_name *name, struct span label)
{
	size_t dot = name->n > 0 ? 1 : 0;

	if (!is_label(label) || label.n + dot > DNS_NAME_MAX - name->n)
		return false;
	if (dot > 0)
		name->text[name->n++] = '.';
	for (size_t i = 0; i < label.n; i++)
		name->text[name->n++] = (char)ascii_lower(label.p[i]);
	name->text[name->n] = '\0';
	return true;
}

enum err
dns_host_name(struct span text, struct dns_name *name)
{
	struct dns_name got = { 0 };

	if (text.n > 0 && text.p[text.n - 1] == '.')
		text.n--;
	do {
		struct span label = span_take(&text, span_find(text, '.'));
		bool has_more = text.n > 0;

		if (!name_add(&got, label) || (has_more && text.n == 1))
			return ERR_SYNTAX;
		text = span_skip(text, 1);
	} while (text.n > 0);
	*name = got;
	return ERR_OK;
}

/* All of rdata is one name; the root leaves *name empty. */
static enum err
read_name(struct span rdata, struct dns_name *name)
{
	while (rdata.n > 0 && rdata.p[0] != 0) {
		size_t n = rdata.p[0];

		/* 64 and more would be a pointer: there are none here. */
		if (n > DNS_LABEL_MAX || n >= rdata.n ||
		    !name_add(name, span_of(rdata.p + 1, n)))
			return ERR_SYNTAX;
		rdata = span_skip(rdata, n + 1);
	}
	return rdata.n == 1 ? ERR_OK : ERR_SYNTAX;
}

enum err
dns_mx_parse(struct span rdata, struct dns_mx *mx)
{
	struct dns_mx got = { 0 };

	if (rdata.n < 3)
		return ERR_SYNTAX;
	got.preference = (uint16_t)(rdata.p[0] << 8 | rdata.p[1]);
	if (read_name(span_skip(rdata, 2), &got.host) != ERR_OK)
		return ERR_SYNTAX;
	got.is_null = got.host.n == 0;
	*mx = got;
	return ERR_OK;
}

enum err
dns_ptr_parse(struct span rdata, struct dns_name *name)
{
	struct dns_name got = { 0 };

	if (read_name(rdata, &got) != ERR_OK || got.n == 0)
		return ERR_SYNTAX;
	*name = got;
	return ERR_OK;
}

/* Prefixes that are nobody's public address (RFC 6890 and its registry). */
static const struct {
	uint8_t	bits;
	uint8_t	octets[16];
} closed4[] = {
	{ 8, { 0 } }, { 8, { 10 } }, { 10, { 100, 64 } }, { 8, { 127 } },
	{ 16, { 169, 254 } }, { 12, { 172, 16 } }, { 24, { 192, 0, 0 } },
	{ 24, { 192, 0, 2 } }, { 16, { 192, 168 } }, { 15, { 198, 18 } },
	{ 24, { 198, 51, 100 } }, { 24, { 203, 0, 113 } }, { 3, { 224 } },
}, closed6[] = {
	{ 96, { 0 } },				/* unspecified, loopback, old */
	{ 64, { 1 } },				/* discard */
	{ 32, { 0x20, 0x01, 0x0d, 0xb8 } },	/* documentation */
	{ 23, { 0x20, 0x01 } },			/* protocol assignments */
	{ 7, { 0xfc } }, { 10, { 0xfe, 0x80 } }, { 10, { 0xfe, 0xc0 } },
	{ 8, { 0xff } },
};

static bool
is_under(const uint8_t *a, const uint8_t *prefix, uint8_t bits)
{
	size_t whole = bits / 8;
	uint8_t rest = (uint8_t)(0xff00u >> (bits % 8));

	return memcmp(a, prefix, whole) == 0 &&
	    (bits % 8 == 0 || (a[whole] & rest) == (prefix[whole] & rest));
}

static bool
is_public4(const uint8_t *a)
{
	for (size_t i = 0; i < COUNT(closed4); i++)
		if (is_under(a, closed4[i].octets, closed4[i].bits))
			return false;
	return true;
}

/* Where an IPv6 address carries an IPv4 one, and at which octet. */
static const struct {
	uint8_t	bits, at;
	uint8_t	octets[16];
} carriers[] = {
	{ 96, 12, { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff } },
	{ 96, 12, { 0x00, 0x64, 0xff, 0x9b } },		/* NAT64, RFC 6052 */
	{ 16, 2, { 0x20, 0x02 } },			/* 6to4, RFC 3056 */
};

bool
dns_address_is_public(struct span octets)
{
	if (octets.n == 4)
		return is_public4(octets.p);
	if (octets.n != 16)
		return false;
	for (size_t i = 0; i < COUNT(carriers); i++)
		if (is_under(octets.p, carriers[i].octets, carriers[i].bits))
			return is_public4(octets.p + carriers[i].at);
	for (size_t i = 0; i < COUNT(closed6); i++)
		if (is_under(octets.p, closed6[i].octets, closed6[i].bits))
			return false;
	return true;
}
