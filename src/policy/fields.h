/*
 * fields.h - header fields that rules speak of, as the content streams past.
 *
 * Pure; allocates nothing.  Watches a content_scan, which alone knows where a
 * field begins and ends (PRS-1).  Only a field whose name some rule uses is
 * looked at: unfolded (RFC 5322 2.2.3), without spaces at its ends, its first
 * RULES_VALUE_MAX octets, its encoded words decoded (mail/encoded_word.h).  What
 * rules say of it is left in the facts.
 */
#ifndef POSTHORSE_POLICY_FIELDS_H
#define POSTHORSE_POLICY_FIELDS_H

#include "mail/content.h"
#include "policy/rules.h"

#define RULES_NAME_MAX	HEADER_NAME_MAX	/* octets; no rule has a longer one */
#define RULES_VALUE_MAX	2048u

struct rules_fields {
	const struct rules	*rules;		/* both borrowed */
	struct rules_facts	*facts;
	/* private: */
	size_t			 value_n;
	bool			 is_wanted;
	uint8_t			 value[RULES_VALUE_MAX];
	uint8_t			 plain[RULES_VALUE_MAX];
};
/* Watch a scan that has just begun; content_scan_unwatch() of it ends that. */
void rules_fields_begin(struct rules_fields *w, const struct rules *r,
    struct rules_facts *f, struct content_scan *scan);

#endif
