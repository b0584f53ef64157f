#include "cli/users_edit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

#define H	"$y$j9T$abc$def"
#define I	"$y$j9T$new$sum"
#define V	"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4" \
	"Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

static char folder[] = "/tmp/posthorse-users-XXXXXX";
static char path[128];

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return 1;
	(void)snprintf(path, sizeof path, "%s/users", folder);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)unlink(path);
	/* Fails when a temporary file was left behind. */
	return rmdir(folder);
}

static void
put(const char *text, mode_t mode)
{
	FILE *f;

	(void)unlink(path);
	if (text == NULL)
		return;
	f = fopen(path, "w");
	CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0, "%s", path);
	CHECK(chmod(path, mode) == 0, "%s", path);
}

static void
get(char *to, size_t room)
{
	FILE *f = fopen(path, "r");
	size_t n = 0;

	if (f != NULL) {
		n = fread(to, 1, room - 1, f);
		CHECK(fclose(f) == 0, "%s", path);
	}
	to[n] = '\0';
}

static const struct {
	const char	*before;	/* NULL: no file */
	enum users_edit	 what;
	const char	*name;
	enum err	 e;
	const char	*after;
} cases[] = {
	{ NULL, USERS_EDIT_ADD, "anna", ERR_OK, "anna:" I "\n" },
	{ "", USERS_EDIT_ADD, "anna", ERR_OK, "anna:" I "\n" },
	{ "# c\nbob:*\n", USERS_EDIT_ADD, "anna", ERR_OK,
	    "# c\nbob:*\nanna:" I "\n" },
	{ "bob:*", USERS_EDIT_ADD, "anna", ERR_OK, "bob:*\nanna:" I "\n" },
	{ "Anna:*\n", USERS_EDIT_ADD, "anna", ERR_FULL, "Anna:*\n" },
	{ "Anna:" H "\n# c\nbob:*\n", USERS_EDIT_CHANGE, "anna", ERR_OK,
	    "Anna:" I "\n# c\nbob:*\n" },
	{ "a:*\nbob:" H, USERS_EDIT_CHANGE, "bob", ERR_OK, "a:*\nbob:" I },
	{ "a:" H ":" V "\nb:*\n", USERS_EDIT_CHANGE, "a", ERR_OK,
	    "a:" I "\nb:*\n" },
	{ "bob:*\n", USERS_EDIT_CHANGE, "anna", ERR_NONE, "bob:*\n" },
	{ NULL, USERS_EDIT_CHANGE, "anna", ERR_NONE, "" },
	{ "bob\n", USERS_EDIT_ADD, "anna", ERR_SYNTAX, "bob\n" },
};

static void
test_edit(void **state)
{
	char text[1024];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		put(cases[i].before, 0600);
		CHECK_NUM(users_edit(path, cases[i].what,
		    span_str(cases[i].name), SPAN(I), (uid_t)-1, (gid_t)-1),
		    cases[i].e, "row %zu", i);
		get(text, sizeof text);
		CHECK_STR(text, cases[i].after, "row %zu", i);
	}
}

/* Never open to the world; what the owner chose stays. */
static void
test_modes(void **state)
{
	static const mode_t modes[][2] = {
		{ 0600, 0600 }, { 0640, 0640 }, { 0644, 0640 }, { 0400, 0400 },
	};
	struct stat st;

	(void)state;
	for (size_t i = 0; i < COUNT(modes); i++) {
		put("bob:*\n", modes[i][0]);
		CHECK(users_edit(path, USERS_EDIT_ADD, SPAN("anna"), SPAN(I),
		    (uid_t)-1, (gid_t)-1) == ERR_OK, "row %zu", i);
		CHECK(stat(path, &st) == 0, "row %zu", i);
		CHECK_NUM(st.st_mode & 07777, modes[i][1], "row %zu", i);
	}
	put(NULL, 0);
	CHECK(users_edit(path, USERS_EDIT_ADD, SPAN("anna"), SPAN(I),
	    (uid_t)-1, (gid_t)-1) == ERR_OK, "new");
	CHECK(stat(path, &st) == 0, "new");
	CHECK_NUM(st.st_mode & 07777, 0640, "new");
}

static void
test_no_symlink(void **state)
{
	(void)state;
	put(NULL, 0);
	CHECK(symlink("/etc/passwd", path) == 0, "link");
	CHECK(users_edit(path, USERS_EDIT_ADD, SPAN("anna"), SPAN(I),
	    (uid_t)-1, (gid_t)-1) == ERR_DENIED, "not followed");
}

static const struct CMUnitTest tests[] = {
	TEST(test_edit, ""),
	TEST(test_modes, "LOG-5"),
	TEST(test_no_symlink, ""),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
