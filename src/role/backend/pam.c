/*
 * pam.c - posthorse-backend-pam: users of this host, by PAM.
 *
 * One question at a time: modules are not made for threads.  What they load,
 * read and run is theirs to choose, so this process is under no filter of its
 * own; doc/design/sandbox.md says what is left.
 */
#include "role/backend/backend.h"

#include "config/network.h"

#include <security/pam_appl.h>
#include <stdlib.h>

#define PROMPTS_MAX	8

static void
replies_free(struct pam_response *replies, int n)
{
	for (int i = 0; i < n; i++)
		if (replies[i].resp != NULL) {
			explicit_bzero(replies[i].resp,
			    strlen(replies[i].resp));
			free(replies[i].resp);
		}
	free(replies);
}

/* The password for who asks unseen; nothing for what is told. */
static int
reply(const struct pam_message *said, const struct backend_job *job,
    struct pam_response *to)
{
	switch (said->msg_style) {
	case PAM_PROMPT_ECHO_OFF:
		to->resp = strdup(job->password);
		return to->resp != NULL ? PAM_SUCCESS : PAM_BUF_ERR;
	case PAM_ERROR_MSG:
	case PAM_TEXT_INFO:
		return PAM_SUCCESS;
	default:
		/* Another question has no answer in SMTP. */
		return PAM_CONV_ERR;
	}
}

static int
converse(int n, const struct pam_message **said, struct pam_response **to,
    void *ctx)
{
	struct pam_response *replies;
	int code = PAM_SUCCESS;

	if (n <= 0 || n > PROMPTS_MAX)
		return PAM_CONV_ERR;
	replies = calloc((size_t)n, sizeof *replies);
	if (replies == NULL)
		return PAM_BUF_ERR;
	for (int i = 0; i < n && code == PAM_SUCCESS; i++)
		code = reply(said[i], ctx, &replies[i]);
	if (code != PAM_SUCCESS)
		replies_free(replies, n);
	else
		*to = replies;
	return code;
}

/* A module may have made another user of this one (AUTH-3). */
static bool
is_same_user(pam_handle_t *pam, const struct backend_job *job)
{
	const void *user = NULL;

	return pam_get_item(pam, PAM_USER, &user) == PAM_SUCCESS &&
	    user != NULL && strcmp(user, job->name) == 0;
}

static int
set_client(pam_handle_t *pam, const struct backend_job *job)
{
	struct buf text = buf_make(64);
	struct address a;
	int code = PAM_SUCCESS;

	if (address_make(job->client, &a) == ERR_OK &&
	    address_print(&a, &text) == ERR_OK &&
	    buf_addc(&text, '\0') == ERR_OK)
		code = pam_set_item(pam, PAM_RHOST, text.p);
	buf_free(&text);
	return code;
}

/*
 * The module that asks for a delay behind a failure would have the next one
 * wait in our one lane; who failed is held up by lookup.
 */
static void
no_delay(int code UNUSED, unsigned int us UNUSED, void *ctx UNUSED)
{
}

static int
check(pam_handle_t *pam, const struct backend_job *job)
{
	int code = set_client(pam, job);

	if (code == PAM_SUCCESS)
		code = pam_set_item(pam, PAM_FAIL_DELAY,
		    (const void *)(uintptr_t)no_delay);
	if (code == PAM_SUCCESS)
		code = pam_authenticate(pam,
		    PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	if (code == PAM_SUCCESS && !is_same_user(pam, job))
		code = PAM_AUTH_ERR;
	/* Expired, locked, out of hours. */
	if (code == PAM_SUCCESS)
		code = pam_acct_mgmt(pam,
		    PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	return code;
}

static void
judge(pam_handle_t *pam, int code, struct backend_job *job)
{
	static const int refusals[] = {
		PAM_AUTH_ERR, PAM_USER_UNKNOWN, PAM_PERM_DENIED, PAM_MAXTRIES,
		PAM_ACCT_EXPIRED, PAM_NEW_AUTHTOK_REQD, PAM_AUTHTOK_EXPIRED,
		PAM_CRED_EXPIRED,
	};

	if (code == PAM_SUCCESS)
		job->result = BACKEND_OK;
	else
		backend_trouble(job, "%s", pam_strerror(pam, code));
	for (size_t i = 0; i < COUNT(refusals); i++)
		if (code == refusals[i])
			job->result = BACKEND_NO;
}

static void
run(struct backend_lane *lane, struct backend_job *job)
{
	struct pam_conv talk = { converse, job };
	pam_handle_t *pam = NULL;
	int code;

	if (job->what != BACKEND_PASSWORD) {
		backend_trouble(job, "it knows passwords, no more");
		return;
	}
	code = pam_start(lane->b->config->service, job->name, &talk, &pam);
	if (code == PAM_SUCCESS)
		code = check(pam, job);
	judge(pam, code, job);
	if (pam != NULL)
		(void)pam_end(pam, code);
}

const struct backend_kind backend_kind = {
	.kind = CONFIG_BACKEND_PAM,
	.profile = SANDBOX_PAM,
	.nlanes = 1,
	.run = run,
};
