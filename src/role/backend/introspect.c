#include "role/backend/introspect.h"

#include "base/json.h"

#include <jansson.h>

static struct span
text_of(const json_t *value)
{
	return span_of(json_string_value(value), json_string_length(value));
}

static bool
is_text(const json_t *value, const char *want)
{
	return json_is_string(value) &&
	    span_eq(text_of(value), span_str(want));
}

/* One, or a list of them. */
static bool
is_audience(const json_t *value, const char *want)
{
	for (size_t i = 0; i < json_array_size(value); i++)
		if (is_text(json_array_get(value, i), want))
			return true;
	return is_text(value, want);
}

/* Words with spaces between them (RFC 6749 3.3). */
static bool
has_scope(const json_t *value, const char *want)
{
	struct span rest = text_of(value);

	if (want[0] == '\0')
		return true;
	while (json_is_string(value) && rest.n > 0) {
		if (span_eq(span_take(&rest, span_find(rest, ' ')),
		    span_str(want)))
			return true;
		rest = span_skip(rest, 1);
	}
	return false;
}

/* Where times are said they are numbers. */
static bool
is_now(const json_t *root, int64_t now_s, int64_t *until_s)
{
	const json_t *exp = json_object_get(root, "exp");
	const json_t *nbf = json_object_get(root, "nbf");

	*until_s = INT64_MAX;
	if ((exp != NULL && !json_is_integer(exp)) ||
	    (nbf != NULL && !json_is_integer(nbf)))
		return false;
	if (nbf != NULL && json_integer_value(nbf) > now_s + INTROSPECT_SKEW_S)
		return false;
	if (exp != NULL)
		*until_s = json_integer_value(exp);
	return *until_s > now_s;
}

static bool
is_ours(const json_t *root, const struct introspect_rule *rule)
{
	const json_t *iss = json_object_get(root, "iss");

	return (iss == NULL || is_text(iss, rule->issuer)) &&
	    is_audience(json_object_get(root, "aud"), rule->audience) &&
	    has_scope(json_object_get(root, "scope"), rule->scope);
}

static enum err
add_user(const json_t *value, struct buf *user)
{
	struct span name = text_of(value);

	if (!json_is_string(value) || name.n == 0 ||
	    name.n > INTROSPECT_USER_MAX || span_find(name, 0) < name.n)
		return ERR_DENIED;
	return buf_add(user, name);
}

static enum err
judge(const json_t *root, const struct introspect_rule *rule, int64_t now_s,
    struct buf *user, int64_t *until_s)
{
	const json_t *active = json_object_get(root, "active");

	if (!json_is_boolean(active))
		return ERR_SYNTAX;
	if (!json_is_true(active) || !is_ours(root, rule) ||
	    !is_now(root, now_s, until_s))
		return ERR_DENIED;
	return add_user(json_object_get(root, rule->user_claim), user);
}

enum err
introspect_user(struct span answer, const struct introspect_rule *rule,
    int64_t now_s, struct buf *user, int64_t *until_s)
{
	json_t *root = answer.n > INTROSPECT_MAX ||
	    !json_is_shallow(answer) ? NULL : json_loadb(
	    (const char *)answer.p, answer.n, JSON_REJECT_DUPLICATES, NULL);
	enum err e = root == NULL ? ERR_SYNTAX :
	    judge(root, rule, now_s, user, until_s);

	json_decref(root);
	return e;
}
