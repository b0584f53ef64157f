/*
 * tls_scheme.c - signature schemes, RFC 8446 4.2.3.
 */
#include "io/tls_private.h"

/* SHA-1 and what is older is for nobody any more (RFC 9155). */
const struct tls_scheme tls_schemes[] = {
	{ 0x0403, "EC", "SHA2-256", false },
	{ 0x0503, "EC", "SHA2-384", false },
	{ 0x0603, "EC", "SHA2-512", false },
	{ 0x0804, "RSA", "SHA2-256", true },
	{ 0x0805, "RSA", "SHA2-384", true },
	{ 0x0806, "RSA", "SHA2-512", true },
	{ 0x0401, "RSA", "SHA2-256", false },
	{ 0x0501, "RSA", "SHA2-384", false },
	{ 0x0601, "RSA", "SHA2-512", false },
	{ 0x0807, "ED25519", NULL, false },
};
const size_t tls_nschemes = COUNT(tls_schemes);

const struct tls_scheme *
tls_scheme_find(uint16_t code)
{
	for (size_t i = 0; i < COUNT(tls_schemes); i++)
		if (tls_schemes[i].code == code)
			return &tls_schemes[i];
	return NULL;
}
