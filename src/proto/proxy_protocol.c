/*
 * proxy_protocol.c - an octet at a time, a function a step.
 *
 *	START --'P'--> LINE (version 1, to its CRLF)
 *	START --CR---> HEAD --> ADDRESS --> TLV <--> VALUE
 *	                  \---> SKIP (LOCAL, or nobody's address)
 */
#include "proto/proxy_protocol.h"

#include "base/ip.h"

enum step {
	STEP_START,
	STEP_LINE,
	STEP_HEAD,
	STEP_ADDRESS,
	STEP_TLV,
	STEP_VALUE,
	STEP_SKIP,
	STEP_COUNT
};

#define COMMAND_AT	12u	/* in the head: version and command */
#define FAMILY_AT	13u
#define LENGTH_AT	14u
#define COMMAND_LOCAL	0x20u
#define COMMAND_PROXY	0x21u
#define FAMILY_TCP4	0x11u
#define FAMILY_TCP6	0x21u
#define TLV_HEAD	3u	/* type, length */
#define TLV_CRC32C	0x03u
#define CRC_OCTETS	4u

static const uint8_t signature[COMMAND_AT] = {
	0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 'Q', 'U', 'I', 'T', 0x0a,
};

/* CRC32c: Castagnoli's polynomial, reflected. */
static uint32_t
crc32c_add(uint32_t crc, uint8_t octet)
{
	crc ^= octet;
	for (unsigned int i = 0; i < 8; i++)
		crc = crc >> 1 ^ ((crc & 1) != 0 ? UINT32_C(0x82f63b78) : 0);
	return crc;
}

static uint16_t
be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* Version 1 */

/* 0 to 65535, no leading zero. */
static bool
read_port(struct span word, uint16_t *port)
{
	uint64_t v;

	if (word.n == 0 || word.n > 5 || (word.n > 1 && word.p[0] == '0') ||
	    span_u64(word, UINT16_MAX, &v) != ERR_OK)
		return false;
	*port = (uint16_t)v;
	return true;
}

/* One space between two words, none elsewhere. */
static struct span
next_word(struct span *in)
{
	struct span word = span_take(in, span_find(*in, ' '));

	*in = span_skip(*in, 1);
	return word;
}

static enum proxy_result
read_line(struct proxy_header *p, struct span line)
{
	size_t want, n, ndestination;
	uint8_t destination[IP_OCTETS_MAX];
	uint16_t port;
	struct span family;

	(void)next_word(&line);		/* "PROXY": seen as it came */
	family = next_word(&line);
	if (span_eq(family, SPAN("UNKNOWN")))
		return PROXY_UNKNOWN;
	want = span_eq(family, SPAN("TCP4")) ? 4 :
	    span_eq(family, SPAN("TCP6")) ? 16 : 0;
	if (ip_parse(next_word(&line), p->client.address, &n) != ERR_OK ||
	    ip_parse(next_word(&line), destination, &ndestination) != ERR_OK ||
	    n != want || ndestination != want ||
	    !read_port(next_word(&line), &p->client.port) ||
	    !read_port(line, &port))
		return PROXY_BAD;
	p->client.naddress = (uint8_t)n;
	return PROXY_CLIENT;
}

static enum proxy_result
on_line(struct proxy_header *p, uint8_t octet)
{
	const struct span begin = SPAN("PROXY ");

	if (p->n < begin.n && octet != begin.p[p->n])
		return PROXY_BAD;
	p->octets[p->n++] = octet;
	if (octet != '\n')
		return p->n < PROXY_LINE_MAX ? PROXY_MORE : PROXY_TOO_LONG;
	if (p->octets[p->n - 2] != '\r')
		return PROXY_BAD;
	return read_line(p, span_of(p->octets, p->n - 2));
}

/* Version 2 */

/* To the next step, or to the end of the header. */
static enum proxy_result
go_on(struct proxy_header *p, enum step step)
{
	p->step = (uint8_t)step;
	p->n = 0;
	if (p->left > 0)
		return PROXY_MORE;
	if (step != STEP_TLV && step != STEP_SKIP)
		return PROXY_BAD;	/* cut short */
	if (p->has_crc && p->crc_said != ~p->crc)
		return PROXY_BAD;
	return (enum proxy_result)p->result;
}

