#include "config/list.h"

#define LIST_MEMORY	(512u * 1024 * 1024)
#define KEY_MAX		(LIST_ENTRY_MAX + 2)

struct entry {
	struct map_node	node;
};

struct list
list_make(const struct siphash_key *key, enum config_match kind)
{
	return (struct list){
		.kind = kind,
		.entries = map_make(*key),
		.memory = arena_make(LIST_MEMORY, 0),
	};
}

void
list_free(struct list *l)
{
	map_free(&l->entries);
	arena_free(&l->memory);
	memset(l->prefixes, 0, sizeof l->prefixes);
	l->is_there = false;
}

/* --- entries --- */

/* Twice the same is once. */
static enum err
add_key(struct list *l, struct span key)
{
	struct entry *n;
	void *room;
	enum err e;

	if (map_find(&l->entries, key) != NULL)
		return ERR_OK;
	if (map_count(&l->entries) == LIST_ENTRIES_MAX)
		return ERR_FULL;
	e = arena_get(&l->memory, sizeof *n, &room);
	if (e == ERR_OK)
		e = arena_copy(&l->memory, key, &key);
	if (e != ERR_OK)
		return e;
	n = room;
	memset(n, 0, sizeof *n);
	return map_add(&l->entries, key, &n->node);
}

/* Length of the prefix, then its octets: a key for networks. */
static struct span
network_key(const struct address *a, uint8_t bits, uint8_t room[18])
{
	struct address kept = address_prefix(a, bits);

	room[0] = bits;
	memcpy(room + 1, kept.octets, kept.n);
	return span_of(room, 1u + kept.n);
}

static enum err
add_network(struct list *l, struct span text)
{
	uint8_t room[18];
	struct network n;

	if (network_parse(text, &n) != ERR_OK)
		return ERR_SYNTAX;
	l->prefixes[n.base.n == 16][n.bits] = 1;
	return add_key(l, network_key(&n.base, n.bits, room));
}

/* A star would be taken for more than it is here. */
static bool
is_text(struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < ' ' || text.p[i] == 0x7f ||
		    text.p[i] == '*' || text.p[i] == '?')
			return false;
	return text.n <= LIST_ENTRY_MAX;
}

static bool
is_address(struct span text)
{
	struct span at = SPAN("@");
	size_t i = span_find_span(text, at);

	return span_eq(text, SPAN("<>")) || i + at.n < text.n;
}

/* Most are in ASCII: they cost no call and no memory. */
static enum err
add_ascii(struct list *l, struct span text)
{
	struct buf ascii = buf_make(4 * LIST_ENTRY_MAX);
	enum err e = l->to_ascii(text, &ascii);

	if (e == ERR_OK)
		e = add_key(l, buf_span(&ascii));
	buf_free(&ascii);
	return e;
}

static bool
is_ascii(struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] > 127)
			return false;
	return true;
}

static enum err
add_text(struct list *l, struct span text)
{
	uint8_t room[LIST_ENTRY_MAX];
	bool is_of_address = l->kind == CONFIG_MATCH_SENDER ||
	    l->kind == CONFIG_MATCH_RECIPIENT;

	if (!is_text(text) || (is_of_address && !is_address(text)))
		return ERR_SYNTAX;
	if (l->to_ascii != NULL && l->kind != CONFIG_MATCH_USER &&
	    !is_ascii(text))
		return add_ascii(l, text);
	for (size_t i = 0; i < text.n; i++)
		room[i] = ascii_lower(text.p[i]);
	return add_key(l, span_of(room, text.n));
}

enum err
list_replace(struct list *l, struct span text, size_t *line)
{
	struct list fresh = list_make(&l->entries.key, l->kind);
	enum err e = ERR_OK;
	size_t at = 0;

	fresh.to_ascii = l->to_ascii;
	while (text.n > 0 && e == ERR_OK) {
		struct span row = span_take(&text, span_find(text, '\n'));

		text = span_skip(text, MIN((size_t)1, text.n));
		at++;
		/* An editor of elsewhere ends its lines in CRLF. */
		if (row.n > 0 && row.p[row.n - 1] < ' ')
			row.n--;
		row = span_trim(row);
		if (row.n > 0 && row.p[0] != '#')
			e = (l->kind == CONFIG_MATCH_CLIENT ? add_network :
			    add_text)(&fresh, row);
	}
	if (e != ERR_OK) {
		*line = at;
		list_free(&fresh);
		return e;
	}
	list_free(l);
	*l = fresh;
	l->is_there = true;
	return ERR_OK;
}

/* --- questions --- */

static bool
has(const struct list *l, struct span key)
{
	return map_find(&l->entries, key) != NULL;
}

static bool
holds_client(const struct list *l, struct span octets)
{
	uint8_t room[18];
	struct address a;

	if (address_make(octets, &a) != ERR_OK)
		return false;
	for (unsigned int bits = 0; bits <= a.n * 8u; bits++)
		if (l->prefixes[a.n == 16][bits] &&
		    has(l, network_key(&a, (uint8_t)bits, room)))
			return true;
	return false;
}

/* before, then what stands behind each dot of name, dot included. */
static bool
holds_above(const struct list *l, struct span before, struct span name)
{
	uint8_t key[KEY_MAX];
	size_t dot;

	memcpy(key, before.p, before.n);
	while ((dot = span_find(span_skip(name, MIN((size_t)1, name.n)),
	    '.') + 1) < name.n) {
		name = span_skip(name, dot);
		memcpy(key + before.n, name.p, name.n);
		if (has(l, span_of(key, before.n + name.n)))
			return true;
	}
	return false;
}

static bool
holds_address(const struct list *l, struct span address)
{
	struct span at = SPAN("@"), domain = address;
	size_t i;

	if (has(l, address))
		return true;
	/* No domain holds one: the last parts them. */
	while ((i = span_find_span(domain, at)) < domain.n)
		domain = span_skip(domain, i + at.n);
	if (domain.n == address.n)
		return false;
	return has(l, span_of(domain.p - at.n, domain.n + at.n)) ||
	    holds_above(l, at, domain);
}

bool
list_holds(const struct list *l, struct span subject)
{
	if (l->kind == CONFIG_MATCH_CLIENT)
		return holds_client(l, subject);
	if (subject.n > LIST_ENTRY_MAX)
		return false;
	if (l->kind == CONFIG_MATCH_HELO)
		return has(l, subject) ||
		    holds_above(l, span_of("", 0), subject);
	return l->kind == CONFIG_MATCH_USER ? has(l, subject) :
	    holds_address(l, subject);
}
