/*
 * ldap.c - posthorse-backend-ldap: users of a directory, by a simple bind.
 *
 * Where the entry is named by a template, one bind; where it has to be found by
 * a filter, a bind as ourselves and a search before it.  A connection for each
 * question: what it is bound as is nobody else's.
 */
#include "role/backend/ldap_name.h"
#include "role/backend/remote.h"

#include "os/clock.h"

#include <errno.h>
#include <ldap.h>
#include <openldap.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEXT_MAX	4096u		/* octets of a name or a filter */
#define URL_MAX		300u

struct dialogue {
	const struct config_backend *c;
	const struct backend	*b;
	struct backend_job	*job;
	uint64_t		 until_ms;
	LDAP			*ld;
};

static bool
trouble(struct dialogue *d, int code)
{
	backend_trouble(d->job, "%s", ldap_err2string(code));
	return false;
}

static bool
set(struct dialogue *d, int option, const void *value)
{
	return ldap_set_option(d->ld, option, value) == LDAP_SUCCESS ||
	    trouble(d, LDAP_LOCAL_ERROR);
}

/* What is left of the time, for one answer. */
static bool
set_time(struct dialogue *d)
{
	uint64_t now = clock_mono_ms();
	uint64_t ms = d->until_ms > now ? d->until_ms - now : 1;
	struct timeval within = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	return set(d, LDAP_OPT_TIMEOUT, &within) &&
	    set(d, LDAP_OPT_NETWORK_TIMEOUT, &within);
}

static bool
set_tls(struct dialogue *d)
{
	static const int demand = LDAP_OPT_X_TLS_DEMAND;
	static const int least = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2, fresh = 0;

	return d->c->tls_name[0] == '\0' ||
	    (set(d, LDAP_OPT_X_TLS_CACERTFILE, d->c->ca_file) &&
	    set(d, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) &&
	    set(d, LDAP_OPT_X_TLS_PROTOCOL_MIN, &least) &&
	    set(d, LDAP_OPT_X_TLS_NEWCTX, &fresh));
}

static bool
open_connection(struct dialogue *d)
{
	bool is_local = d->c->at.address.n == 0;
	bool has_tls = d->c->tls_name[0] != '\0';
	char url[URL_MAX];
	int fd, code;
	enum err e = remote_connect(d->b, d->until_ms, &fd);

	if (e != ERR_OK) {
		backend_trouble(d->job, "%s", e == ERR_AGAIN ?
		    "no answer in time" : strerror(errno));
		return false;
	}
	/* Its host is what the certificate must say. */
	(void)snprintf(url, sizeof url, "%s://%s", is_local ? "ldapi" :
	    has_tls ? "ldaps" : "ldap", has_tls ? d->c->tls_name : "");
	code = ldap_init_fd(fd, is_local ? LDAP_PROTO_IPC : LDAP_PROTO_TCP, url, &d->ld);
	if (code == LDAP_SUCCESS)
		return true;
	(void)close(fd);
	return trouble(d, code);
}

static bool
begin(struct dialogue *d)
{
	static const int version = LDAP_VERSION3;
	int code;

	if (!open_connection(d) ||
	    !set(d, LDAP_OPT_PROTOCOL_VERSION, &version) ||
	    !set(d, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) || !set_time(d) ||
	    !set_tls(d))
		return false;
	if (d->c->tls_name[0] == '\0')
		return true;
	code = ldap_install_tls(d->ld);
	return code == LDAP_SUCCESS || trouble(d, code);
}

/* RFC 4513 5.1.2: with an empty password anybody "may", and is nobody. */
static int
bind_as(struct dialogue *d, const char *name, char *password)
{
	struct berval said = { .bv_len = strlen(password), .bv_val = password };

	if (said.bv_len == 0 || name[0] == '\0')
		return LDAP_INVALID_CREDENTIALS;
	if (!set_time(d))
		return LDAP_LOCAL_ERROR;
	return ldap_sasl_bind_s(d->ld, name, LDAP_SASL_SIMPLE, &said, NULL,
	    NULL, NULL);
}

static bool
fill(struct dialogue *d, const char *template, enum ldap_place place,
    struct buf *to)
{
	struct ldap_user u = { span_str(d->job->user), span_str(d->job->name),
		span_str(d->job->domain) };

	if (ldap_name_fill(span_str(template), place, &u, to) == ERR_OK &&
	    buf_addc(to, '\0') == ERR_OK)
		return true;
	backend_trouble(d->job, "no memory");
	return false;
}