static enum proxy_result
read_head(struct proxy_header *p)
{
	uint8_t command = p->octets[COMMAND_AT];
	uint8_t family = p->octets[FAMILY_AT];

	p->left = be16(p->octets + LENGTH_AT);
	if (command != COMMAND_LOCAL && command != COMMAND_PROXY)
		return PROXY_BAD;
	if (p->left > PROXY_REST_MAX)
		return PROXY_TOO_LONG;
	p->result = PROXY_CLIENT;
	if (command == COMMAND_PROXY &&
	    (family == FAMILY_TCP4 || family == FAMILY_TCP6)) {
		p->client.naddress = family == FAMILY_TCP4 ? 4 : 16;
		return go_on(p, STEP_ADDRESS);
	}
	/* 2.2: what is behind these is not looked at. */
	p->result = command == COMMAND_LOCAL ? PROXY_LOCAL : PROXY_UNKNOWN;
	return go_on(p, STEP_SKIP);
}

static enum proxy_result
on_head(struct proxy_header *p, uint8_t octet)
{
	if (p->n < sizeof signature && octet != signature[p->n])
		return PROXY_BAD;
	p->octets[p->n++] = octet;
	return p->n < PROXY_HEAD ? PROXY_MORE : read_head(p);
}

/* Source, destination, source port, destination port. */
static enum proxy_result
on_address(struct proxy_header *p, uint8_t octet)
{
	size_t n = p->client.naddress;

	p->octets[p->n++] = octet;
	p->left--;
	if (p->n < 2 * n + 4)
		return p->left > 0 ? PROXY_MORE : PROXY_BAD;
	memcpy(p->client.address, p->octets, n);
	p->client.port = be16(p->octets + 2 * n);
	return go_on(p, STEP_TLV);
}

static enum proxy_result
on_tlv(struct proxy_header *p, uint8_t octet)
{
	p->octets[p->n++] = octet;
	p->left--;
	if (p->n < TLV_HEAD)
		return p->left > 0 ? PROXY_MORE : PROXY_BAD;
	p->value = be16(p->octets + 1);
	if (p->octets[0] == 0 || p->value > p->left)
		return PROXY_BAD;
	if (p->octets[0] == TLV_CRC32C) {
		if (p->has_crc || p->value != CRC_OCTETS)
			return PROXY_BAD;
		p->has_crc = true;
	}
	if (p->value == 0)
		return go_on(p, STEP_TLV);
	p->step = STEP_VALUE;
	return PROXY_MORE;
}

static enum proxy_result
on_value(struct proxy_header *p, uint8_t octet)
{
	if (p->octets[0] == TLV_CRC32C)
		p->crc_said = p->crc_said << 8 | octet;
	p->left--;
	p->value--;
	return p->value > 0 ? PROXY_MORE : go_on(p, STEP_TLV);
}

static enum proxy_result
on_skip(struct proxy_header *p, uint8_t octet)
{
	(void)octet;
	p->left--;
	return p->left > 0 ? PROXY_MORE : (enum proxy_result)p->result;
}

/* The first octet says which version it is. */
static enum proxy_result
on_start(struct proxy_header *p, uint8_t octet)
{
	p->step = octet == 'P' ? STEP_LINE : STEP_HEAD;
	return octet == 'P' ? on_line(p, octet) : on_head(p, octet);
}

static enum proxy_result (*const steps[STEP_COUNT])(struct proxy_header *,
    uint8_t) = {
	[STEP_START] = on_start,
	[STEP_LINE] = on_line,
	[STEP_HEAD] = on_head,
	[STEP_ADDRESS] = on_address,
	[STEP_TLV] = on_tlv,
	[STEP_VALUE] = on_value,
	[STEP_SKIP] = on_skip,
};

enum proxy_result
proxy_header_feed(struct proxy_header *p, struct span *in)
{
	enum proxy_result result = PROXY_MORE;

	while (result == PROXY_MORE && in->n > 0) {
		uint8_t octet = span_take(in, 1).p[0];
		bool is_crc = p->step == STEP_VALUE &&
		    p->octets[0] == TLV_CRC32C;

		if (p->step == STEP_START)
			p->crc = UINT32_MAX;
		/* 2.2.3: the checksum's own octets count as zeros. */
		p->crc = crc32c_add(p->crc, is_crc ? 0 : octet);
		result = steps[p->step](p, octet);
	}
	return result;
}

const char *
proxy_result_text(enum proxy_result result)
{
	static const char *const texts[PROXY_RESULT_COUNT] = {
		[PROXY_MORE] = "no header in time",
		[PROXY_CLIENT] = "a client",
		[PROXY_LOCAL] = "a health check",
		[PROXY_UNKNOWN] = "the header names no TCP client",
		[PROXY_BAD] = "no header, or a malformed one",
		[PROXY_TOO_LONG] = "the header is too long",
	};

	return texts[result];
}
