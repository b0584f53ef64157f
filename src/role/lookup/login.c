/*
 * login.c - who is meant by what a client calls itself.
 */
#include "role/lookup/login.h"

#include "ipc/backend.h"
#include "ipc/login.h"

static size_t
fold(struct span s, char *to)
{
	for (size_t i = 0; i < s.n; i++)
		to[i] = (char)ascii_lower(s.p[i]);
	return s.n;
}

/*
 * NAME@DOMAIN, or NAME when there is one domain.  *index: of the domain, or the
 * number of domains when it is none of ours.  ERR_NOMEM: nobody can tell now.
 */
static enum err
split(const struct role *r, struct span said, struct span *name, size_t *index)
{
	struct span domain;

	if (addr_split(said, name, &domain))
		return route_domain(r->config, domain, index);
	*index = r->config->ndomains == 1 ? 0 : r->config->ndomains;
	return ERR_OK;
}

/*
 * As it is counted, logged and shown.  A domain of ours as the configuration
 * spells it: Unicode has many spellings of one, and a user has one name.
 */
static void
name_user(const struct role *r, struct login *l, struct span said,
    struct span name, size_t domain)
{
	if (domain == r->config->ndomains) {
		l->nuser = fold(said, l->user);
		return;
	}
	l->nuser = fold(name, l->user);
	l->nuser += fold(SPAN("@"), l->user + l->nuser);
	l->nuser += fold(span_str(r->config->domains[domain].name),
	    l->user + l->nuser);
}

/* Whose work is done when there is nobody: of this domain, or of any. */
static void
choose_other(const struct role *r, struct login *l, const struct table *own)
{
	for (size_t i = 0; i < r->config->ndomains; i++) {
		const struct table *t = &lookup_of(r)->domains[i].table;

		if (l->other == NULL)
			l->other = t->first_login;
		if (l->other_scram == NULL)
			l->other_scram = t->first_scram;
	}
	if (own != NULL && own->first_login != NULL)
		l->other = own->first_login;
	if (own != NULL && own->first_scram != NULL)
		l->other_scram = own->first_scram;
}

/*
 * A name that stands in an address as it is.  Directories take spaces, and
 * letters of Unicode that look alike, for the same: such a name would be
 * another user here, with a count of failures of its own.
 */
static bool
is_plain(const struct login *l, struct span name, bool may_be_utf8)
{
	struct addr a;
	uint8_t all = 0;

	for (size_t i = 0; i < name.n; i++)
		all |= name.p[i];
	return name.n <= BACKEND_NAME_MAX && (may_be_utf8 || all < 0x80) &&
	    span_find(name, '+') == name.n &&
	    addr_parse(login_user(l), &a) == ERR_OK && !a.is_quoted;
}

/* A back end knows who is not in the file, or has no password there. */
static uint32_t
backend_for(const struct role *r, const struct login *l, struct span name)
{
	const struct config *c = r->config;
	uint32_t b;

	if (l->domain == c->ndomains || l->is_away ||
	    (l->known != NULL && !span_eq(l->known->hash, SPAN("*"))))
		return CONFIG_NO_BACKEND;
	b = config_backend_of(c, &c->domains[l->domain]);
	return b != CONFIG_NO_BACKEND && is_plain(l, name,
	    config_backend_has_secrets(&c->backends[b])) ? b :
	    CONFIG_NO_BACKEND;
}

void
login_find(struct role *r, struct span said, struct login *l)
{
	const struct table *t = NULL;
	struct span name = { 0 };
	size_t domain = r->config->ndomains;

	ASSERT(said.n <= LOGIN_SAID_MAX);
	*l = (struct login){ 0 };
	l->is_away = split(r, said, &name, &domain) != ERR_OK;
	name_user(r, l, said, name, domain);
	if (domain < r->config->ndomains) {
		lookup_look(r, domain);
		t = &lookup_of(r)->domains[domain].table;
		l->is_away = !t->is_there;
		/* A login is the name itself, no subaddress of it. */
		l->known = table_find(t, name);
	}
	choose_other(r, l, t);
	l->domain = domain;
	l->nname = name.n;
	l->backend = backend_for(r, l, name);
}

bool
login_handle_identity(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct login_identity *q = msg;
	struct lookup_auth_answer a = { .tag = q->tag,
		.result = LOOKUP_AUTH_BAD };
	struct login l, said;

	login_find(r, q->identity, &l);
	login_find(r, q->user, &said);
	a.user = login_user(&l);
	if (l.is_away)
		a.result = LOOKUP_AUTH_TEMPFAIL;
	else if (l.known != NULL && (q->user.n == 0 ||
	    span_eq(login_user(&said), login_user(&l))))
		a.result = LOOKUP_AUTH_OK;
	return login_answer(r, from, &a);
}
