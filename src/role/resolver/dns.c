/*
 * dns.c - libunbound's settings, each with its reason.
 */
#include "role/resolver/dns.h"

#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define ANCHOR_FILE	"/usr/share/dns/root.key"
#define ANCHOR_MAX	65536u		/* octets of an anchor file */

static const struct {
	const char	*name, *value;
} options[] = {
	{ "msg-cache-size:", "4m" },		/* DNS-5: bounded */
	{ "rrset-cache-size:", "8m" },
	{ "key-cache-size:", "1m" },
	{ "neg-cache-size:", "1m" },
	{ "infra-cache-numhosts:", "1000" },
	{ "cache-max-negative-ttl:", "3600" },	/* DNS-5: an hour at most */
	{ "do-not-query-localhost:", "no" },	/* a resolver on this host */
	{ "outgoing-range:", "256" },
	{ "num-queries-per-thread:", "128" },
	{ "edns-buffer-size:", "1232" },
	{ "harden-below-nxdomain:", "yes" },
	{ "qname-minimisation:", "yes" },
	{ "use-syslog:", "no" },
	{ "verbosity:", "0" },
	{ "module-config:", "validator iterator" },
};

/* Who is asked may know the names of private networks; the root does not. */
static bool
set_private_zones(struct ub_ctx *ctx, bool is_recursing)
{
	return ub_ctx_set_option(ctx, "unblock-lan-zones:",
	    is_recursing ? "no" : "yes") == 0;
}

static bool
set_options(struct ub_ctx *ctx)
{
	for (size_t i = 0; i < COUNT(options); i++)
		if (ub_ctx_set_option(ctx, options[i].name,
			options[i].value) != 0)
			return false;
	return true;
}

/* One record a line; `;` begins a comment. */
static bool
add_anchors(struct ub_ctx *ctx, struct span text)
{
	char line[2048];
	size_t n = 0;

	while (text.n > 0) {
		struct span row = span_take(&text, span_find(text, '\n'));

		text = span_skip(text, 1);
		row.n = span_find(row, ';');
		row = span_trim(row);
		if (row.n == 0)
			continue;
		if (row.n >= sizeof line)
			return false;
		memcpy(line, row.p, row.n);
		line[row.n] = '\0';
		if (ub_ctx_add_ta(ctx, line) != 0)
			return false;
		n++;
	}
	return n > 0;
}

static bool
read_anchors(struct ub_ctx *ctx, const char *path)
{
	struct buf text = buf_make(ANCHOR_MAX);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	ok = file_read_all(fd, &text) == ERR_OK &&
	    add_anchors(ctx, buf_span(&text));
	buf_free(&text);
	(void)close(fd);
	return ok;
}

/* "192.0.2.1@53", as libunbound reads it. */
static bool
set_forwarders(struct ub_ctx *ctx, const struct config *config)
{
	for (size_t i = 0; i < config->nresolvers; i++) {
		struct buf text = buf_make(128);
		bool ok = address_print(&config->resolvers[i].address,
			      &text) == ERR_OK &&
		    buf_addf(&text, "@%u", config->resolvers[i].port) ==
			ERR_OK &&
		    buf_addc(&text, 0) == ERR_OK &&
		    ub_ctx_set_fwd(ctx, (const char *)text.p) == 0;

		buf_free(&text);
		if (!ok)
			return false;
	}
	return true;
}

struct ub_ctx *
unbound_open(const struct config *config, bool is_recursing, const char **why)
{
	const char *anchor = config->trust_anchor[0] != '\0'
	    ? config->trust_anchor
	    : ANCHOR_FILE;
	struct ub_ctx *ctx = ub_ctx_create();

	if (ctx == NULL || !set_options(ctx) ||
	    !set_private_zones(ctx, is_recursing) || ub_ctx_async(ctx, 1) != 0)
		*why = "libunbound cannot be set up";
	else if (!read_anchors(ctx, anchor))
		*why = "no DNSSEC trust anchor (install dns-root-data)";
	else if (!is_recursing && !set_forwarders(ctx, config))
		*why = "a resolver's address was refused";
	else if (!is_recursing && config->nresolvers == 0 &&
	    ub_ctx_resolvconf(ctx, NULL) != 0 && access("/etc/resolv.conf",
						     R_OK) == 0)
		*why = "/etc/resolv.conf cannot be read";
	else
		return ctx;
	ub_ctx_delete(ctx);
	return NULL;
}

static void
warmed(void *arg, int error UNUSED, struct ub_result *result)
{
	*(bool *)arg = true;
	ub_resolve_free(result);
}

enum err
unbound_warm(struct ub_ctx *ctx)
{
	/* Names under test. are for operators' own resolvers (RFC 6761). */
	static const char *const transparent[] = { "test.", "onion." };
	bool is_warm = false;

	if (ub_ctx_zone_add(ctx, "warm.invalid.", "static") != 0 ||
	    ub_ctx_data_add(ctx, "warm.invalid. 60 IN A 192.0.2.1") != 0)
		return ERR_IO;
	for (size_t i = 0; i < COUNT(transparent); i++)
		if (ub_ctx_zone_add(ctx, transparent[i], "transparent") != 0)
			return ERR_IO;
	if (ub_resolve_async(ctx, "warm.invalid.", 1, 1, &is_warm, warmed,
		NULL) != 0)
		return ERR_IO;
	(void)ub_wait(ctx);
	return is_warm ? ERR_OK : ERR_IO;
}
