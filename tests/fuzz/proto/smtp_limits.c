/* No limit is beyond what can be said; said again, it stays the same. */
#include "proto/smtp_limits.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct smtp_limits l = smtp_limits_parse(span_of(data, size)), again;
	char text[100];

	if (l.mails > SMTP_LIMIT_MAX || l.rcpts > SMTP_LIMIT_MAX ||
	    l.domains > SMTP_LIMIT_MAX)
		abort();
	(void)snprintf(text, sizeof text,
	    "MAILMAX=%u RCPTMAX=%u RCPTDOMAINMAX=%u", l.mails, l.rcpts,
	    l.domains);
	again = smtp_limits_parse(span_str(text));
	if (again.mails != l.mails || again.rcpts != l.rcpts ||
	    again.domains != l.domains)
		abort();
	return 0;
}
