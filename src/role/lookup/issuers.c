#include "role/lookup/issuers.h"

static void
complain(struct role *r, size_t i, const char *why)
{
	struct lookup_issuer *is = &lookup_of(r)->issuers[i];
	struct log_line l;

	if (is->is_wrong)
		return;
	is->is_wrong = true;
	log_begin(&l, LOG_LEVEL_ALARM, NULL, "table-trouble");
	log_str(&l, "issuer", r->config->oauths[i].issuer);
	log_str(&l, "file", r->config->oauths[i].keys_file);
	log_str(&l, "why", why);
	role_log(r, &l);
}

static bool
take(struct role *r, size_t i, struct span text)
{
	struct lookup_issuer *is = &lookup_of(r)->issuers[i];
	struct jwks *fresh;
	enum err e = jwks_parse(text, &fresh);

	if (e != ERR_OK) {
		complain(r, i, e == ERR_NOMEM ? err_name(e) :
		    e == ERR_NONE ? "no key in it that we can use" :
		    "no JWK set");
		return false;
	}
	jwks_drop(is->keys);
	is->keys = fresh;
	is->is_wrong = false;
	return true;
}

static bool
poll_one(struct role *r, size_t i)
{
	struct lookup_issuer *is = &lookup_of(r)->issuers[i];
	struct buf text = buf_make(JWKS_OCTETS_MAX);
	const char *why = "";
	enum watched_news news = watched_look(&is->watched, &text, &why);
	bool has_changed = false;

	if (news == WATCHED_NEW)
		has_changed = take(r, i, buf_span(&text));
	if (news == WATCHED_GONE) {
		complain(r, i, why);
		has_changed = is->keys != NULL;
		jwks_drop(is->keys);
		is->keys = NULL;
	}
	buf_free(&text);
	return has_changed;
}

bool
issuers_poll(struct role *r)
{
	bool has_changed = false;

	for (size_t i = 0; i < r->config->noauths; i++)
		if (r->config->oauths[i].keys_file[0] != '\0')
			has_changed |= poll_one(r, i);
	return has_changed;
}

bool
issuers_have_keys(const struct role *r)
{
	for (size_t i = 0; i < r->config->noauths; i++)
		if (lookup_of(r)->issuers[i].keys != NULL)
			return true;
	return false;
}
