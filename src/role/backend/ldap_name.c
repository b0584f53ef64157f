#include "role/backend/ldap_name.h"

/*
 * What means something where it stands.  In a name a space does so at its ends,
 * and a # in front; escaping them everywhere is as good, and shorter.
 */
static const char *const special[] = {
	[LDAP_IN_NAME] = " #\"+,;<=>\\",
	[LDAP_IN_FILTER] = "*()\\",
};

static bool
is_plain(uint8_t c, enum ldap_place place)
{
	return c > 0x1f && c < 0x7f &&
	    strchr(special[place], (char)c) == NULL;
}

/* Two digits of base 16 are allowed for any octet, in either. */
static enum err
add_value(struct span value, enum ldap_place place, struct buf *to)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < value.n && e == ERR_OK; i++)
		e = is_plain(value.p[i], place) ? buf_addc(to, value.p[i]) :
		    buf_addf(to, "\\%02x", value.p[i]);
	return e;
}

enum err
ldap_name_fill(struct span template, enum ldap_place place,
    const struct ldap_user *u, struct buf *to)
{
	const struct {
		const char	*mark;
		struct span	 value;
	} marks[] = {
		{ "{user}", u->user },
		{ "{name}", u->name },
		{ "{domain}", u->domain },
	};
	enum err e = ERR_OK;

	while (template.n > 0 && e == ERR_OK) {
		size_t i = 0;

		while (i < COUNT(marks) &&
		    !span_starts(template, span_str(marks[i].mark)))
			i++;
		if (i == COUNT(marks)) {
			e = buf_add(to, span_take(&template, 1));
			continue;
		}
		e = add_value(marks[i].value, place, to);
		template = span_skip(template, strlen(marks[i].mark));
	}
	return e;
}
