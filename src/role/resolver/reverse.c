#include "role/resolver/reverse.h"

#include "policy/check.h"

enum err
reverse_begin(struct reverse *r, struct span client)
{
	struct buf name = buf_make(DNS_NAME_MAX);

	*r = (struct reverse){ .nclient = client.n };
	if (client.n != 4 && client.n != 16)
		return ERR_SYNTAX;
	memcpy(r->client, client.p, client.n);
	if (check_query(client, client.n == 4 ? SPAN("in-addr.arpa") :
	    SPAN("ip6.arpa"), &name) != ERR_OK) {
		buf_free(&name);
		return ERR_NOMEM;
	}
	memcpy(r->ptr, name.p, name.n);
	r->ptr[name.n] = '\0';
	buf_free(&name);
	return ERR_OK;
}

bool
reverse_next(struct reverse *r, struct ask_query *q)
{
	if (!r->is_ptr_asked) {
		*q = (struct ask_query){ ASK_PTR, 0, r->ptr };
		r->is_ptr_asked = true;
	} else if (r->next < r->nnames) {
		*q = (struct ask_query){ r->nclient == 4 ? ASK_A : ASK_AAAA,
			r->next, r->names[r->next].text };
		r->next++;
	} else {
		return false;
	}
	r->npending++;
	return true;
}

static void
told_names(struct reverse *r, const struct ask_answer *a)
{
	r->is_ptr_told = true;
	r->has_failed = a->status == RESOLVE_TEMPFAIL;
	for (size_t i = 0; a->status == RESOLVE_OK && a->has_data &&
	    r->nnames < REVERSE_NAMES_MAX; i++) {
		struct span record = a->record(a->ctx, i);

		if (record.n == 0)
			break;
		if (dns_ptr_parse(record, &r->names[r->nnames]) == ERR_OK)
			r->nnames++;
	}
	r->found = r->nnames;
}

static void
told_addresses(struct reverse *r, size_t name, const struct ask_answer *a)
{
	struct span client = span_of(r->client, r->nclient);

	r->has_failed |= a->status == RESOLVE_TEMPFAIL;
	for (size_t i = 0; a->status == RESOLVE_OK && a->has_data; i++) {
		struct span record = a->record(a->ctx, i);

		if (record.n == 0)
			break;
		if (span_eq(record, client))
			r->found = MIN(r->found, name);
	}
}

void
reverse_told(struct reverse *r, const struct ask_query *q,
    const struct ask_answer *a)
{
	r->npending--;
	if (q->type == ASK_PTR)
		told_names(r, a);
	else
		told_addresses(r, q->host, a);
}

bool
reverse_is_done(const struct reverse *r)
{
	if (!r->is_ptr_told)
		return false;
	return r->found < r->nnames ||
	    (r->npending == 0 && r->next == r->nnames);
}

enum inquiry_found
reverse_result(const struct reverse *r, struct span *name)
{
	const struct dns_name *n = &r->names[0];
	enum inquiry_found found = INQUIRY_MISMATCH;

	*name = span_of(NULL, 0);
	if (r->is_ptr_told && r->found < r->nnames) {
		n = &r->names[r->found];
		found = INQUIRY_PASS;
	} else if (!reverse_is_done(r) || r->has_failed) {
		return INQUIRY_LATER;
	} else if (r->nnames == 0) {
		return INQUIRY_NONE;
	}
	*name = span_of(n->text, n->n);
	return found;
}
