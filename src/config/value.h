/*
 * value.h - the kinds of values: text into a field, and back.
 */
#ifndef POSTHORSE_CONFIG_VALUE_H
#define POSTHORSE_CONFIG_VALUE_H

#include "config/schema.h"

/* Where a value is read from: the rest of a statement's words. */
struct value_reader {
	const struct word	*words;
	size_t			 n, i;
	struct place		 end_at;	/* behind the last word */
	struct config		*c;
	struct config_report	*report;
	enum schema_scope	 scope;		/* whose keywords end a list */
	bool			 is_out_of_memory;
};

/* The next word, or NULL at the end. */
const struct word *value_next(struct value_reader *v);
/* Text into the config's own memory, NUL behind it; NULL: out of memory. */
const char *value_keep(struct value_reader *v, struct span text, bool is_lower);
/*
 * A DNS name in letters, digits and hyphens; no final dot; at most 253 octets
 * (RFC 1123 2.1).
 */
bool value_is_host_name(struct span name);
/* Of a tag or a route: at most CONFIG_TAG_MAX of a-z, 0-9 and -. */
bool value_is_name(struct span text);

extern const struct value_type value_count, value_octets, value_seconds,
    value_factor, value_percent, value_port, value_flag, value_host,
    value_path, value_word, value_text, value_user, value_servers, value_log_to,
    value_log_level, value_object, value_include, value_listen_kind,
    value_listen_on, value_networks, value_tls, value_template,
    value_relay_via, value_name, value_reverse, value_dns_lists, value_mailbox,
    value_senders, value_client, value_domains,
    value_mailboxes, value_at, value_ldap, value_separators;

/* Append text, quoted where the lexer would read it otherwise. */
MUST_USE enum err value_print_word(struct span text, struct buf *to);

#endif
