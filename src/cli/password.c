#include "cli/password.h"
#include "cli/cli.h"
#include "config/verifier.h"

#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

static enum err
read_line(struct buf *to)
{
	uint8_t c;

	for (;;) {
		ssize_t n = read(STDIN_FILENO, &c, 1);

		if (n < 0)
			return ERR_IO;
		if (n == 0 || c == '\n')
			break;
		if (buf_addc(to, c) != ERR_OK)
			return ERR_FULL;
	}
	if (to->n > 0 && to->p[to->n - 1] == '\r')
		buf_cut(to, to->n - 1);
	return ERR_OK;
}

static enum err
ask(const char *prompt, struct buf *to)
{
	struct termios was, quiet;
	enum err e;

	if (tcgetattr(STDIN_FILENO, &was) != 0)
		return ERR_IO;
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	(void)fputs(prompt, stderr);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) != 0)
		return ERR_IO;
	e = read_line(to);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
	(void)fputc('\n', stderr);
	return e;
}

static enum err
ask_twice(struct buf *to)
{
	struct buf again = buf_make(PASSWORD_MAX);
	enum err e = ask("Password: ", to);

	if (e == ERR_OK)
		e = ask("The same again: ", &again);
	if (e == ERR_OK && !span_eq(buf_span(to), buf_span(&again))) {
		cli_complain("the two passwords differ");
		e = ERR_SYNTAX;
	}
	buf_wipe(&again);
	buf_free(&again);
	return e;
}

/* What no client can send in AUTH PLAIN, or no keyboard again. */
static bool
is_usable(struct span password)
{
	for (size_t i = 0; i < password.n; i++)
		if (password.p[i] < ' ' || password.p[i] == 0x7f)
			return false;
	return password.n > 0;
}

enum err
password_read(struct buf *to)
{
	enum err e = isatty(STDIN_FILENO) ? ask_twice(to) : read_line(to);

	if (e == ERR_SYNTAX)
		return e;
	if (e != ERR_OK || !is_usable(buf_span(to))) {
		cli_complain("a password is 1 to %u octets, no control "
		    "characters, on one line", PASSWORD_MAX);
		return ERR_SYNTAX;
	}
	return ERR_OK;
}

static enum err
add_hash(struct span password, struct buf *to)
{
	struct crypt_data *data = calloc(1, sizeof *data);
	char *text = strndup((const char *)password.p, password.n);
	char salt[CRYPT_GENSALT_OUTPUT_SIZE];
	const char *hash = NULL;
	enum err e = ERR_IO;

	if (data != NULL && text != NULL && crypt_gensalt_rn("$y$", 0, NULL, 0,
	    salt, sizeof salt) != NULL)
		hash = crypt_rn(text, salt, data, sizeof *data);
	if (hash != NULL && hash[0] != '*')
		e = buf_add(to, span_str(hash));
	if (text != NULL)
		explicit_bzero(text, password.n);
	if (data != NULL)
		explicit_bzero(data, sizeof *data);
	free(text);
	free(data);
	return e;
}

static enum err
add_verifier(struct span prepared, struct buf *to)
{
	uint8_t salt[VERIFIER_SALT];
	struct verifier v;
	enum err e = ERR_IO;

	if (getrandom(salt, sizeof salt, 0) != (ssize_t)sizeof salt ||
	    verifier_make(prepared, span_of(salt, sizeof salt), VERIFIER_WORK,
	    &v) != ERR_OK)
		return e;
	e = buf_addc(to, ':');
	if (e == ERR_OK)
		e = verifier_print(&v, to);
	explicit_bzero(&v, sizeof v);
	return e;
}

enum err
password_secret(struct span password, struct buf *to, bool *has_verifier)
{
	/* NFKC makes of one character at most 18. */
	struct buf prepared = buf_make(18 * PASSWORD_MAX);
	enum err e = add_hash(password, to);

	*has_verifier = false;
	if (e == ERR_OK)
		e = verifier_prepare(password, &prepared);
	if (e == ERR_OK)
		e = add_verifier(buf_span(&prepared), to);
	*has_verifier = e == ERR_OK;
	buf_wipe(&prepared);
	buf_free(&prepared);
	return e == ERR_SYNTAX ? ERR_OK : e;
}
