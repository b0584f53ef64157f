/*
 * id.c - message ids in octets and in letters.
 */
#include "base/id.h"

/* Crockford: no I, L, O, U, so that an id can be read out on the telephone. */
static const char letters[32] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

struct msg_id
msg_id_make(uint64_t wall_ms, const uint8_t random[10])
{
	struct msg_id id;

	for (size_t i = 0; i < 6; i++)
		id.octets[i] = (uint8_t)(wall_ms >> (40 - 8 * i));
	memcpy(id.octets + 6, random, 10);
	return id;
}

/* 26 letters hold 130 bits: the two at the top are zero. */
void
msg_id_print(const struct msg_id *id, char text[MSG_ID_LETTERS + 1])
{
	for (size_t i = 0; i < MSG_ID_LETTERS; i++) {
		unsigned int five = 0;

		for (size_t bit = i * 5; bit < i * 5 + 5; bit++) {
			unsigned int one = bit < 2 ? 0
			    : (unsigned int)id->octets[(bit - 2) / 8] >>
				(7 - (bit - 2) % 8) & 1u;

			five = five << 1 | one;
		}
		text[i] = letters[five];
	}
	text[MSG_ID_LETTERS] = '\0';
}

static int
letter_value(uint8_t c)
{
	const char *at;

	if (c >= 'a' && c <= 'z')
		c = (uint8_t)(c - 0x20);
	at = memchr(letters, c, sizeof letters);
	return at == NULL ? -1 : (int)(at - letters);
}

enum err
msg_id_parse(struct span text, struct msg_id *id)
{
	struct msg_id got = { 0 };

	if (text.n != MSG_ID_LETTERS)
		return ERR_SYNTAX;
	for (size_t i = 0; i < MSG_ID_LETTERS; i++) {
		int five = letter_value(text.p[i]);

		if (five < 0 || (i == 0 && five > 7))
			return ERR_SYNTAX;
		for (size_t k = 0; k < 5; k++) {
			size_t bit = i * 5 + k;

			if (bit >= 2 && ((unsigned int)five >> (4 - k)) & 1)
				got.octets[(bit - 2) / 8] |=
				    (uint8_t)(0x80u >> (bit - 2) % 8);
		}
	}
	*id = got;
	return ERR_OK;
}