/* Of one entry.  None: nobody; more: nobody knows which. */
static bool
take_entry(struct dialogue *d, LDAPMessage *found, struct buf *name)
{
	char *dn;
	int n = ldap_count_entries(d->ld, found);
	bool is_kept;

	d->job->result = BACKEND_NO;
	if (n == 0)
		return false;
	if (n > 1) {
		backend_trouble(d->job, "the filter finds more than one entry");
		return false;
	}
	dn = ldap_get_dn(d->ld, ldap_first_entry(d->ld, found));
	is_kept = dn != NULL && buf_add(name, span_str(dn)) == ERR_OK &&
	    buf_addc(name, '\0') == ERR_OK;
	ldap_memfree(dn);
	if (!is_kept)
		backend_trouble(d->job, "no memory");
	return is_kept;
}

static bool
search(struct dialogue *d, struct buf *name)
{
	static char nothing[] = LDAP_NO_ATTRS;
	char *attributes[] = { nothing, NULL };
	struct buf filter = buf_make(TEXT_MAX);
	LDAPMessage *found = NULL;
	bool is_found = false;
	int code;

	if (fill(d, d->c->filter, LDAP_IN_FILTER, &filter) && set_time(d)) {
		code = ldap_search_ext_s(d->ld, d->c->base,
		    LDAP_SCOPE_SUBTREE, (const char *)filter.p, attributes, 1,
		    NULL, NULL, NULL, 2, &found);
		/* The limit is two: that there are more is enough to know. */
		is_found = code == LDAP_SUCCESS ||
		    code == LDAP_SIZELIMIT_EXCEEDED ? take_entry(d, found,
		    name) : trouble(d, code);
	}
	(void)ldap_msgfree(found);
	buf_free(&filter);
	return is_found;
}

/* The entry's name; false: there is none, and the job says why. */
static bool
find_name(struct dialogue *d, struct buf *name)
{
	char *password = (char *)(uintptr_t)d->b->secret;
	int code;

	if (d->c->filter[0] == '\0')
		return fill(d, d->c->dn, LDAP_IN_NAME, name);
	if (d->c->login[0] != '\0') {
		code = bind_as(d, d->c->login, password);
		if (code != LDAP_SUCCESS)
			return trouble(d, code);
	}
	return search(d, name);
}

static void
judge(struct dialogue *d, int code)
{
	switch (code) {
	case LDAP_SUCCESS:
		d->job->result = BACKEND_OK;
		return;
	/* What no entry can be called, is not there, or may not come in. */
	case LDAP_INVALID_CREDENTIALS:
	case LDAP_INVALID_DN_SYNTAX:
	case LDAP_NO_SUCH_OBJECT:
	case LDAP_INAPPROPRIATE_AUTH:
	case LDAP_INSUFFICIENT_ACCESS:
	case LDAP_CONSTRAINT_VIOLATION:
		d->job->result = BACKEND_NO;
		return;
	default:
		(void)trouble(d, code);
	}
}

static void
run(struct backend_lane *lane, struct backend_job *job)
{
	struct dialogue d = { lane->b->config, lane->b, job,
		clock_mono_ms() + BACKEND_WITHIN_MS, NULL };
	struct buf name = buf_make(TEXT_MAX);

	if (job->what != BACKEND_PASSWORD)
		backend_trouble(job, "it knows passwords, no more");
	else if (begin(&d) && find_name(&d, &name))
		judge(&d, bind_as(&d, (const char *)name.p, job->password));
	if (d.ld != NULL)
		(void)ldap_unbind_ext_s(d.ld, NULL, NULL);
	buf_free(&name);
}

/* It would read settings of this host, and of a user's home. */
static bool
start(struct backend *b)
{
	LDAP *ld = NULL;

	if (setenv("LDAPNOINIT", "1", 1) != 0 ||
	    ldap_create(&ld) != LDAP_SUCCESS)
		return backend_complain(b, "libldap does not start");
	return ldap_unbind_ext_s(ld, NULL, NULL) == LDAP_SUCCESS;
}

const struct backend_kind backend_kind = {
	.kind = CONFIG_BACKEND_LDAP,
	.profile = SANDBOX_LDAP,
	.nlanes = 8,
	.file = remote_file,
	.load = remote_load,
	.start = start,
	.run = run,
};
