/*
 * The same octets as an MX record, as a PTR record and as a name's text: whatever is accepted
 * is a host name.
 */
#include "proto/dns_rdata.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_name(const struct dns_name *name)
{
	struct dns_name again;

	if (name->n > DNS_NAME_MAX || name->text[name->n] != '\0' ||
	    dns_host_name(span_of(name->text, name->n), &again) != ERR_OK)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	struct dns_name name;
	struct dns_mx mx;

	if (dns_mx_parse(in, &mx) == ERR_OK && !mx.is_null)
		check_name(&mx.host);
	if (dns_ptr_parse(in, &name) == ERR_OK)
		check_name(&name);
	if (dns_host_name(in, &name) == ERR_OK)
		check_name(&name);
	(void)dns_address_is_public(in);
	return 0;
}
